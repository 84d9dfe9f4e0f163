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
import time
from collections.abc import Callable
from itertools import chain, islice
from typing import Final, NamedTuple, Protocol

from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.http1.connection import Connection
from bff.upstream.http1.opening import Opener, Unopened
from bff.upstream.pool_counts import PoolCounts

_UPSTREAM_IDLE_SHARE: Final = 0.8

LINE_IS_FULL: Final = Failed(
    Reason.TIMEOUT, detail="too many requests wait for a connection", was_sent=False
)
_CLOSED: Final = Failed(Reason.DISCONNECTED, detail="the transport is closed", was_sent=False)
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
    """The connections to one origin, on one event loop. `on_empty` is called when the last one is
    gone."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        opener: Opener,
        limits: Limits,
        on_empty: Callable[[], None],
        counts: PoolCounts,
    ) -> None:
        self.counts = counts
        self._loop = loop
        self._opener = opener
        self._limits = limits
        self._on_empty = on_empty
        self._idle: dict[Connection, None] = {}  # in the order of their last use
        self._open: set[Connection] = set()
        self._opening = 0
        # In the order in which they came, with the time when they did (uvloop's has milliseconds).
        self._line: dict[Waiter, float] = {}
        self._line_for_new: dict[Waiter, float] = {}
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
                if connection.exchanges:
                    self.counts.reused[0] += 1
                return connection
            connection.close()
        return None

    def wait(self, waiter: Waiter) -> None:
        """Give it a new connection, or one that comes free; or call it with the reason why there is
        none. Neither happens before this returns."""
        if self._is_closed:
            self._loop.call_soon(waiter.on_failure, _CLOSED)
        elif self.waiting - self._opening >= self._limits.waiting:
            self._loop.call_soon(waiter.on_failure, LINE_IS_FULL)
        else:
            line = self._line_for_new if waiter.needs_new else self._line
            line[waiter] = time.perf_counter()
            self._open_more()

    def leave(self, waiter: Waiter) -> None:
        """It waits no longer."""
        for line in (self._line, self._line_for_new):
            if waiter in line:
                self._take_from(line, waiter)

    def release(self, connection: Connection) -> None:
        """See `Home.release`."""
        now = self._loop.time()
        stated_seconds = connection.reader.idle_seconds
        connection.expires_at = expires_at(now, connection.opened_at, stated_seconds, self._limits)
        is_new = not connection.exchanges
        if connection.expires_at <= now:
            connection.close()
        elif is_new and self.waiting:
            self._first_in_line().on_connection(connection)
        elif self._line:
            if connection.has_news():
                connection.close()
            else:
                self.counts.reused[0] += 1
                self._first_of(self._line).on_connection(connection)
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
    def idle(self) -> int:
        """How many connections are idle."""
        return len(self._idle)

    @property
    def active(self) -> int:
        """How many connections have an exchange."""
        return len(self._open) - len(self._idle)

    @property
    def waiting(self) -> int:
        """How many wait for a connection."""
        return len(self._line) + len(self._line_for_new)

    def _has_room(self) -> bool:
        return len(self._open) + self._opening < self._limits.connections

    def _has_in_line(self, waiter: Waiter) -> bool:
        return waiter in self._line or waiter in self._line_for_new

    def _first_in_line(self) -> Waiter:
        return self._first_of(self._line_for_new or self._line)

    def _first_of(self, line: dict[Waiter, float]) -> Waiter:
        first = next(iter(line))
        self._take_from(line, first)
        return first

    def _take_from(self, line: dict[Waiter, float], waiter: Waiter) -> None:
        self.counts.wait(time.perf_counter() - line.pop(waiter))

    def _refuse_line(self, failure: Failed | Exception) -> None:
        while self.waiting:
            self._first_in_line().on_failure(failure)

    def _open_more(self) -> None:
        """Begin to open connections for those in line for whom none is being opened."""
        while (
            self.waiting > self._opening < self._limits.opening
            and self._has_room()
            and not self._is_closed
        ):
            in_line = chain(self._line_for_new, self._line)
            waiter = next(islice(in_line, self._opening, None))
            self._opening += 1
            opener = self._loop.create_task(self._open_for(waiter))
            self._openers.add(opener)
            opener.add_done_callback(self._end_opening)
        if not (self._open or self._opening or self.waiting):
            self._on_empty()

    def _end_opening(self, opener: asyncio.Task[None]) -> None:
        self._openers.discard(opener)
        self._opening -= 1
        self._open_more()

    async def _open_for(self, waiter: Waiter) -> None:
        opened: Connection | Unopened
        began_at = time.perf_counter()
        try:
            opened = await self._opener.open(self, waiter.ends_at)
        except Exception as error:
            opened = Unopened(error)
        seconds = time.perf_counter() - began_at
        if isinstance(opened, Connection):
            self.counts.connect(seconds)
            self._open.add(opened)
            self.release(opened)
        else:
            self.counts.connect(seconds, opened.failure)
            self._refuse(waiter, opened)

    def _refuse(self, waiter: Waiter, unopened: Unopened) -> None:
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

    def _sweep(self) -> None:
        self._sweep_timer = None
        now = self._loop.time()
        for connection in [each for each in self._idle if each.expires_at <= now]:
            connection.close()
        if self._idle:
            self._sweep_timer = self._loop.call_later(self._limits.idle_seconds, self._sweep)
