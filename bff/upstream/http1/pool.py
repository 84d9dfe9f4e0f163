"""The connections to one origin.

Rules:
1. The connection that was used last is used first, so that those beyond the need grow old.
2. There are at most `Limits.connections`, those that are being opened among them, and at most
   `Limits.opening` of these: where thousands begin together, each would be too late by the work for
   the others. Who finds neither waits in line; at most `Limits.waiting` do. The wait is a part of
   the request's time.
3. A connection is opened for somebody in line, and goes to whoever is first then: at first those
   whose request is repeated, who get no other. One that comes free goes to the first of the others.
   Nobody gets one on which anything came meanwhile, its end for example.
   Where one can't be opened, the one that it was for hears of it, or the first in line if that one
   has gone; and those for whom none is being opened, where there is no connection. Where the
   request had too little time for it, those that have more don't hear of it.
4. An idle connection is closed after `Limits.idle_seconds`, or after 4/5 of what the upstream's
   `Keep-Alive: timeout` states where that is shorter, and in any case at `Limits.age_seconds`.
5. A pool without connections and without a line is dropped; so the number of pools has a bound.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from itertools import chain, islice
from math import inf
from typing import Final, NamedTuple, Protocol

from bff.engine.values.outcomes import Failed, Reason
from bff.errors import TlsFileError
from bff.plan.model.service import Proxy
from bff.timers import TimerWheel
from bff.upstream.http1.addresses import Bound, Origin, Resolver, connect_first
from bff.upstream.http1.connection import Connection
from bff.upstream.http1.tunnels import NoTunnel, open_tunnel

_UPSTREAM_IDLE_SHARE: Final = 0.8

LINE_IS_FULL: Final = Failed(
    Reason.TIMEOUT, detail="too many requests wait for a connection", was_sent=False
)
_CLOSED: Final = Failed(Reason.DISCONNECTED, detail="the transport is closed", was_sent=False)
_CLOSED_AT_ONCE: Final = Failed(Reason.DISCONNECTED, detail="closed at once", was_sent=False)
_CLOSED_IN_EXCHANGE: Final = Failed(Reason.DISCONNECTED, detail="the transport was closed")


class Limits(NamedTuple):
    """Bounds of each pool. 20,000 descriptors are what a process has on most machines; 10,000
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


class _Unopened(NamedTuple):
    """Why a connection was not opened. `seconds` are those that its request had to open one, where
    more would have helped."""

    failure: Failed | Exception
    seconds: float = inf


class Waiter(Protocol):
    """Who waits for a connection. `ends_at` is when the time of its request is over, by the loop.
    With `needs_new`, only a connection that has served nobody will do."""

    ends_at: float
    needs_new: bool

    def on_connection(self, connection: Connection) -> None:
        """The connection is its own until it is released."""

    def on_failure(self, failure: Failed | Exception) -> None:
        """There is none; the exception is a bug."""


