"""Calls the store on threads, and awaits the answers on the loop for a bounded time."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from bff.cache.counts import StoreCounts, StoreOperation
from bff.deadline import WaitBudget
from bff.redis.health import StoreHealth

T = TypeVar("T")

_READERS = 4


class Questions:
    """The threads that call the store. For one event loop. An answer may take `seconds`."""

    def __init__(self, health: StoreHealth, seconds: float, counts: StoreCounts) -> None:
        self.threads = ThreadPoolExecutor(_READERS, "bff-cache-read")
        self._health = health
        self._seconds = seconds
        self._counts = counts
        self._loop = asyncio.get_running_loop()

    async def ask(
        self,
        operation: StoreOperation,
        question: Callable[[], T],
        late: Callable[[Future[T]], None] | None = None,
        patience: WaitBudget | None = None,
    ) -> T | None:
        """The answer, from a thread; None in trouble, which is noted. `late` gets an answer that
        comes too late, or after the caller has left, on the thread."""
        patience = patience or WaitBudget(self._seconds)
        seconds = min(self._seconds, patience.left(self._loop.time()))
        if seconds <= 0 or not self._health.admits():
            self._counts.refuse(operation)
            return None
        asked = self.threads.submit(question)
        began_at = time.perf_counter()
        patience.begin(self._loop.time())
        try:
            answer = await _in_time(asked, seconds)
        except BaseException as error:
            if late is not None:
                asked.add_done_callback(late)
            if not isinstance(error, Exception):
                raise
            self._counts.answer(operation, "failed", time.perf_counter() - began_at)
            self._health.note_trouble(error)  # the payload can be had without the store
            return None
        finally:
            patience.end(self._loop.time())
        self._counts.answer(operation, "ok", time.perf_counter() - began_at)
        self._health.note_answer()
        return answer


async def _in_time(asked: Future[T], seconds: float) -> T:
    """The answer within `seconds`. The time in which the loop itself was blocked doesn't count:
    five hundred requests at once block it for 0.1 s and more. Raises `TimeoutError`.

    A question that is not asked yet when its caller leaves is dropped.
    """
    loop = asyncio.get_running_loop()
    answer = asyncio.wrap_future(asked)
    ends_at = loop.time() + seconds
    try:
        await asyncio.wait((answer,), timeout=seconds)
        if not asked.done() and loop.time() > ends_at + seconds / 4:
            await asyncio.wait((answer,), timeout=seconds)
        if not asked.done():
            raise TimeoutError("no answer in time")
        return asked.result()
    finally:
        if not answer.cancel() and not answer.cancelled():
            answer.exception()  # looked at, or asyncio reports it
