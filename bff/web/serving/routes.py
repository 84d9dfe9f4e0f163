"""A raw route's handler: the request goes on as it came, and so does the reply.

What is forwarded is for `bff.upstream.passthrough.passthrough` to say; this turns its answers into
replies.
"""

from bff.cache.cache import Cache
from bff.engine.values.outcomes import Failed
from bff.methods import WRITING_METHODS
from bff.plan.model.composition import Route
from bff.upstream.passthrough.headers import ClientInfo
from bff.upstream.passthrough.passthrough import ForwardedReply, Passthrough, Refused
from bff.web.http.cors import CrossOrigin
from bff.web.http.problems import problem
from bff.web.http.replies import Reply, proxy_status
from bff.web.http.requests import GatewayRequest
from bff.web.serving.routing import ToRoute


class RouteHandler:
    """Serves every route of a project, on the loop that the pass-through belongs to."""

    def __init__(self, passthrough: Passthrough, cross_origin: CrossOrigin, cache: Cache) -> None:
        self._passthrough = passthrough
        self._cross_origin = cross_origin
        self._cache = cache

    async def produce(self, request: GatewayRequest, match: ToRoute) -> Reply:
        """The service's reply once its head is there, or the problem. Raises `ClientGone`."""
        answer = await self._passthrough.open(
            match.route,
            method=request.method,
            raw_path=match.route.prefix + match.below,
            raw_query=request.raw_query,
            headers=request.headers,
            body=request.body,
            client=ClientInfo(
                None if request.client_host is None else request.client_host.encode("latin-1"),
                request.scheme.encode("latin-1"),
                request.single.get(b"host"),
            ),
            request_id=request.request_id,
        )
        if purges_after(request.method, match.route) and _has_written(answer):
            await self._cache.purge(match.route.purges)
        match answer:
            case ForwardedReply(status, headers, body):
                reply = Reply(status, self._cross_origin.without_upstreams(headers), body)
            case Refused(status, reason, detail):
                reply = problem(request, status, reason, detail)
            case Failed():
                reply = _failed(request, match.route.prefix, answer)
        reply.facts = {"route": match.route.prefix, **reply.facts}
        return reply


def purges_after(method: str, route: Route) -> bool:
    """Whether a request to the route purges tags once it went through."""
    return bool(route.purges) and method in WRITING_METHODS


def _has_written(answer: ForwardedReply | Refused | Failed) -> bool:
    """Whether a write went through, as far as can be known."""
    match answer:
        case ForwardedReply(status, _, _):
            return status < 400 or status >= 500
        case Refused():
            return False
        case Failed():
            return answer.was_sent


def _failed(request: GatewayRequest, prefix: str, failed: Failed) -> Reply:
    reason = failed.reason
    member = (prefix, reason.word, reason.proxy_error, failed.status)
    reply = problem(
        request,
        reason.client_status,
        reason.word,
        f"The route failed: {reason.explanation}.",
        headers=((b"proxy-status", proxy_status([member])),),
    )
    reply.facts = {**reply.facts, "detail": failed.detail}
    return reply
