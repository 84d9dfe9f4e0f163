"""The connections to one origin.

Rules:
1. The connection that was used last is used first, so that those beyond the need grow old.
2. There are at most `Limits.connections`, those that are being opened among them, and at most
   `Limits.opening` of these: where thousands begin together, each would be too late by the work for
   the others. Who finds neither waits in line; at most `Limits.waiting` do. The wait is a part of
   the request's time.
3. A connection that comes free goes to the first in line. Where one can't be opened and there is no
   other, the whole line hears of it.
4. An idle connection is closed after `Limits.idle_seconds`, or after 4/5 of what the upstream's
   `Keep-Alive: timeout` states where that is shorter, and in any case at `Limits.age_seconds`.
5. A pool without connections and without a line is dropped; so the number of pools has a bound.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from bff.engine.values.outcomes import Failed, Reason
from bff.errors import TlsFileError
from bff.plan.model.service import Proxy
from bff.upstream.http1.addresses import Bound, Origin, Resolver, connect_first
from bff.upstream.http1.connection import Connection
from bff.upstream.http1.tunnels import NoTunnel, open_tunnel

_UPSTREAM_IDLE_SHARE: Final = 0.8

_LINE_IS_FULL: Final = Failed(
    Reason.TIMEOUT, detail="too many requests wait for a connection", was_sent=False
)
_NO_TURN: Final = Failed(Reason.TIMEOUT, detail="no connection came free in time", was_sent=False)
_CLOSED: Final = Failed(Reason.DISCONNECTED, detail="the transport is closed", was_sent=False)
_CLOSED_IN_LINE: Final = Failed(
    Reason.DISCONNECTED, detail="the connection ended before its turn", was_sent=False
)
_CLOSED_IN_EXCHANGE: Final = Failed(Reason.DISCONNECTED, detail="the transport was closed")


class Limits(NamedTuple):
    """Bounds of each pool. 20,000 descriptors are what a process has at most machines; 10,000
    connections to one origin leave room for as many clients."""

    connect_seconds: float
    idle_seconds: float
    handshake_seconds: float = 2.0
    age_seconds: float = 300.0
    connections: int = 10_000
    opening: int = 64
    waiting: int = 10_000


def expires_at(now: float, opened_at: float, stated_seconds: float | None, limits: Limits) -> float:
    """Until when a connection that is idle from now on may be used (rule 4). `stated_seconds` is
    for how long the upstream keeps it."""
    seconds = limits.idle_seconds
    if stated_seconds is not None:
        seconds = min(seconds, stated_seconds * _UPSTREAM_IDLE_SHARE)
    return min(now + seconds, opened_at + limits.age_seconds)


# A connection, a place to open one (None), or the failure of somebody who tried.
_Turn = asyncio.Future[Connection | Failed | None]


class Pool:
    """For one event loop. `tls` gives the context for connections, where the origin wants TLS, or
    raises `TlsFileError`; `on_empty` is called when the last connection is gone."""

    def __init__(
        self,
        origin: Origin,
        loop: asyncio.AbstractEventLoop,
        resolver: Resolver,
        tls: Callable[[], ssl.SSLContext],
        proxy: Proxy | None,
        limits: Limits,
        on_empty: Callable[[], None],
    ) -> None:
        self.origin = origin
        self._loop = loop
        self._resolver = resolver
        self._tls = tls
        self._proxy = proxy
        self._limits = limits
        self._on_empty = on_empty
        self._idle: dict[Connection, None] = {}  # in the order of their last use
        self._open: set[Connection] = set()
        self._opening = 0
        self._line: deque[_Turn] = deque()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def take(self) -> Connection | None:
        """The idle connection that was used last, or None."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.expires_at > self._loop.time():
                return connection
            connection.close()
        return None

    def take_live(self) -> Connection | None:
        """The same for a request that must not be sent twice. A connection whose end is there,
        though the loop has not read it yet, is closed and passed over."""
        while (connection := self.take()) is not None and connection.has_news():
            connection.close()
        return connection

    async def open(self, ends_at: float) -> Connection | Failed:
        """A new connection; or, where there are too many, the one that comes free next. `ends_at`
        is a time of the loop."""
        if self._may_open() and not self._line:
            self._opening += 1
        else:
            turn = await self._wait_in_line(ends_at)
            if turn is not None:
                return turn
        try:
            opened = _CLOSED if self._is_closed else await self._connect(ends_at)
        except BaseException:
            self._end_opening()
            raise
        if isinstance(opened, Failed) and not self._open:
            while (first := self._first_in_line()) is not None:
                first.set_result(opened)
        self._end_opening()
        return opened

    def release(self, connection: Connection) -> None:
        """See `Home.release`."""
        now = self._loop.time()
        stated_seconds = connection.reader.idle_seconds
        connection.expires_at = expires_at(now, connection.opened_at, stated_seconds, self._limits)
        if connection.expires_at <= now:
            connection.close()
        elif (first := self._first_in_line()) is not None:
            first.set_result(connection)
        else:
            self._idle[connection] = None
            if self._sweep_timer is None:
                self._sweep_timer = self._loop.call_later(self._limits.idle_seconds, self._sweep)

    def forget(self, connection: Connection) -> None:
        """See `Home.forget`."""
        self._open.discard(connection)
        self._idle.pop(connection, None)
        self._invite()

    def close(self) -> None:
        """Close every connection; their exchanges fail. Whoever waits hears that it is closed."""
        self._is_closed = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for connection in list(self._open):
            connection.cut(_CLOSED_IN_EXCHANGE)

    async def _wait_in_line(self, ends_at: float) -> Connection | Failed | None:
        if len(self._line) >= self._limits.waiting:
            return _LINE_IS_FULL
        turn: _Turn = self._loop.create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout_at(ends_at):
                given = await turn
        except TimeoutError:
            self._give_back(turn)
            return _NO_TURN
        except asyncio.CancelledError:
            self._give_back(turn)
            raise
        return _CLOSED_IN_LINE if isinstance(given, Connection) and given.is_closed else given

    def _give_back(self, turn: _Turn) -> None:
        """Pass on the turn of somebody who left, where it came at the same moment."""
        if turn.cancelled():
            with suppress(ValueError):
                self._line.remove(turn)
            return
        match turn.result():
            case None:
                self._end_opening()
            case Connection() as connection if not connection.is_closed:
                self.release(connection)

    def _first_in_line(self) -> _Turn | None:
        while self._line:
            first = self._line.popleft()
            if not first.done():
                return first
        return None

    def _may_open(self) -> bool:
        limits = self._limits
        places = limits.connections - len(self._open) - self._opening
        return places > 0 and self._opening < limits.opening

    def _end_opening(self) -> None:
        self._opening -= 1
        self._invite()

    def _invite(self) -> None:
        """Give the first in line the places that came free."""
        while self._may_open() and (first := self._first_in_line()) is not None:
            self._opening += 1
            first.set_result(None)
        if not self._open and not self._opening:
            self._on_empty()

    async def _connect(self, ends_at: float) -> Connection | Failed:
        """Opens a connection; its place is taken already."""
        origin, limits, loop = self.origin, self._limits, self._loop
        is_connected = False
        try:
            by = (loop.time() + ends_at) / 2  # see rule 4 of `bff.upstream.ports`
            seconds = min(limits.connect_seconds, by - loop.time())
            context = self._tls() if origin.is_tls else None
            next_hop = self._proxy or origin
            async with Bound(loop, seconds):
                addresses = await self._resolver.addresses(
                    next_hop.host, next_hop.port, seconds / 2
                )
                made = await connect_first(loop, addresses)
            is_connected = True
            async with Bound(loop, min(limits.handshake_seconds, by - loop.time())):
                if self._proxy is not None and origin.is_tls:
                    await open_tunnel(loop, made, self._proxy, origin)
                _, connection = await loop.create_connection(
                    lambda: Connection(self, loop),
                    sock=made,
                    ssl=context,
                    server_hostname=origin.host if origin.is_tls else None,
                )
        except TlsFileError as error:
            return Failed(Reason.PROTOCOL, detail=f"tls.{error}", was_sent=False)
        except NoTunnel as error:
            return error.failure
        except OSError as error:
            return _why_unconnected(error, is_connected=is_connected)
        if connection.is_closed:
            return Failed(Reason.DISCONNECTED, detail="closed at once", was_sent=False)
        self._open.add(connection)
        if self._is_closed:
            connection.close()
            return _CLOSED
        return connection

    def _sweep(self) -> None:
        self._sweep_timer = None
        now = self._loop.time()
        for connection in [each for each in self._idle if each.expires_at <= now]:
            connection.close()
        if self._idle:
            self._sweep_timer = self._loop.call_later(self._limits.idle_seconds, self._sweep)


def _why_unconnected(error: OSError, *, is_connected: bool) -> Failed:
    """The failure of a connection that did not come about; TLS comes after `is_connected`."""
    match error:
        case TimeoutError():
            reason = Reason.CONNECT_TIMEOUT
        case socket.gaierror():
            reason = Reason.UNRESOLVED
        case _:
            reason = Reason.PROTOCOL if is_connected else Reason.REFUSED
    return Failed(reason, detail=repr(error), was_sent=False)
