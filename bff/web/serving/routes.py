"""The handler of a raw route: the request goes on as it came, and so does the reply.

What is forwarded is for `bff.upstream.passthrough.passthrough` to say; this turns its answers into
replies.
"""

from functools import lru_cache, partial

from bff.cache.cache import Cache
from bff.engine.answers import Handle, OnAnswer, TaskCall, answer_to
from bff.engine.steps.failures import (
    challenge,
    explain,
    refuses_gateway,
    status_of_refusal,
    status_unjudged,
)
from bff.engine.values.outcomes import Failed, Reason
from bff.engine.values.results import Caller
from bff.methods import WRITING_METHODS
from bff.plan.model.composition import Route
from bff.upstream.passthrough.headers import ClientInfo
from bff.upstream.passthrough.passthrough import (
    Answer,
    Passthrough,
    Refused,
    refusal,
)
from bff.upstream.ports import UpstreamStream
from bff.web.http.cors import CrossOrigin
from bff.web.http.problems import problem
from bff.web.http.replies import NO_HEADERS, Reply, proxy_status
from bff.web.http.requests import GatewayRequest
from bff.web.serving.pending import CallHandler


class RouteHandler:
    """Serves a route, on the loop that its pass-through belongs to. `tells_caller`: its service
    learns who calls."""

    def __init__(
        self,
        route: Route,
        passthrough: Passthrough,
        cross_origin: CrossOrigin,
        cache: Cache,
        *,
        tells_caller: bool,
    ) -> None:
        self._route = route
        self.tells_caller = tells_caller
        self._passthrough = passthrough
        self._cross_origin = cross_origin
        self._cache = cache
        self._exposing = cross_origin.exposing(route.expose) if route.expose else {}

    def target(self, method: str, below: str, raw_query: str) -> str | Refused:
        """What is requested of the service; `below` is the request's path under the prefix."""
        return self._passthrough.target(method, self._route.prefix + below, raw_query)

    def refuse(self, request: GatewayRequest, refused: Refused) -> Reply:
        """The problem with a request that is not forwarded."""
        return problem(request, refused.status, refused.reason, refused.detail)

    def purges_after(self, method: str) -> bool:
        """Whether a request of this method purges tags once it went through."""
        return bool(self._route.purges) and method in WRITING_METHODS

    def asked_by(self, caller: Caller) -> CallHandler:
        """What answers this caller's requests."""
        return _AskedBy(self, caller) if self.tells_caller else self

    def begin(
        self,
        request: GatewayRequest,
        target: str,
        on_answer: OnAnswer[Answer],
        caller: Caller | None = None,
    ) -> Handle:
        """Forward a request; `reply` makes a reply of the answer. What a write makes out of date is
        purged before."""
        if self._route.purges and self.purges_after(request.method):
            return TaskCall[Answer](self._forward_and_purge(request, target, caller), on_answer)
        return self._forward(request, target, caller, on_answer)

    def reply(self, request: GatewayRequest, answer: Answer | Failed | Exception) -> Reply:
        """The service's reply, whose body may still arrive, or the problem. Raises what is a
        bug."""
        if isinstance(answer, UpstreamStream):
            passed = self._passthrough.passed_headers(request.method, answer)
            headers = self._cross_origin.without_upstreams(passed)
            reply = Reply(answer.status, headers, answer.body)
            if self._exposing:
                reply.cors = self._exposing.get(request.single.get(b"origin"), NO_HEADERS)
            return reply
        refused = refusal(answer)
        if isinstance(refused, Refused):
            return self.refuse(request, refused)
        return failed_route(request, self._route.prefix, refused)

    def _forward(
        self,
        request: GatewayRequest,
        target: str,
        caller: Caller | None,
        on_answer: OnAnswer[Answer],
    ) -> Handle:
        return self._passthrough.begin(
            on_answer,
            request.method,
            target,
            request.headers,
            request.body,
            client_of(request),
            request.trace,
            caller,
        )

    async def _forward_and_purge(
        self, request: GatewayRequest, target: str, caller: Caller | None
    ) -> Answer | Failed:
        answer = await answer_to(partial(self._forward, request, target, caller))
        if _has_written(answer):
            await self._cache.purge(self._route.purges)
        return answer


class _AskedBy:
    """A route's handler, for one caller's requests to a service that learns who calls."""

    def __init__(self, handler: RouteHandler, caller: Caller) -> None:
        self._caller = caller
        self._handler = handler
        self.reply = handler.reply

    def begin(self, request: GatewayRequest, target: str, on_answer: OnAnswer[Answer]) -> Handle:
        """See `RouteHandler.begin`."""
        return self._handler.begin(request, target, on_answer, self._caller)


def _has_written(answer: Answer | Failed) -> bool:
    """Whether a write went through, as far as can be known."""
    match answer:
        case UpstreamStream(status, _, _):
            return status < 400 or status >= 500
        case Refused():
            return False
        case Failed(reason=reason):
            return answer.was_sent and reason is not Reason.STATUS  # which says no


def client_of(request: GatewayRequest) -> ClientInfo:
    """The sender of a request, for the service."""
    return _client(request.client_host, request.scheme, request.host)


@lru_cache(256)
def _client(address: str | None, scheme: str, host: bytes | None) -> ClientInfo:
    encoded = None if address is None else address.encode("latin-1")
    return ClientInfo(encoded, scheme.encode("latin-1"), host)


def failed_route(request: GatewayRequest, prefix: str, failed: Failed) -> Reply:
    """The problem document for a route whose service gave no reply."""
    reason = failed.reason
    member = (prefix, reason.word, reason.proxy_error, failed.status)
    headers = [(b"proxy-status", proxy_status([member]))]
    status, wait = status_unjudged(failed), None
    if refuses_gateway(failed):
        status, wait = status_of_refusal(failed)
    if wait is not None:
        headers.append((b"retry-after", wait.encode("ascii")))
    if (wanted := challenge(failed, status)) is not None:
        headers.append((b"www-authenticate", wanted.encode("ascii")))
    reply = problem(
        request,
        status,
        reason.word,
        f"The route failed: {explain(failed)}.",
        headers=tuple(headers),
    )
    if failed.detail:
        reply.facts = {**reply.facts, "error.message": failed.detail}
    return reply
