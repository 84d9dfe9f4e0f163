"""One event loop on a thread of its own, for hosts whose requests have threads and no loop.

Rules:
1. The thread that serves a request does all of that request's blocking reading and writing; the
   loop never touches a socket of the server's.
2. A reply's chunks cross a few at a time, so that a slow client slows the upstream down.
3. A thread never waits for a loop that has ended. What a closed loop had not begun is lost without
   a word, so the thread looks after it now and then.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from bff.web.http.replies import Reply, close_body
from bff.web.http.requests import ClientGone

_Result = TypeVar("_Result")

_READ_BYTES = 64 * 1024
_CHUNKS_AHEAD = 4
_LOOK_SECONDS = 1.0


class Closing(Exception):
    """The loop was closed before the reply was whole."""


class LoopThread:
    """A running event loop; safe to use from any thread. Doesn't survive a fork."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="bff-loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run on the loop, and wait here for what it comes to."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def stop(self) -> None:
        """Cancel what is left, stop the loop and close it."""
        self.run(_cancel_the_others())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Exchange:
    """One request between its own thread and the loop.

    `read` is the server's blocking read of the request's body; it is called on the request's
    thread, while that waits for the reply or for a chunk of it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, read: Callable[[int], bytes]) -> None:
        self._loop = loop
        self._read = read
        self._to_thread: SimpleQueue[_Read | _Head | _Chunk | _End] = SimpleQueue()
        self._ahead = asyncio.Semaphore(_CHUNKS_AHEAD)
        self._is_abandoned = False
        self._task: Future[None] | None = None

    async def request_body(self) -> AsyncIterator[bytes]:
        """The request's body, for the loop. Raises `ClientGone`."""
        while True:
            answer: asyncio.Future[bytes] = self._loop.create_future()
            self._to_thread.put(_Read(answer))
            chunk = await answer
            if not chunk:
                return
            yield chunk

    def begin(self, produce: Callable[[], Awaitable[Reply]]) -> None:
        """Have the loop produce the reply."""
        work = self._work(produce)
        try:
            self._task = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # it is closed
            work.close()
            raise Closing from None
        self._task.add_done_callback(self._end)

    def reply(self) -> Reply:
        """Wait for the reply. A streamed body is a plain iterator of `chunks`, and then `abandon`
        must be called. Raises what `produce` raises, `ClientGone` and `Closing`."""
        message = self._next()
        if isinstance(message, _Head):
            return message.reply
        raise message.error if isinstance(message, _End) and message.error else AssertionError

    def chunks(self) -> Iterator[bytes]:
        """The reply's body, as it arrives; raises when it breaks off."""
        while isinstance(message := self._next(), _Chunk):
            self._call(self._ahead.release)
            yield message.data
        if isinstance(message, _End) and message.error is not None:
            raise message.error

    def abandon(self) -> None:
        """Stop what still runs on the loop for this request: its client left. Safe to call twice,
        and on any thread."""
        self._is_abandoned = True
        self.stop()

    def stop(self) -> None:
        """Stop it, since the loop is to end. Safe to call twice, and on any thread."""
        if self._task is not None:
            self._task.cancel()

    def _next(self) -> "_Head | _Chunk | _End":
        while True:
            try:
                message = self._to_thread.get(timeout=_LOOK_SECONDS)
            except Empty:
                if self._loop.is_closed():
                    raise Closing from None
                continue
            if not isinstance(message, _Read):
                return message
            try:
                chunk = self._read(_READ_BYTES)
            except Exception:  # each server has its own way to say that the client is gone
                self._call(_fail, message.answer)
            else:
                self._call(_give, message.answer, chunk)

    def _call(self, callback: Callable[..., object], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed, which `_next` finds
            self._loop.call_soon_threadsafe(callback, *arguments)

    async def _work(self, produce: Callable[[], Awaitable[Reply]]) -> None:
        reply = await produce()
        self._to_thread.put(_Head(reply))
        if not isinstance(reply.body, bytes):
            try:
                async for chunk in reply.body:
                    await self._ahead.acquire()
                    self._to_thread.put(_Chunk(chunk))
            finally:
                await close_body(reply.body)

    def _end(self, task: "Future[None]") -> None:
        """The thread must not wait for ever, whatever it was; a task that is cancelled early never
        has a step."""
        if task.cancelled():
            self._to_thread.put(_End(ClientGone() if self._is_abandoned else Closing()))
        else:
            self._to_thread.put(_End(task.exception()))


@dataclass(frozen=True, slots=True)
class _Read:
    answer: asyncio.Future[bytes]


@dataclass(frozen=True, slots=True)
class _Head:
    reply: Reply


@dataclass(frozen=True, slots=True)
class _Chunk:
    data: bytes


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


def _give(answer: "asyncio.Future[bytes]", chunk: bytes) -> None:
    if not answer.done():
        answer.set_result(chunk)


def _fail(answer: "asyncio.Future[bytes]") -> None:
    if not answer.done():
        answer.set_exception(ClientGone())


async def _cancel_the_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
    await asyncio.get_running_loop().shutdown_default_executor()
