"""One connection to an upstream: it sends a request, and reads the reply to it.

Rules:
1. A connection has one exchange at a time, or none: then it is idle, and its pool has it.
2. It goes back to its pool when the reply has ended, the whole request is sent, and the upstream
   goes on with it. Else it is closed.
3. It is closed at once, without waiting for anything: when its exchange is left or fails, when it
   ends, and when bytes come while it is idle.
4. Whoever closes it ends the exchange; the exchange hears of each end once.
"""

import asyncio
import os
import select
import ssl
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Final, Protocol, cast

from bff.engine.values.outcomes import Failed, Reason
from bff.timers import TimerWheel
from bff.upstream.http1.replies import BadReply, ReplyReader
from bff.upstream.tls import MAYBE_REFUSED

_REST_BYTES: Final = 65_536
_CUT_OFF: Final = Failed(Reason.INCOMPLETE, detail="TLS ended without its close_notify")


class Exchange(Protocol):
    """What a connection does its work for. All are called on the loop, from its callbacks.
    `ends_at` is when its time is over, by the loop; `inf` while none runs."""

    ends_at: float

    def on_reply(self, reader: ReplyReader) -> None:
        """More of the reply is there: take it. Where `reader.ended`, the exchange has ended."""

    def notify(self) -> None:
        """Tell whoever waits what was taken. After the end, the connection is free already."""

    def on_failure(self, failure: Failed) -> None:
        """The exchange ends with this failure."""

    def expire(self) -> None:
        """Its time is over."""


class Home(Protocol):
    """Where connections go back to: a pool."""

    def release(self, connection: "Connection") -> None:
        """The connection is idle."""

    def forget(self, connection: "Connection") -> None:
        """The connection is closed, or is about to be."""


