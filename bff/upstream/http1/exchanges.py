"""The two kinds of exchanges: a whole reply, and one whose body is streamed.

Both end their connection at once where they are left or take too long (`Connection.leave`,
`Connection.fail`); neither needs a task.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from bff.engine.ports import Headers, UpstreamReply
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.http1.connection import Connection
from bff.upstream.http1.replies import ReplyReader
from bff.upstream.ports import BrokenStream
from bff.upstream.uploads import Upload

# What a slow reader makes the gateway hold for it, beside what one read brings (at most 256 KiB).
BUFFERED_BYTES: Final = 131_072

TOO_SLOW: Final = Failed(Reason.TIMEOUT, detail="the whole exchange took too long")
_NO_HEAD: Final = Failed(Reason.TIMEOUT, detail="no head came in time")
_SILENCE: Final = Failed(Reason.TIMEOUT, detail="silence in the body")


class WholeReply:
    """An exchange whose reply is read whole; `outcome` has it. A body beyond `byte_cap`, or beyond
    what is left of `arriving`, ends it."""

    __slots__ = ("_arriving", "_byte_cap", "_connection", "_taken_bytes", "_timer", "outcome")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: Connection,
        byte_cap: int,
        arriving: Budget | None,
        ends_at: float,
    ) -> None:
        self.outcome: asyncio.Future[UpstreamReply | Failed] = loop.create_future()
        self._connection = connection
        self._byte_cap = byte_cap
        self._arriving = arriving
        self._taken_bytes = 0
        self._timer = loop.call_at(ends_at, connection.fail, self, TOO_SLOW)

    def on_reply(self, reader: ReplyReader) -> None:
        """See `Exchange.on_reply`."""
        if self._is_too_large(reader):
            self._connection.leave(self)
            self.on_failure(Failed(Reason.TOO_LARGE, status=reader.status))
        elif reader.ended:
            self._timer.cancel()
            if not self.outcome.done():
                reply = UpstreamReply(reader.status, reader.headers, reader.take_body())
                self.outcome.set_result(reply)

    def on_failure(self, failure: Failed) -> None:
        """See `Exchange.on_failure`."""
        self._timer.cancel()
        if not self.outcome.done():
            self.outcome.set_result(failure)

    def _is_too_large(self, reader: ReplyReader) -> bool:
        if reader.body_bytes > self._byte_cap or (reader.length or 0) > self._byte_cap:
            return True
        new_bytes = reader.body_bytes - self._taken_bytes
        self._taken_bytes = reader.body_bytes
        return self._arriving is not None and not self._arriving.take(new_bytes)

    def leave(self) -> None:
        """The caller has gone."""
        self._timer.cancel()
        self._connection.leave(self)


class StreamedReply:
    """An exchange whose body is read as it comes; an async iterator over that body.

    `head` is done when the head is there, or with the failure; it raises what the upload raised.
    The clock for the head, and for each later silence, stops while the `upload` is awaited.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: Connection,
        silence_seconds: float,
        ends_at: float,
        upload: Upload | None,
    ) -> None:
        self.head: asyncio.Future[Failed | None] = loop.create_future()
        self.connection = connection
        self.status = 0
        self.headers: Headers = ()
        self._loop = loop
        self._silence_seconds = silence_seconds
        self._upload = upload
        self._timer: asyncio.TimerHandle | None = None
        self._buffer: list[bytes] = []
        self._buffered_bytes = 0
        self._is_paused = False
        self._is_whole = False
        self._error: Exception | None = None  # what the iterator raises after the buffer
        self._news: asyncio.Future[None] | None = None
        self.reschedule(ends_at)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._buffer and not self.expired():
            await self._wait()
        if self._buffer:
            return self._take()
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration

    def on_reply(self, reader: ReplyReader) -> None:
        """See `Exchange.on_reply`."""
        if not reader.head_came:
            return
        if not self.head.done():
            self.reschedule(None)
            self.status, self.headers = reader.status, reader.headers
            self.head.set_result(None)
        if piece := reader.take_body():
            self._buffer.append(piece)
            self._buffered_bytes += len(piece)
        self._is_whole = reader.ended
        is_full = self._buffered_bytes > BUFFERED_BYTES and not self._is_whole
        if is_full and not self._is_paused:
            self._is_paused = True
            self.connection.pause_reading()
        elif self._is_paused and not is_full:
            self._resume()
        self._wake_reader()

    def on_failure(self, failure: Failed) -> None:
        """See `Exchange.on_failure`."""
        self.break_off(BrokenStream(failure))

    def break_off(self, error: Exception) -> None:
        """End the exchange with an error: the head's or, after the head, the body's."""
        if self.expired():
            return
        self.reschedule(None)
        self._error = error
        self.connection.leave(self)
        if not self.head.done():
            if isinstance(error, BrokenStream):
                self.head.set_result(error.failure)
            else:
                self.head.set_exception(error)
        self._wake_reader()

    def leave(self) -> None:
        """The caller has gone, or has read all that it wants."""
        self.reschedule(None)
        self.connection.leave(self)
        self._upload = None  # it has this exchange for its clock: a cycle for the collector

    def expired(self) -> bool:
        """Whether nothing more comes. See `bff.upstream.uploads.Clock`."""
        return self._is_whole or self._error is not None

    def reschedule(self, when: float | None) -> None:
        """Fail at this time of the loop, where the upstream is still awaited then; None stops the
        clock. See `bff.upstream.uploads.Clock`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if when is None:
            return
        if not self.head.done():
            self._timer = self._loop.call_at(when, self.connection.fail, self, _NO_HEAD)
        elif self._news is not None:
            self._timer = self._loop.call_at(when, self.connection.fail, self, _SILENCE)

    async def _wait(self) -> None:
        self._news = self._loop.create_future()
        if self._upload is None or self._upload.finished:  # else it is not the upstream's silence
            self.reschedule(self._loop.time() + self._silence_seconds)
        try:
            await self._news
        finally:
            self._news = None
            self.reschedule(None)

    def _wake_reader(self) -> None:
        has_news = bool(self._buffer) or self.expired()
        if has_news and self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _take(self) -> bytes:
        data = self._buffer[0] if len(self._buffer) == 1 else b"".join(self._buffer)
        self._buffer.clear()
        self._buffered_bytes = 0
        if self._is_paused:
            self._resume()
        return data

    def _resume(self) -> None:
        self._is_paused = False
        self.connection.resume_reading()
