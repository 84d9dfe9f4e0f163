"""From a request to its reply: the one path that both hosts take.

    recall    what was asked lately in the same words   (sync; instead of the next two)
    match     the routing table                         (sync; the host may then go elsewhere)
    lookup    the handler's memory-only part            (sync)
    produce   the rest                                  (async)
    finish    request id, CORS, no body for HEAD        (sync; every reply, problems too)

A bug in any of them ends in a 500 problem document and a traceback in the log, never in a dead
worker. Knows no host.
"""

from typing import assert_never

from bff.methods import WRITING_METHODS
from bff.web.compositions.handler import CompositionHandler, Target
from bff.web.http.cors import CrossOrigin
from bff.web.http.logs import Log
from bff.web.http.problems import bad_path, internal_error, not_found, wrong_method
from bff.web.http.replies import Reply
from bff.web.http.requests import ClientGone, GatewayRequest
from bff.web.serving.routes import RouteHandler
from bff.web.serving.routing import (
    BadPath,
    Match,
    NoMatch,
    RoutingTable,
    ToComposition,
    ToRoute,
    WrongMethod,
)

_RECENT_TARGETS = 4096
_RECENT_LENGTH = 512


class Dispatcher:
    """A compiled project, ready to answer. `lookup` is safe on any thread; `produce` belongs to
    the loop that the handlers' transport and cache were made on."""

    def __init__(
        self,
        table: RoutingTable,
        compositions: dict[str, CompositionHandler],
        routes: RouteHandler,
        cross_origin: CrossOrigin,
        log: Log,
    ) -> None:
        self.match = table.match
        self._table = table
        self._compositions = compositions
        self._routes = routes
        self._log = log
        self._cross_origin = cross_origin
        self._recent: dict[tuple[str, str, str], Target] = {}

    def recall(self, request: GatewayRequest) -> Reply | None:
        """The reply to a request whose line was looked up lately, where memory has it: routing,
        reading params and digesting them take 12 µs of the 25 that are spent in Python else."""
        target = self._recent.get((request.method, request.raw_path, request.raw_query))
        if target is None:
            return None
        try:
            reply = target.handler.lookup(target, request)
        except Exception as error:
            self._log.bug(request, error)
            reply = internal_error(request)
        return None if reply is None else finish(request, reply, self._cross_origin)

    def lookup(self, match: Match, request: GatewayRequest) -> Reply | None:
        """The reply, where it takes no waiting; else None, and `produce` has it."""
        try:
            if type(match) is ToComposition:  # first, and without `match`: the hot path
                reply = self._lookup(match, request)
            else:
                reply = self._answer_without_handler(match, request)
        except Exception as error:
            self._log.bug(request, error)
            reply = internal_error(request)
        return None if reply is None else finish(request, reply, self._cross_origin)

    async def produce(self, match: Match, request: GatewayRequest) -> Reply:
        """The reply to what `lookup` had none for. Raises `ClientGone` and cancellation alone."""
        try:
            match match:
                case ToComposition(name, params):
                    reply = await self._compositions[name].produce(request, params)
                case ToRoute():
                    reply = await self._routes.produce(request, match)
                case WrongMethod() | NoMatch() | BadPath():
                    reply = not_found(request)
                case _:
                    assert_never(match)
        except ClientGone:
            raise
        except Exception as error:
            self._log.bug(request, error)
            reply = internal_error(request)
        return finish(request, reply, self._cross_origin)

    def may_be_abandoned(self, match: Match, method: str) -> bool:
        """Whether work for a client that left is stopped. What writes runs to its end: half an
        order is worse than one that nobody waits for, and what it makes out of date is purged."""
        if isinstance(match, ToComposition):
            return not self._compositions[match.name].writes
        return not (isinstance(match, ToRoute) and match.route.purges and method in WRITING_METHODS)

    def reads_body(self, match: Match) -> bool:
        """Whether anybody reads the request's body."""
        if isinstance(match, ToComposition):
            return self._compositions[match.name].takes_body
        return isinstance(match, ToRoute)

    def _lookup(self, match: ToComposition, request: GatewayRequest) -> Reply | None:
        handler = self._compositions[match.name]
        target = handler.target(request, match.params)
        if target is None or isinstance(target, Reply):
            return target
        if handler.is_in_line and len(request.raw_path) + len(request.raw_query) <= _RECENT_LENGTH:
            if len(self._recent) >= _RECENT_TARGETS:
                self._recent.clear()  # rather than an order to keep, on every request
            self._recent[request.method, request.raw_path, request.raw_query] = target
        return handler.lookup(target, request)

    def _answer_without_handler(self, match: Match, request: GatewayRequest) -> Reply | None:
        if request.method == "OPTIONS":
            if self._cross_origin.is_preflight(request) and not isinstance(match, NoMatch):
                methods = self._table.allowed_methods(request.raw_path)
                return self._cross_origin.preflight(request, methods)
            if isinstance(match, WrongMethod):
                return Reply(204, [(b"allow", ", ".join(match.allow).encode())])
        match match:
            case WrongMethod(allow):
                return wrong_method(request, allow)
            case BadPath():
                return bad_path(request)
            case NoMatch():
                return not_found(request)
            case _:
                return None


def finish(request: GatewayRequest, reply: Reply, cross_origin: CrossOrigin) -> Reply:
    """What every reply has: our request id, CORS, and no body for HEAD."""
    # A new list: a cached payload's headers are shared by its replies.
    reply.headers = [
        *reply.headers,
        *cross_origin.headers(request.single.get(b"origin")),
        (b"x-request-id", request.request_id),
    ]
    if request.method == "HEAD" and isinstance(reply.body, bytes):
        reply.body = b""
    return reply
