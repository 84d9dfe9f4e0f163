"""An exchange, from its request to its answer; and the kind whose reply is read whole.

    wait for a connection  →  the request goes out  →  the reply is read  →  the answer

Rules:
1. An exchange answers once, by the rules of `bff.engine.answers`. It ends its connection at once
   where it is cancelled or takes too long.
2. Its time begins before it has a connection, and goes on where it is repeated. It is over up to a
   tenth of a second late (`bff.timers`). In line the exchange is looked at itself; then its
   connection is, which sets no timer for each of its exchanges.
3. It is repeated once, on a new connection, where it went out on a connection that had served
   others and that ended before a byte of the reply came; where its method is safe, and its body is
   there. The upstream had closed the connection while it was idle, most likely. What else other
   methods meet is reported, never repeated.
"""

from abc import ABC, abstractmethod
from math import inf
from typing import Final, Generic, Protocol, TypeVar

from bff.engine.answers import OnAnswer
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.timers import TimerWheel
from bff.upstream.http1.connection import Connection
from bff.upstream.http1.pool import Waiter
from bff.upstream.http1.replies import ReplyReader
from bff.upstream.http1.requests import may_repeat

T = TypeVar("T")

TOO_SLOW: Final = Failed(Reason.TIMEOUT, detail="the reply was not there in time")
_NO_TURN: Final = Failed(Reason.TIMEOUT, detail="no connection came free in time", was_sent=False)


class Connections(Protocol):
    """Where exchanges wait for connections to their instance."""

    def wait(self, waiter: Waiter) -> None:
        """Give it a connection, or the reason why there is none; later."""

    def leave(self, waiter: Waiter) -> None:
        """It waits no longer."""


class UpstreamExchange(ABC, Generic[T]):
    """What all kinds share. `data` are the call's bytes as they go out. `ends_at` is when its time
    is over, by the loop; `inf` while none runs."""

    __slots__ = ("_call", "_connection", "_connections", "_data", "_on_answer", "_wheel", "ends_at",
                 "needs_new", "slot")  # fmt: skip

    def __init__(
        self,
        wheel: TimerWheel,
        connections: Connections,
        call: ServiceCall,
        data: bytes,
        on_answer: OnAnswer[T],
        ends_at: float,
    ) -> None:
        self.ends_at = ends_at
        self.slot: int | None = None  # the wheel's
        self._wheel = wheel
        self._connections = connections
        self._call = call
        self._data = data
        self._on_answer: OnAnswer[T] | None = on_answer
        self._connection: Connection | None = None
        self.needs_new = False  # it is repeated

    def on_connection(self, connection: Connection) -> None:
        """Send the request. See `Waiter.on_connection`."""
        self._connection = connection
        if self.slot is not None:
            self._wheel.forget(self)
        call = self._call
        is_whole = call.body is None or isinstance(call.body, bytes)
        connection.begin(self, call.method, self._data, is_whole=is_whole)

    @abstractmethod
    def on_reply(self, reader: ReplyReader) -> None:
        """See `Exchange.on_reply`."""

    @abstractmethod
    def notify(self) -> None:
        """See `Exchange.notify`."""

    def on_failure(self, failure: Failed | Exception) -> None:
        """See `Exchange.on_failure` and `Waiter.on_failure`."""
        connection = self._connection
        is_stale = connection is not None and connection.is_stale
        if is_stale and not self.needs_new and may_repeat(self._call):
            self.needs_new = True
            self._connection = None
            self.wait()
        else:
            self._end(failure)

    def wait(self) -> None:
        """Wait in line for a connection."""
        self._wheel.schedule(self, self.ends_at)
        self._connections.wait(self)

    def check(self, now: float) -> float | None:
        """See `Timed.check`; it waits in line."""
        if now < self.ends_at:
            return self.ends_at
        self._connections.leave(self)
        self._end(_NO_TURN)
        return None

    def expire(self) -> None:
        """See `Exchange.expire`."""
        if self._connection is not None:
            self._connection.fail(self, TOO_SLOW)

    def cancel(self) -> None:
        """See `Handle.cancel`."""
        self._on_answer = None
        if self._connection is not None:
            self._connection.leave(self)
        else:
            self._wheel.forget(self)
            self._connections.leave(self)

    def _end(self, answer: T | Failed | Exception) -> None:
        """Answer, unless it is cancelled."""
        self.ends_at = inf
        if self.slot is not None:
            self._wheel.forget(self)
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            on_answer(answer)


class WholeReply(UpstreamExchange[UpstreamReply]):
    """An exchange whose reply is read whole. A body beyond `byte_cap`, or beyond what is left of
    the call's `arriving`, ends it."""

    __slots__ = ("_byte_cap", "_reply", "_taken_bytes")

    def __init__(
        self,
        wheel: TimerWheel,
        connections: Connections,
        call: ServiceCall,
        data: bytes,
        on_answer: OnAnswer[UpstreamReply],
        ends_at: float,
        byte_cap: int,
    ) -> None:
        super().__init__(wheel, connections, call, data, on_answer, ends_at)
        self._byte_cap = byte_cap
        self._taken_bytes = 0
        self._reply: UpstreamReply | Failed | None = None

    def on_reply(self, reader: ReplyReader) -> None:
        """See `Exchange.on_reply`."""
        body_bytes, cap, arriving = reader.body_bytes, self._byte_cap, self._call.arriving
        new_bytes, self._taken_bytes = body_bytes - self._taken_bytes, body_bytes
        if (
            body_bytes > cap
            or (reader.length or 0) > cap
            or not (arriving is None or arriving.take(new_bytes))
        ):
            self._reply = Failed(Reason.TOO_LARGE, status=reader.status)
        elif reader.ended:
            self._reply = UpstreamReply(reader.status, reader.headers, reader.take_body())

    def notify(self) -> None:
        """See `Exchange.notify`."""
        reply = self._reply
        if reply is None:
            return
        if isinstance(reply, Failed) and self._connection is not None:
            self._connection.leave(self)
        self._end(reply)