class Connection(asyncio.Protocol):
    """For one event loop. `opened_at` and `expires_at` are the pool's, in seconds of that loop.

    `is_stale` is True where it ended before a byte of a reply came, after it had served others:
    most likely the upstream had closed it already when the request went out.
    """

    __slots__ = (
        "_drained",
        "_exchange",
        "_home",
        "_is_paused",
        "_looks_at",
        "_loop",
        "_poll",
        "_request_is_sent",
        "_transport",
        "_wheel",
        "exchanges",
        "expires_at",
        "is_closed",
        "is_stale",
        "opened_at",
        "reader",
        "slot",
    )

    def __init__(self, home: Home, loop: asyncio.AbstractEventLoop, wheel: TimerWheel) -> None:
        self.reader = ReplyReader()
        self.exchanges = 0
        self.is_closed = False
        self.is_stale = False
        self.opened_at = self.expires_at = loop.time()
        self._home = home
        self._loop = loop
        self._wheel = wheel
        self.slot: int | None = None  # the wheel's
        self._looks_at = inf  # when the wheel looks at the exchange's time
        self._transport: asyncio.Transport
        self._exchange: Exchange | None = None
        self._request_is_sent = False
        self._is_paused = False  # the upstream takes no more of the request for now
        self._drained: asyncio.Future[None] | None = None
        self._poll: select.poll | None = None  # made for the second exchange

    def begin(self, exchange: Exchange, method: str, data: bytes, *, is_whole: bool) -> None:
        """Send a request, or its head. Where that is not the whole request, `write` and `end_write`
        send the rest."""
        self.exchanges += 1
        self._exchange = exchange
        self._request_is_sent = is_whole
        self.reader.begin(method)
        if exchange.ends_at < self._looks_at:
            self.watch(exchange.ends_at)
        self._transport.write(data)

    async def write(self, exchange: Exchange, data: bytes) -> None:
        """Send a part of the request's body; returns when the upstream takes more. Nothing is
        sent for an exchange that is over."""
        if self._exchange is exchange:
            self._transport.write(data)
            if self._is_paused:
                self._drained = self._loop.create_future()
                await self._drained

    def end_write(self, exchange: Exchange, data: bytes) -> None:
        """Send the last part of the request's body."""
        if self._exchange is exchange:
            self._request_is_sent = True
            self._transport.write(data)

    def watch(self, at: float) -> None:
        """Look at the exchange's time at this moment, unless that is to happen earlier."""
        if at < self._looks_at:
            self._looks_at = at
            self._wheel.schedule(self, at)

    def check(self, now: float) -> float | None:
        """See `Timed.check`. The exchange may be a later one than the one that set the time."""
        exchange = self._exchange
        self._looks_at = inf if exchange is None else exchange.ends_at
        if exchange is None or self._looks_at == inf:
            return None
        if now < self._looks_at:
            return self._looks_at
        exchange.expire()
        return None

    def leave(self, exchange: Exchange) -> None:
        """Nobody waits for this exchange any more: where it goes on, the connection is closed."""
        if self._exchange is exchange:
            self.close()

    def fail(self, exchange: Exchange, failure: Failed) -> None:
        """End this exchange, where it goes on, and close the connection."""
        if self._exchange is exchange:
            self.close()
            exchange.on_failure(failure)

    def cut(self, failure: Failed) -> None:
        """Close the connection, and end whatever exchange it has."""
        exchange = self._exchange
        self.close()
        if exchange is not None:
            exchange.on_failure(failure)

    def close(self) -> None:
        """Close it at once; its exchange hears nothing of it."""
        self._exchange = None
        if self.is_closed:
            return
        self.is_closed = True
        self._wheel.forget(self)
        self._transport.abort()
        self.reader.close()
        self._wake_writer()
        self._home.forget(self)

    def detach(self) -> asyncio.Transport:
        """Give the connection away, paused. Its pool and its exchange have it no more."""
        self._exchange = None
        self.is_closed = True
        self._wheel.forget(self)
        self._transport.pause_reading()
        self.reader.close()
        self._home.forget(self)
        return self._transport

    def pause_reading(self) -> None:
        """Read no more; what the upstream sends stays in the sockets' buffers."""
        if not self.is_closed:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if not self.is_closed:
            self._transport.resume_reading()

    def has_news(self) -> bool:
        """Whether the socket has something to read, its end for example. It takes a system call."""
        if self._transport.get_extra_info("socket") is None:
            return True  # TLS has lost it; `connection_lost` comes in the next turn of the loop
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._socket_number(), select.POLLIN)
        return bool(self._poll.poll(0))

    # ------------------------------------------------------------------ called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)  # asyncio types it as its base

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        exchange = self._exchange
        if exchange is None:
            self.close()
            return
        reader = self.reader
        try:
            reader.feed(data)
        except BadReply as error:
            # What came before the fault goes to the exchange, as if the fault had come later.
            exchange.on_reply(reader)
            exchange.notify()
            self.fail(exchange, error.failure)
            return
        if reader.ended:
            self._end(exchange)
        else:
            exchange.on_reply(reader)
            exchange.notify()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        exchange = self._exchange
        if exchange is None:
            self.close()
        elif (failure := self.reader.end_input()) is not None:
            self._lose(exchange, failure)
        elif self._is_cut_off():
            self._lose(exchange, _CUT_OFF)
        else:
            self._end(exchange)

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if error is not None and self._exchange is not None:
            self._read_rest()
        if self._exchange is None:
            self.close()
            return
        reason = Reason.INCOMPLETE if self.reader.head_came else Reason.DISCONNECTED
        self._lose(self._exchange, Failed(reason, detail=repr(error)))

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._is_paused = False
        self._wake_writer()

    def _end(self, exchange: Exchange) -> None:
        self._exchange = None
        reader = self.reader
        # The exchange takes the reply before the next one may begin.
        exchange.on_reply(reader)
        is_sent = self._request_is_sent and not self._transport.get_write_buffer_size()
        if reader.is_reusable and is_sent and not self.is_closed:
            self._home.release(self)
        else:
            self.close()
        exchange.notify()

    def _read_rest(self) -> None:
        """Take what came before the connection was reset. An upstream that refuses a long request
        answers, and closes without reading on; a write that fails for that would lose its reply.
        The loop closes the socket only after `connection_lost`."""
        self._request_is_sent = False  # whatever comes, nobody uses the connection again
        if self._transport.get_extra_info("sslcontext") is None:
            with suppress(OSError):
                if data := os.read(self._socket_number(), _REST_BYTES):
                    self.data_received(data)

    def _socket_number(self) -> int:
        number: int = self._transport.get_extra_info("socket").fileno()
        return number

    def _is_cut_off(self) -> bool:
        """Whether TLS did not end in good order, so that anybody may have ended it (RFC 9112 §9.8).
        uvloop calls that a lost connection; asyncio reports both alike."""
        tls = self._transport.get_extra_info("ssl_object")
        if tls is None:
            return False
        try:
            tls.read(1)
        except ssl.SSLZeroReturnError:
            return False
        except ssl.SSLError:
            return True
        return False

    def _lose(self, exchange: Exchange, failure: Failed) -> None:
        if not self.reader.began:
            self.is_stale = self.exchanges > 1
            if not self.is_stale and self._transport.get_extra_info("sslcontext") is not None:
                failure = replace(failure, detail=f"{failure.detail}; {MAYBE_REFUSED}")
        self.fail(exchange, failure)

    def _wake_writer(self) -> None:
        if self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None
