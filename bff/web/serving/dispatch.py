"""From a request to its reply: the one path that every host takes.

    begin     the host's name, the routing table, who asks, params, whether they may, memory (sync)
    Pending   what takes waiting: the request's body, Redis, a run, a route                 (async)
    finish    request id, CORS, no body for HEAD        (every reply, problem documents too)

A bug in any of them ends in a 500 problem document and a traceback in the log, never in a dead
worker. Knows no host.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import assert_never

from bff.identity.ports import NOBODY, Identity
from bff.plan.model.composition import CompiledProject
from bff.upstream.passthrough.passthrough import Refused
from bff.web.compositions.handler import CompositionHandler, Target
from bff.web.compositions.request import CompositionRequest
from bff.web.http.cors import CrossOrigin, CrossOrigins, is_preflight, wanted_method
from bff.web.http.logs import Log
from bff.web.http.problems import bad_host, bad_path, internal_error, wrong_method
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.access import AccessControl, Guard
from bff.web.serving.own_endpoints import begin_own
from bff.web.serving.pending import Pending, PendingCall, after_admission, after_permission
from bff.web.serving.routes import RouteHandler
from bff.web.serving.routing import (
    BadPath,
    NoMatch,
    RoutingTable,
    ToComposition,
    ToOwn,
    ToRoute,
    WrongMethod,
)
from bff.web.serving.websockets import WebSocketHandler
from bff.web.sessions.endpoints import Endpoint

_MOST_REMEMBERED_LINES = 4096
_LONGEST_REMEMBERED_LINE = 512  # characters of path and query


# Begins the requests of one line: the same is read from it for each of them.
_BeginLine = Callable[[GatewayRequest], Reply | Pending]
_BeginAdmitted = Callable[[Identity], Reply | Pending]
_Work = Callable[[], Awaitable[Reply]]


class Dispatcher:
    """A compiled project, ready to answer. `begin` is safe on any thread. The maps' keys are
    compositions' names, routes' prefixes, and paths of the gateway's own endpoints."""

    def __init__(
        self,
        project: CompiledProject,
        table: RoutingTable,
        compositions: Mapping[str, CompositionHandler],
        routes: Mapping[str, RouteHandler],
        websockets: Mapping[str, WebSocketHandler],
        own: Mapping[str, Endpoint],
        cross_origins: CrossOrigins,
        access: AccessControl,
        log: Log,
    ) -> None:
        self._table = table
        self._compositions = {
            each.name: (
                compositions[each.name],
                access.guard(
                    each.access,
                    each.limits,
                    depends_on_caller=each.scope == "identity",
                    origins=each.cors.origins,
                ),
                cross_origins.of(each.cors),
            )
            for each in project.compositions
        }
        self._websockets = websockets
        self._routes = {
            each.prefix: (
                routes[each.prefix],
                access.guard(
                    each.access,
                    each.limits,
                    depends_on_caller=routes[each.prefix].tells_caller,
                    origins=each.cors.origins,
                ),
                cross_origins.of(each.cors),
            )
            for each in project.routes
        }
        self._own = own
        self._cross_origin = cross_origins.of(project.cors)
        self._log = log
        self._lines: dict[tuple[str, str, str], tuple[CrossOrigin | None, _BeginLine]] = {}

    def begin(self, request: GatewayRequest) -> Reply | Pending | None:
        """The reply, where it takes no waiting; None where nothing of the project's is there."""
        try:
            if not request.has_good_host():
                begun: Reply | Pending | None = bad_host(request)
            else:
                # Routing, reading params and digesting them take 12 µs of the 25 that a hit spends
                # here.
                key = (request.method, request.raw_path, request.raw_query)
                line = self._lines.get(key)
                if line is None:
                    begun = self._begin(request)
                else:
                    request.cross_origin, begin_line = line
                    begun = begin_line(request)
        except Exception as error:
            return self.report_bug(request, error)
        return self.finish(request, begun) if isinstance(begun, Reply) else begun

    def finds(self, method: str, raw_path: str) -> bool:
        """Whether something of the project's is at this path, or refuses it."""
        return not isinstance(self._table.match(method, raw_path), NoMatch)

    def finish(self, request: GatewayRequest, reply: Reply) -> Reply:
        """What every reply has: the request's id, CORS, what limits say, and no body for HEAD."""
        cross_origin = request.cross_origin or self._cross_origin
        if cross_origin.is_on and not reply.cors:
            reply.cors = cross_origin.headers(request.single.get(b"origin"))
        reply.request_id = request.request_id
        if request.quota is not None:
            reply.quota = request.quota.headers()
        if request.method == "HEAD" and isinstance(reply.body, bytes):
            reply.body = b""
        return reply

    def report_bug(self, request: GatewayRequest, error: Exception) -> Reply:
        """Log an exception that nobody foresaw, and give the reply to it."""
        self._log.bug(request, error)
        return self.finish(request, internal_error(request))

    def _begin(self, request: GatewayRequest) -> Reply | Pending | None:
        if (
            request.method == "OPTIONS"
            and is_preflight(request)
            and (answer := self._preflight(request)) is not None
        ):
            return answer
        match = self._table.match(request.method, request.raw_path)
        if type(match) is ToComposition:
            return self._begin_composition(request, match)
        if request.method == "OPTIONS" and isinstance(match, WrongMethod):
            return Reply(204, [(b"allow", ", ".join(match.allow).encode())])
        match match:
            case ToOwn(path):
                return begin_own(self, request, self._own[path])
            case ToRoute():
                return self._begin_route(request, match)
            case WrongMethod(allow):
                return wrong_method(request, allow)
            case BadPath():
                return bad_path(request)
            case NoMatch():
                return None
            case ToComposition():
                raise AssertionError("begun above")
            case _:
                assert_never(match)

    def _preflight(self, request: GatewayRequest) -> Reply | None:
        """The answer to a page that asks whether it may send a request; None where no page of
        another origin may, or nothing is there."""
        path = request.raw_path
        request.cross_origin = cross_origin = self._cross_origin_at(wanted_method(request), path)
        if cross_origin is None or not cross_origin.is_on:
            return None
        methods = self._table.allowed_methods(path)
        granted = [each for each in methods if self._cross_origin_at(each, path) is cross_origin]
        return cross_origin.preflight(request, methods, granted)

    def _cross_origin_at(self, method: str, raw_path: str) -> CrossOrigin | None:
        match = self._table.match(method, raw_path)
        match match:
            case ToComposition():
                return self._compositions[match.name][-1]
            case ToRoute():
                return self._routes[match.route.prefix][-1]
            case ToOwn() | WrongMethod():
                return self._cross_origin
            case BadPath() | NoMatch():
                return None
            case _:
                assert_never(match)

    def _begin_composition(self, request: GatewayRequest, match: ToComposition) -> Reply | Pending:
        handler, guard, request.cross_origin = self._compositions[match.name]

        def begin_admitted(caller: Identity) -> Reply | Pending:
            read = handler.read(request, match.params)
            if isinstance(read, Reply):
                return read
            if handler.is_in_line:
                self._remember(request, self._composition_line(handler, guard, read))
            return self._begin_read(request, handler, guard, read, caller)

        return self._when_admitted(request, handler, guard, begin_admitted)

    def _composition_line(
        self, handler: CompositionHandler, guard: Guard, read: CompositionRequest
    ) -> _BeginLine:
        if guard.admits_all and not handler.depends_on_caller:
            lookup, target = handler.lookup, handler.target(read, NOBODY)

            def begin_public_line(request: GatewayRequest) -> Reply | Pending:
                return lookup(request, target) or self._produce(handler, request, target)

            return begin_public_line

        def begin_line(request: GatewayRequest) -> Reply | Pending:
            begin_admitted = partial(self._begin_read, request, handler, guard, read)
            return self._when_admitted(request, handler, guard, begin_admitted)

        return begin_line

    def _begin_read(
        self,
        request: GatewayRequest,
        handler: CompositionHandler,
        guard: Guard,
        read: CompositionRequest,
        caller: Identity,
    ) -> Reply | Pending:
        """Begin what the caller asks for outside of the body, where they may."""
        if not guard.judges_params:
            return self._begin_permitted(request, handler, read, caller)
        permission = guard.permit(request, caller, read.params)
        if permission is None:
            return self._begin_permitted(request, handler, read, caller)
        if isinstance(permission, Reply):
            return permission
        begin = partial(self._begin_permitted, request, handler, read, caller)
        return self._waiting(request, handler, partial(after_permission, permission, begin))

    def _begin_permitted(
        self,
        request: GatewayRequest,
        handler: CompositionHandler,
        read: CompositionRequest,
        caller: Identity,
    ) -> Reply | Pending:
        if handler.takes_body:
            work = partial(handler.produce_with_body, request, read, caller)
            return self._waiting(request, handler, work)
        target = handler.target(read, caller)
        return handler.lookup(request, target) or self._produce(handler, request, target)

    def _when_admitted(
        self,
        request: GatewayRequest,
        handler: CompositionHandler,
        guard: Guard,
        begin: _BeginAdmitted,
    ) -> Reply | Pending:
        admission = guard.admit(request)
        if isinstance(admission, Identity):
            return begin(admission)
        if isinstance(admission, Reply):
            return admission
        return self._waiting(request, handler, partial(after_admission, admission, begin))

    def _waiting(
        self, request: GatewayRequest, handler: CompositionHandler, work: _Work
    ) -> Pending:
        return Pending(
            self,
            request,
            work,
            reads_body=handler.takes_body,
            may_be_abandoned=not handler.writes,
        )

    def _produce(
        self, handler: CompositionHandler, request: GatewayRequest, target: Target
    ) -> Pending:
        work = partial(handler.produce, request, target)
        return Pending(self, request, work, reads_body=False, may_be_abandoned=not handler.writes)

    def _begin_route(self, request: GatewayRequest, match: ToRoute) -> Reply | Pending:
        *_, request.cross_origin = self._routes[match.route.prefix]
        begin_line = self._route_line(match, request.method, request.raw_query)
        if request.method != "OPTIONS":  # else it may be a preflight
            self._remember(request, begin_line)
        return begin_line(request)

    def _route_line(self, match: ToRoute, method: str, raw_query: str) -> _BeginLine:
        handler, guard, _ = self._routes[match.route.prefix]
        websockets = self._websockets.get(match.route.prefix)
        target = handler.target(method, match.below, raw_query)
        may_be_abandoned = not handler.purges_after(method)

        def begin_permitted(request: GatewayRequest, caller: Identity = NOBODY) -> Reply | Pending:
            if isinstance(target, Refused):
                return handler.refuse(request, target)
            if websockets is not None:
                begun = self._begin_websocket(websockets, request, target, caller)
                if begun is not None:
                    return begun
            asked = handler if caller is NOBODY else handler.asked_by(caller)
            # By position: names cost a tenth of a microsecond.
            return PendingCall(self, request, asked, target, True, may_be_abandoned)

        if guard.admits_all:
            return begin_permitted

        def waiting(request: GatewayRequest, work: _Work) -> Pending:
            switches = websockets is not None and websockets.is_meant(request)
            return Pending(
                self,
                request,
                work,
                reads_body=not switches,
                may_be_abandoned=may_be_abandoned,
                switches=switches,
            )

        def begin_admitted(request: GatewayRequest, caller: Identity) -> Reply | Pending:
            permission = guard.permit(request, caller, {}) if guard.judges_params else None
            if permission is None:
                return begin_permitted(request, caller)
            if isinstance(permission, Reply):
                return permission
            begin = partial(begin_permitted, request, caller)
            return waiting(request, partial(after_permission, permission, begin))

        def begin_line(request: GatewayRequest) -> Reply | Pending:
            admission = guard.admit(request)
            if isinstance(admission, Identity):
                return begin_admitted(request, admission)
            if isinstance(admission, Reply):
                return admission
            begin = partial(begin_admitted, request)
            return waiting(request, partial(after_admission, admission, begin))

        return begin_line

    def _begin_websocket(
        self, websockets: WebSocketHandler, request: GatewayRequest, target: str, caller: Identity
    ) -> Reply | Pending | None:
        handshake = websockets.begin(request)
        if handshake is None or isinstance(handshake, Reply):
            return handshake
        work = partial(websockets.produce, request, target, handshake, caller)
        return Pending(self, request, work, reads_body=False, may_be_abandoned=True, switches=True)

    def _remember(self, request: GatewayRequest, begin_line: _BeginLine) -> None:
        if len(request.raw_path) + len(request.raw_query) <= _LONGEST_REMEMBERED_LINE:
            if len(self._lines) >= _MOST_REMEMBERED_LINES:
                self._lines.clear()  # rather than an order to keep, on every request
            key = (request.method, request.raw_path, request.raw_query)
            self._lines[key] = (request.cross_origin, begin_line)
