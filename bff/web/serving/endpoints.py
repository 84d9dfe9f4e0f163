"""What is at a place of the routing table: a composition or a route, with its guard.

The order of a request, at each of them:

    admit     the guard: limits by address, credentials, roles and scopes
    read      params outside of the body
    permit    the guard: the condition, all other limits
    answer    memory; the body, Redis, a run, a call

Each step but `read` may take waiting. What follows it is then begun within a `Pending`.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from bff.identity.ports import NOBODY, Identity
from bff.upstream.passthrough.passthrough import Refused
from bff.web.compositions.handler import CompositionHandler, Target
from bff.web.compositions.request import CompositionRequest
from bff.web.http.destination import Destination
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.access import Guard
from bff.web.serving.pending import (
    Finisher,
    Pending,
    PendingCall,
    after_admission,
    after_permission,
)
from bff.web.serving.routes import RouteHandler
from bff.web.serving.websockets import WebSocketHandler

Begun = Reply | Pending
# Begins the requests of one line: the same is read from it for each of them.
BeginLine = Callable[[GatewayRequest], Begun]
Remember = Callable[[GatewayRequest, BeginLine], None]
_Work = Callable[[], Awaitable[Reply]]
_AsPending = Callable[[GatewayRequest, _Work], Pending]


def when_admitted(
    guard: Guard,
    request: GatewayRequest,
    begin: Callable[[Identity], Begun],
    as_pending: _AsPending,
) -> Begun:
    """Go on with the caller, if there is one whom the guard admits."""
    admission = guard.admit(request)
    if isinstance(admission, Identity):
        return begin(admission)
    if isinstance(admission, Reply):
        return admission
    return as_pending(request, partial(after_admission, admission, begin))


def when_permitted(
    guard: Guard,
    request: GatewayRequest,
    caller: Identity,
    params: Mapping[str, Any],
    begin: Callable[[], Begun],
    as_pending: _AsPending,
) -> Begun:
    """Go on, if the guard lets the caller have what the params say."""
    if not guard.judges_params:
        return begin()
    permission = guard.permit(request, caller, params)
    if permission is None:
        return begin()
    if isinstance(permission, Reply):
        return permission
    return as_pending(request, partial(after_permission, permission, begin))


def plain_options(methods: tuple[str, ...]) -> Reply:
    """Which methods a path takes."""
    return Reply(204, [(b"allow", ", ".join(methods).encode())])


class CompositionEndpoint:
    """A composition and its guard. Safe between threads."""

    def __init__(
        self,
        handler: CompositionHandler,
        guard: Guard,
        destination: Destination,
        finisher: Finisher,
    ) -> None:
        self.destination = destination
        self._handler = handler
        self._guard = guard
        self._finisher = finisher

    def begin(self, request: GatewayRequest, path: Mapping[str, str], remember: Remember) -> Begun:
        """Begin a request. `path` holds decoded segments by param name; `remember` keeps what is
        read of its line."""

        def begin_admitted(caller: Identity) -> Begun:
            read = self._handler.read(request, path)
            if isinstance(read, Reply):
                return read
            if self._handler.is_in_line:
                remember(request, self._line(read))
            return self._begin_read(request, read, caller)

        return when_admitted(self._guard, request, begin_admitted, self._pending)

    def begin_options(
        self, request: GatewayRequest, path: Mapping[str, str], methods: tuple[str, ...]
    ) -> Begun:
        """Answer which methods the path takes, where the caller may ask for what is there."""
        answer = partial(plain_options, methods)

        def begin_admitted(caller: Identity) -> Begun:
            read = self._handler.read(request, path)
            if isinstance(read, Reply):
                return read
            params = read.params
            return when_permitted(self._guard, request, caller, params, answer, self._pending)

        return when_admitted(self._guard, request, begin_admitted, self._pending)

    def _line(self, read: CompositionRequest) -> BeginLine:
        handler, guard = self._handler, self._guard
        target = None if handler.depends_on_caller else handler.target(read, NOBODY)
        if guard.admits_all and target is not None:
            lookup = handler.lookup

            def begin_public_line(request: GatewayRequest) -> Begun:
                return lookup(request, target) or self._produce(request, target)

            return begin_public_line

        admit, permit = guard.admit, guard.permit if guard.judges_params else None

        def begin_line(request: GatewayRequest) -> Begun:
            """As `begin`, with closures only for what has to wait: a µs of a hit's 14 for a token
            and a limit."""
            caller = admit(request)
            if not isinstance(caller, Identity):
                if isinstance(caller, Reply):
                    return caller
                begin_read = partial(self._begin_read, request, read, target=target)
                return self._pending(request, partial(after_admission, caller, begin_read))
            permission = None if permit is None else permit(request, caller, read.params)
            if permission is None:
                aim = handler.target(read, caller) if target is None else target
                return handler.lookup(request, aim) or self._produce(request, aim)
            if isinstance(permission, Reply):
                return permission
            begin = partial(self._begin_permitted, request, read, caller, target)
            return self._pending(request, partial(after_permission, permission, begin))

        return begin_line

    def _begin_read(
        self,
        request: GatewayRequest,
        read: CompositionRequest,
        caller: Identity,
        target: Target | None = None,
    ) -> Begun:
        begin = partial(self._begin_permitted, request, read, caller, target)
        return when_permitted(self._guard, request, caller, read.params, begin, self._pending)

    def _begin_permitted(
        self,
        request: GatewayRequest,
        read: CompositionRequest,
        caller: Identity,
        target: Target | None,
    ) -> Begun:
        """`target` is what the line asks for, where that is known and the same for each caller."""
        handler = self._handler
        if handler.takes_body:
            work = partial(handler.produce_with_body, request, read, caller)
            return self._pending(request, work)
        if target is None:
            target = handler.target(read, caller)
        return handler.lookup(request, target) or self._produce(request, target)

    def _produce(self, request: GatewayRequest, target: Target) -> Pending:
        return self._pending(request, partial(self._handler.produce, request, target))

    def _pending(self, request: GatewayRequest, work: _Work) -> Pending:
        return Pending(
            self._finisher,
            request,
            work,
            reads_body=self._handler.takes_body,
            may_be_abandoned=not self._handler.writes,
        )


class RouteEndpoint:
    """A route and its guard; `websockets` where it has these. Safe between threads."""

    def __init__(
        self,
        handler: RouteHandler,
        websockets: WebSocketHandler | None,
        guard: Guard,
        destination: Destination,
        finisher: Finisher,
    ) -> None:
        self.destination = destination
        self._handler = handler
        self._websockets = websockets
        self._guard = guard
        self._finisher = finisher

    def line(self, method: str, below: str, raw_query: str) -> BeginLine:
        """What begins the requests of one line; `below` is their path under the prefix."""
        target = self._handler.target(method, below, raw_query)
        may_be_abandoned = not self._handler.purges_after(method)
        begin_permitted = partial(self._begin_permitted, target, may_be_abandoned)
        if self._guard.admits_all:
            if self._websockets is not None or isinstance(target, Refused):
                return begin_permitted
            finisher, handler = self._finisher, self._handler

            def begin_public_line(request: GatewayRequest) -> Begun:
                # By position: names cost a tenth of a microsecond.
                return PendingCall(finisher, request, handler, target, True, may_be_abandoned)

            return begin_public_line

        def as_pending(request: GatewayRequest, work: _Work) -> Pending:
            return self._pending(request, work, may_be_abandoned=may_be_abandoned)

        def begin_line(request: GatewayRequest) -> Begun:
            def begin_admitted(caller: Identity) -> Begun:
                begin = partial(begin_permitted, request, caller)
                return when_permitted(self._guard, request, caller, {}, begin, as_pending)

            return when_admitted(self._guard, request, begin_admitted, as_pending)

        return begin_line

    def _begin_permitted(
        self,
        target: str | Refused,
        may_be_abandoned: bool,
        request: GatewayRequest,
        caller: Identity = NOBODY,
    ) -> Begun:
        handler = self._handler
        if isinstance(target, Refused):
            return handler.refuse(request, target)
        if self._websockets is not None:
            begun = self._begin_websocket(self._websockets, request, target, caller)
            if begun is not None:
                return begun
        asked = handler if caller is NOBODY else handler.asked_by(caller)
        return PendingCall(self._finisher, request, asked, target, True, may_be_abandoned)

    def _begin_websocket(
        self, websockets: WebSocketHandler, request: GatewayRequest, target: str, caller: Identity
    ) -> Begun | None:
        handshake = websockets.begin(request)
        if handshake is None or isinstance(handshake, Reply):
            return handshake
        work = partial(websockets.produce, request, target, handshake, caller)
        return self._pending(request, work, may_be_abandoned=True)

    def _pending(self, request: GatewayRequest, work: _Work, *, may_be_abandoned: bool) -> Pending:
        switches = self._websockets is not None and self._websockets.is_meant(request)
        return Pending(
            self._finisher,
            request,
            work,
            reads_body=not switches,
            may_be_abandoned=may_be_abandoned or switches,
            switches=switches,
        )
