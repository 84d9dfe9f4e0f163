"""WebSockets below a route: a handshake is refused at once, or goes to the service.

What is a handshake, and what a service may answer, is for `bff.upstream.passthrough.handshake` to
say. Access is decided before, as for every request to the route.
"""

from bff.engine.values.outcomes import Failed
from bff.engine.values.results import Caller
from bff.plan.model.composition import Route
from bff.upstream.passthrough.handshake import Handshake, offers_websocket, read_handshake
from bff.upstream.passthrough.passthrough import ForwardedReply, Refused
from bff.upstream.passthrough.websockets import OpenWebSocket, WebSockets
from bff.web.http.cors import CrossOrigin
from bff.web.http.problems import no_websockets, problem
from bff.web.http.replies import Reply, SwitchedReply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.routes import client_of, failed_route


class WebSocketHandler:
    """Opens the WebSockets of a route for pages of the origins of its `cors`."""

    def __init__(
        self,
        route: Route,
        websockets: WebSockets,
        cross_origin: CrossOrigin,
    ) -> None:
        self._prefix = route.prefix
        self._websockets = websockets
        self._cross_origin = cross_origin
        self._origins = frozenset(origin.encode() for origin in route.cors.origins)

    def is_meant(self, request: GatewayRequest) -> bool:
        """Whether a request may come to a switch."""
        return request.can_switch and offers_websocket(request.headers)

    def begin(self, request: GatewayRequest) -> Handshake | Reply | None:
        """The handshake that a request is, or the refusal of one that it is not; None for a request
        that is meant as none."""
        if not offers_websocket(request.headers):
            return None
        if not request.can_switch:
            return no_websockets(request)
        read = read_handshake(request.method, request.version, request.headers, self._origins)
        return _refused(request, read) if isinstance(read, Refused) else read

    async def produce(
        self, request: GatewayRequest, target: str, handshake: Handshake, caller: Caller
    ) -> Reply:
        """The switch, or what the service answers instead. `target` is what is requested of it."""
        prefix = self._prefix
        answer = await self._websockets.open(
            handshake,
            target=target,
            headers=request.headers,
            client=client_of(request),
            trace=request.trace,
            caller=caller,
        )
        reply: Reply
        match answer:
            case OpenWebSocket(headers, transport, early):
                reply = SwitchedReply(101, headers, transport=transport, early=early)
            case ForwardedReply(status, headers, body):
                reply = Reply(status, self._cross_origin.without_upstreams(headers), body)
            case Failed():
                reply = failed_route(request, prefix, answer)
        return reply


def _refused(request: GatewayRequest, refused: Refused) -> Reply:
    return problem(request, refused.status, refused.reason, refused.detail, headers=refused.headers)
