"""Opens WebSockets to services: a handshake goes out, and the answer is held to it.

What passes once it is open are bytes, which nobody here reads. `handshake` decides what is a
handshake and an answer to it.
"""

import asyncio
from functools import partial
from typing import NamedTuple

from bff.engine.answers import answer_to
from bff.engine.ports import Headers, ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.engine.values.results import Caller
from bff.engine.values.trace import Trace
from bff.plan.model.composition import Route
from bff.upstream.passthrough.handshake import Disagreement, Handshake, agree
from bff.upstream.passthrough.headers import ClientInfo, RouteHeaders
from bff.upstream.passthrough.passthrough import ForwardedReply
from bff.upstream.pipeline.balance import Way
from bff.upstream.ports import SwitchedConnection


class OpenWebSocket(NamedTuple):
    """A service's end of a WebSocket, and the headers of the 101 that the client gets. `early` came
    behind the service's own. Reading is paused; whoever has it closes the transport."""

    headers: list[tuple[bytes, bytes]]
    transport: asyncio.Transport
    early: bytes


class WebSockets:
    """Opens those of a route. One per event loop, like the `way` to the route's service."""

    def __init__(
        self, route: Route, way: Way[SwitchedConnection | UpstreamReply], headers: RouteHeaders
    ) -> None:
        self._route = route
        self._headers = headers
        self._way = way

    async def open(
        self,
        handshake: Handshake,
        *,
        target: str,
        headers: Headers,
        client: ClientInfo,
        trace: Trace,
        caller: Caller | None,
    ) -> OpenWebSocket | ForwardedReply | Failed:
        """Open one, or return what the service answers instead. The arguments are as in
        `Passthrough.begin`. A cancelled call closes the connection."""
        sent = [*self._headers.to_service(headers, client), *handshake.headers()]
        route = self._route
        call = ServiceCall(route.service, "GET", target, sent, trace=trace, caller=caller)
        answer = await answer_to(partial(self._way, call, route.timeout_seconds))
        match answer:
            case Failed():
                return answer
            case SwitchedConnection(received, transport, early):
                agreed = agree(handshake, received)
                if isinstance(agreed, Disagreement):
                    transport.abort()
                    return Failed(Reason.PROTOCOL, 101, detail=agreed.detail)
                return OpenWebSocket(agreed, transport, early)
            case _:
                passed, _ = self._headers.to_client(answer.headers)
                return ForwardedReply(answer.status, passed, answer.body)
