"""An exchange whose body is read as it comes.

A body that is still arriving is sent by a task, so that the reply may come meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator
from math import inf
from typing import Final

from bff.engine.answers import OnAnswer
from bff.engine.ports import ServiceCall
from bff.engine.values.outcomes import Failed, Reason
from bff.timers import TimerWheel
from bff.upstream.http1.connection import Connection
from bff.upstream.http1.exchanges import Connections, UpstreamExchange
from bff.upstream.http1.replies import ReplyReader
from bff.upstream.http1.requests import as_chunk
from bff.upstream.ports import WHOLE_BYTES, BrokenStream, UpstreamStream
from bff.upstream.uploads import WRONG_LENGTH, Upload, WrongLength

# What a slow reader makes the gateway hold for it, beside what one read brings (at most 256 KiB).
BUFFERED_BYTES: Final = 131_072

_NO_HEAD: Final = Failed(Reason.TIMEOUT, detail="no head came in time")
_SILENCE: Final = Failed(Reason.TIMEOUT, detail="silence in the body")


class StreamedReply(UpstreamExchange[UpstreamStream]):
    """An exchange whose body is read as it comes; an async iterator over that body.

    The answer is there with the body's first byte, or with all of a short one; it is an exception
    where the `upload` raised one. The clock for the head, and for each later silence, stops while
    the upload is awaited.
    """

    # What most exchanges never change: to set all of it took 1 of the 35 µs of a pass-through.
    _sending: asyncio.Task[None] | None = None
    _answer: UpstreamStream | None = None  # while nobody has got it
    _is_answered = False
    _head_came = False
    _buffered_bytes = 0
    _is_paused = False
    _is_whole = False
    _error: Exception | None = None  # what the iterator raises after the buffer
    _news: asyncio.Future[None] | None = None

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        connections: Connections,
        call: ServiceCall,
        data: bytes,
        on_answer: OnAnswer[UpstreamStream],
        silence_seconds: float,
        upload: Upload | None,
    ) -> None:
        super().__init__(wheel, connections, call, data, on_answer, loop.time() + silence_seconds)
        self._loop = loop
        self._silence_seconds = silence_seconds
        self._upload = upload
        self._buffer: list[bytes] = []

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

    def on_connection(self, connection: Connection) -> None:
        """See `UpstreamExchange.on_connection`."""
        super().on_connection(connection)
        if self._upload is not None:
            self._upload.clock = self
            self._sending = self._loop.create_task(self._send(connection, self._upload))

    def on_reply(self, reader: ReplyReader) -> None:
        """See `Exchange.on_reply`."""
        if not reader.head_came:
            return
        if reader.ended and not self._head_came:  # as most replies come: in one piece
            self._head_came = self._is_whole = self._is_answered = True
            if self._upload is not None:
                self._stop_sending()
            self._answer = UpstreamStream(reader.status, reader.headers, reader.take_body())
            return
        self._head_came = True
        if piece := reader.take_body():
            self._buffer.append(piece)
            self._buffered_bytes += len(piece)
        self._is_whole = reader.ended
        if reader.ended:
            self._stop_sending()  # before the answer: whoever gets it may read the upload's source
        if not self._is_answered:
            self._begin_answer(reader)
        is_full = self._buffered_bytes > BUFFERED_BYTES and not self._is_whole
        if is_full and not self._is_paused:
            self._pause()
        elif self._is_paused and not is_full:
            self._resume()

    def notify(self) -> None:
        """See `Exchange.notify`."""
        answer, self._answer = self._answer, None
        if answer is not None:
            self._end(answer)
        else:
            self._wake_reader()

    def on_failure(self, failure: Failed | Exception) -> None:
        """See `Exchange.on_failure`."""
        if not self._is_answered:
            super().on_failure(failure)
            if self._on_answer is None:
                self._stop_sending()
        else:
            self._break_off(BrokenStream(failure) if isinstance(failure, Failed) else failure)

    def cancel(self) -> None:
        """See `Handle.cancel`."""
        super().cancel()
        self._stop_sending()

    async def aclose(self) -> None:
        """See `ArrivingBody.aclose`."""
        self.cancel()

    def expired(self) -> bool:
        """Whether nothing more comes. See `bff.upstream.uploads.Clock`."""
        return self._is_whole or self._error is not None

    def reschedule(self, when: float | None) -> None:
        """Fail at this time of the loop, where the upstream is still awaited then; None stops the
        clock. See `bff.upstream.uploads.Clock`."""
        is_awaited = self._on_answer is not None or self._news is not None
        self.ends_at = when if when is not None and is_awaited else inf
        if self._connection is not None:
            self._connection.watch(self.ends_at)

    def expire(self) -> None:
        """See `Exchange.expire`."""
        if self._connection is not None:
            self._connection.fail(self, _SILENCE if self._head_came else _NO_HEAD)

    def _begin_answer(self, reader: ReplyReader) -> None:
        """Make the answer, where as much of the body is there as it needs."""
        is_short = reader.length is not None and reader.length <= WHOLE_BYTES
        if reader.ended:
            self._answer = UpstreamStream(reader.status, reader.headers, b"".join(self._buffer))
        elif self._buffer and not is_short:
            self._answer = UpstreamStream(reader.status, reader.headers, self)
        else:
            self._await_more()
            return
        self._is_answered = True

    def _await_more(self) -> None:
        """Set the clock for the next silence."""
        if self._upload is None or not self._upload.is_awaited:  # else it is the source's silence
            self.reschedule(self._loop.time() + self._silence_seconds)

    def _break_off(self, error: Exception) -> None:
        """End with an error: the answer's or, after it, the body's."""
        if self.expired():
            return
        self._error = error
        self.ends_at = inf
        if self._connection is not None:
            self._connection.leave(self)
        self._stop_sending()
        if not self._is_answered:
            self._end(error)
        self._wake_reader()

    async def _send(self, connection: Connection, upload: Upload) -> None:
        """Send a body that is still arriving, as long as the exchange goes on: in chunks, unless
        its length is declared."""
        in_chunks = upload.length is None
        try:
            async for piece in upload:
                await connection.write(self, as_chunk(piece) if in_chunks else piece)
                if self.expired():
                    return
            connection.end_write(self, as_chunk(b"") if in_chunks else b"")
        except WrongLength:
            if not self._is_answered:
                connection.leave(self)
            self.on_failure(WRONG_LENGTH)
        except Exception as error:  # the source's: the caller raises it
            self._break_off(error)

    def _stop_sending(self) -> None:
        self._upload = None  # it has this exchange for its clock: a cycle for the collector
        sending, self._sending = self._sending, None
        if sending is not None and sending is not asyncio.current_task():
            sending.cancel()

    async def _wait(self) -> None:
        self._news = self._loop.create_future()
        self._await_more()
        try:
            await self._news
        except asyncio.CancelledError:
            self.cancel()
            raise
        finally:
            self._news = None
            self.ends_at = inf

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

    def _pause(self) -> None:
        self._is_paused = True
        if self._connection is not None:
            self._connection.pause_reading()

    def _resume(self) -> None:
        self._is_paused = False
        if self._connection is not None:
            self._connection.resume_reading()