class Pool:
    """For one event loop. `tls` gives the context for connections, where the origin wants TLS, or
    raises `TlsFileError`; `on_empty` is called when the last connection is gone."""

    def __init__(
        self,
        origin: Origin,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        resolver: Resolver,
        tls: Callable[[], ssl.SSLContext],
        proxy: Proxy | None,
        limits: Limits,
        on_empty: Callable[[], None],
    ) -> None:
        self.origin = origin
        self._loop = loop
        self._wheel = wheel
        self._resolver = resolver
        self._tls = tls
        self._proxy = proxy
        self._limits = limits
        self._on_empty = on_empty
        self._idle: dict[Connection, None] = {}  # in the order of their last use
        self._open: set[Connection] = set()
        self._opening = 0
        self._line: dict[Waiter, None] = {}  # in the order in which they came
        self._line_for_new: dict[Waiter, None] = {}
        self._openers: set[asyncio.Task[None]] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def take(self) -> Connection | None:
        """The idle connection that was used last, or None. One on which something came that the
        loop has not read yet, its end for example, is closed and passed over: a second reply
        would be the next request's. That look takes 0.6 µs."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.expires_at > self._loop.time() and not connection.has_news():
                return connection
            connection.close()
        return None

    def wait(self, waiter: Waiter) -> None:
        """Give it a new connection, or one that comes free; or call it with the reason why there is
        none. Neither happens before this returns."""
        if self._is_closed:
            self._loop.call_soon(waiter.on_failure, _CLOSED)
        elif self._waiting - self._opening >= self._limits.waiting:
            self._loop.call_soon(waiter.on_failure, LINE_IS_FULL)
        else:
            line = self._line_for_new if waiter.needs_new else self._line
            line[waiter] = None
            self._open_more()

    def leave(self, waiter: Waiter) -> None:
        """It waits no longer."""
        self._line.pop(waiter, None)
        self._line_for_new.pop(waiter, None)

    def release(self, connection: Connection) -> None:
        """See `Home.release`."""
        now = self._loop.time()
        stated_seconds = connection.reader.idle_seconds
        connection.expires_at = expires_at(now, connection.opened_at, stated_seconds, self._limits)
        is_new = not connection.exchanges
        if connection.expires_at <= now:
            connection.close()
        elif is_new and self._waiting:
            self._first_in_line().on_connection(connection)
        elif self._line:
            if connection.has_news():
                connection.close()
            else:
                _first_of(self._line).on_connection(connection)
        elif self._line_for_new and not self._has_room():
            connection.close()
        else:
            self._idle[connection] = None
            if self._sweep_timer is None:
                self._sweep_timer = self._loop.call_later(self._limits.idle_seconds, self._sweep)

    def forget(self, connection: Connection) -> None:
        """See `Home.forget`."""
        self._open.discard(connection)
        self._idle.pop(connection, None)
        self._open_more()

    async def close(self) -> None:
        """Close every connection; their exchanges fail. Whoever waits hears that it is closed."""
        self._is_closed = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for opener in self._openers:
            opener.cancel()
        for connection in list(self._open):
            connection.cut(_CLOSED_IN_EXCHANGE)
        self._refuse_line(_CLOSED)
        await asyncio.gather(*self._openers, return_exceptions=True)

    @property
    def _waiting(self) -> int:
        return len(self._line) + len(self._line_for_new)

    def _has_room(self) -> bool:
        return len(self._open) + self._opening < self._limits.connections

    def _has_in_line(self, waiter: Waiter) -> bool:
        return waiter in self._line or waiter in self._line_for_new

    def _first_in_line(self) -> Waiter:
        return _first_of(self._line_for_new or self._line)

    def _refuse_line(self, failure: Failed | Exception) -> None:
        while self._waiting:
            self._first_in_line().on_failure(failure)

    def _open_more(self) -> None:
        """Begin to open connections for those in line for whom none is being opened."""
        while (
            self._waiting > self._opening < self._limits.opening
            and self._has_room()
            and not self._is_closed
        ):
            in_line = chain(self._line_for_new, self._line)
            waiter = next(islice(in_line, self._opening, None))
            self._opening += 1
            opener = self._loop.create_task(self._open_for(waiter))
            self._openers.add(opener)
            opener.add_done_callback(self._end_opening)
        if not (self._open or self._opening or self._waiting):
            self._on_empty()

    def _end_opening(self, opener: asyncio.Task[None]) -> None:
        self._openers.discard(opener)
        self._opening -= 1
        self._open_more()

    async def _open_for(self, waiter: Waiter) -> None:
        opened: Connection | _Unopened
        try:
            opened = await self._connect(waiter.ends_at)
        except Exception as error:
            opened = _Unopened(error)
        if isinstance(opened, Connection):
            self.release(opened)
        else:
            self._refuse(waiter, opened)

    def _refuse(self, waiter: Waiter, unopened: _Unopened) -> None:
        """Refuse those who hear of a connection that was to be opened for this waiter (rule 3)."""
        before = self._loop.time() + 2 * unopened.seconds
        in_line = chain(self._line_for_new, self._line)
        hearing = (each for each in in_line if each is not waiter and each.ends_at <= before)
        refused = [waiter] if self._has_in_line(waiter) else list(islice(hearing, 1))
        if not self._open:
            refused += islice(hearing, self._opening - 1, None)
        for each in refused:
            if self._has_in_line(each):  # not left by one before it
                self.leave(each)
                each.on_failure(unopened.failure)

    async def _connect(self, ends_at: float) -> Connection | _Unopened:
        """Opens a connection; its place is taken already."""
        origin, limits, loop = self.origin, self._limits, self._loop
        is_connected = False
        own_seconds = (ends_at - loop.time()) / 2  # see rule 4 of `bff.upstream.ports`
        by = ends_at - own_seconds
        limit = limits.connect_seconds
        seconds = min(limit, own_seconds)
        try:
            context = self._tls() if origin.is_tls else None
            next_hop = self._proxy or origin
            async with Bound(loop, seconds):
                addresses = await self._resolver.addresses(
                    next_hop.host, next_hop.port, seconds / 2
                )
                made = await connect_first(loop, addresses)
            is_connected = True
            limit = limits.handshake_seconds
            seconds = min(limit, by - loop.time())
            async with Bound(loop, seconds):
                if self._proxy is not None and origin.is_tls:
                    await open_tunnel(loop, made, self._proxy, origin)
                _, connection = await loop.create_connection(
                    lambda: Connection(self, loop, self._wheel),
                    sock=made,
                    ssl=context,
                    server_hostname=origin.host if origin.is_tls else None,
                )
        except TlsFileError as error:
            return _Unopened(Failed(Reason.PROTOCOL, detail=f"tls.{error}", was_sent=False))
        except NoTunnel as error:
            return _Unopened(error.failure)
        except OSError as error:
            failure = _why_unconnected(error, is_connected=is_connected)
            is_own = isinstance(error, TimeoutError) and seconds < limit
            return _Unopened(failure, own_seconds if is_own else inf)
        if connection.is_closed:
            return _Unopened(_CLOSED_AT_ONCE)
        self._open.add(connection)
        return connection

    def _sweep(self) -> None:
        self._sweep_timer = None
        now = self._loop.time()
        for connection in [each for each in self._idle if each.expires_at <= now]:
            connection.close()
        if self._idle:
            self._sweep_timer = self._loop.call_later(self._limits.idle_seconds, self._sweep)


def _first_of(line: dict[Waiter, None]) -> Waiter:
    first = next(iter(line))
    del line[first]
    return first


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
