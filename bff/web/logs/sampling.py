"""Which requests have a line: all that are failed, degraded or slow, and a share of the rest.

All workers and services decide alike on one trace (`bff.telemetry.traces.sampling`), unless an
untrusted client chose its id.
"""

from typing import Final

from bff.engine.values.trace import new_trace_id
from bff.telemetry.traces.sampling import ratio_sampler
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest

_SWITCHED: Final = 101  # a WebSocket lasts as long as its client wants


class Sampling:
    """`share` is the share of good, quick, complete requests that have a line, from 0 to 1.
    Requests are slow from `slow_seconds` on; 0: no request is slow."""

    def __init__(self, share: float = 1.0, slow_seconds: float = 0.0) -> None:
        self._share = share
        self._samples = ratio_sampler(share)
        self._slow_ms = slow_seconds * 1000 or float("inf")

    def weight(self, request: GatewayRequest, reply: Reply) -> float:
        """How many requests the line of this one stands for; 0: it gets no line."""
        if self._share == 1 or self._is_remarkable(request, reply):
            return 1.0
        return 1 / self._share if self._samples(_sampled_id(request)) else 0.0

    def _is_remarkable(self, request: GatewayRequest, reply: Reply) -> bool:
        account = reply.account
        if reply.status >= 400 or "bff.broken" in reply.facts:
            return True
        if account is not None and (account.outcome != "ok" or account.failures):
            return True
        return request.elapsed_ms >= self._slow_ms and reply.status != _SWITCHED


def _sampled_id(request: GatewayRequest) -> bytes:
    """The trace's id; a random one where an untrusted client chose the id. Else the client could
    choose whether its requests have lines, or make each stand for many."""
    trace_id = request.trace_id
    if request.is_trusted or request.has_new_trace:
        return trace_id
    is_request_id = trace_id == request.request_id and not request.has_own_id
    is_named = is_request_id or trace_id in (request.header_list(b"traceparent") or b"")
    return new_trace_id() if is_named else trace_id


ALL: Final = Sampling()
