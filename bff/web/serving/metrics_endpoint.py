"""`GET /metrics` at the gateway's own port, in every host, for clients with `BFF_METRICS_TOKEN`.

The access, limits and `cors` of the project don't apply to it. Without the setting there is no such
endpoint, and the project may use the path.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from bff.deadline import Deadline, DeadlinePassed
from bff.engine.heavy_work import HeavyWork
from bff.errors import SettingsError
from bff.identity.provider import BearerToken
from bff.plan.model.composition import CompiledProject
from bff.telemetry.metrics.exposition import Rendition, choose_rendition, render
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.snapshots import table_of
from bff.web.http.cors import NO_CROSS_ORIGIN
from bff.web.http.problems import fixed_problem, problem, wrong_method
from bff.web.http.refusals import challenge
from bff.web.http.replies import NO_STORE, NOSNIFF, Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.pending import Finisher, Pending

METRICS_PATH: Final = "/metrics"

_SECONDS: Final = 5.0
_BEARER: Final = BearerToken()

# Renders the metrics; None where the launcher doesn't answer in time.
RenderMetrics = Callable[[Rendition], Awaitable[bytes | None]]


class MetricsEndpoint:
    """Answers requests that have the token. Safe to share between threads."""

    methods = ("GET", "HEAD")
    cross_origin = NO_CROSS_ORIGIN

    def __init__(self, token: str, render_metrics: RenderMetrics) -> None:
        self._token = token.encode()
        self._render = render_metrics

    def begin(self, finisher: Finisher, request: GatewayRequest) -> Reply | Pending:
        """Begin a request."""
        if request.method not in self.methods:
            return wrong_method(request, (*self.methods, "OPTIONS"))
        given = _BEARER.read(request)
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), self._token):
            detail = "Send the token of the metrics: Authorization: Bearer …."
            return fixed_problem(request, 401, "no_token", detail, (challenge("no_token", detail),))
        work = partial(self._answer, request)
        return Pending(finisher, request, work, reads_body=False, may_be_abandoned=True)

    async def _answer(self, request: GatewayRequest) -> Reply:
        rendition = choose_rendition(
            request.header_list(b"accept"), request.header_list(b"accept-encoding")
        )
        body = await self._render(rendition)
        if body is None:
            detail = "The metrics could not be collected in time."
            return problem(
                request, 503, "metrics_delayed", detail, headers=((b"retry-after", b"1"),)
            )
        framing = (b"content-length", b"%d" % len(body))
        return Reply(200, [*rendition.headers(), framing, NO_STORE, NOSNIFF], body)


def metrics_of_process(
    metrics: Metrics, heavy_work: HeavyWork, loop: asyncio.AbstractEventLoop
) -> RenderMetrics:
    """Renders the metrics of this process alone. Belongs to the loop."""

    async def render_own(rendition: Rendition) -> bytes | None:
        deadline = Deadline.after(_SECONDS, loop.time)
        try:
            return await heavy_work.share(deadline).run(render, table_of(metrics), rendition)
        except DeadlinePassed:
            return None

    return render_own


def refuse_taken_path(project: CompiledProject) -> None:
    """Raises `SettingsError` where a composition or a route of the project is at the path."""
    taken = [each.name for each in project.compositions if each.path == (METRICS_PATH[1:],)]
    taken += [f"the route {each.prefix}" for each in project.routes if each.prefix == METRICS_PATH]
    if taken:
        raise SettingsError(
            f"BFF_METRICS_TOKEN: {METRICS_PATH} would hide {', '.join(taken)}. Choose another path"
            " there, or have the metrics at a separate port: BFF_METRICS_PORT."
        )
