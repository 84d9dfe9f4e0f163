"""Work that would hold the event loop, done by one thread.

Rules:
1. There is one thread. pydantic holds the GIL, so a second one could only add to what the event
   loop waits for. The thread is not asyncio's: slow name resolution fills that executor up.
2. One request has at most one piece of work in the queue. So requests take turns, however much
   work each of them has.
3. Whoever waits stops at the deadline. Work that has begun by then ends by itself, and its result
   is dropped; work that has not begun never does.
4. The queue has a bound. Beyond it, work could not be done by any deadline, and is refused at once.

All but the work itself belongs to one event loop.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, Full, Queue
from threading import Thread
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

from bff.deadline import Deadline, DeadlinePassed
from bff.telemetry.metrics.definitions.process import (
    HEAVY_DURATIONS,
    HEAVY_REFUSALS,
    HEAVY_WAITING,
    HEAVY_WAITS,
)
from bff.telemetry.metrics.families import Metrics

P = ParamSpec("P")
R = TypeVar("R")

# At some 20 ms each, the last of them waits for 5 s.
MOST_WAITING: Final = 256


class _Task(NamedTuple):
    future: Future[Any]
    work: Callable[[], Any]
    queued_at: float


class HeavyWork:
    """The thread and its queue. One per process and event loop; `close` it at the end. It counts
    its work in `metrics`."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._queue: Queue[_Task | None] = Queue(MOST_WAITING)
        self._thread: Thread | None = None
        metrics = metrics or Metrics()
        metrics.gauge(HEAVY_WAITING).watch((), self._queue.qsize)
        self._waits = metrics.histogram(HEAVY_WAITS)
        self._durations = metrics.histogram(HEAVY_DURATIONS)
        self._refusals = metrics.counter(HEAVY_REFUSALS).at()

    def share(self, deadline: Deadline) -> "HeavyShare":
        """The part of the thread's time that one request may have until its deadline."""
        return HeavyShare(self, deadline)

    def submit(self, work: Callable[[], R]) -> Future[R]:
        """Put work into the queue. Raises `DeadlinePassed` when the queue is full."""
        if self._thread is None:  # with the first work: a fork would lose it
            self._thread = Thread(target=self._run, name="bff-heavy-work", daemon=True)
            self._thread.start()
        future: Future[R] = Future()
        try:
            self._queue.put_nowait(_Task(future, work, time.perf_counter()))
        except Full:
            self._refusals[0] += 1
            raise DeadlinePassed("too much work is waiting") from None
        return future

    def close(self) -> None:
        """Cancel what waits, and let the thread end after the work that it is at."""
        while True:
            try:
                task = self._queue.get_nowait()
            except Empty:
                break
            if task is not None:
                task.future.cancel()
        self._queue.put(None)

    def _run(self) -> None:
        while (task := self._queue.get()) is not None:
            # Also for abandoned work, since its waits are the longest.
            self._waits.observe(self._waits.at(), time.perf_counter() - task.queued_at)
            if task.future.set_running_or_notify_cancel():
                self._work_on(task)
            del task  # or a large value stays until the next task

    def _work_on(self, task: _Task) -> None:
        """Do the work, and count it before its result is given out."""
        began_at = time.perf_counter()
        try:
            result = task.work()
        except BaseException as error:
            self._durations.observe(self._durations.at(), time.perf_counter() - began_at)
            task.future.set_exception(error)
        else:
            self._durations.observe(self._durations.at(), time.perf_counter() - began_at)
            task.future.set_result(result)


class HeavyShare:
    """One request's use of the thread: one piece of work after the other (rule 2)."""

    __slots__ = ("_deadline", "_heavy_work", "_turn")

    def __init__(self, heavy_work: HeavyWork, deadline: Deadline) -> None:
        self._heavy_work = heavy_work
        self._deadline = deadline
        self._turn: asyncio.Lock | None = None  # most requests have no such work

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The result of `work`, which runs on the thread. Raises what it raises, and
        `DeadlinePassed`."""
        turn = self._turn = self._turn or asyncio.Lock()
        try:
            async with asyncio.timeout_at(self._deadline.ends_at), turn:
                future = self._heavy_work.submit(lambda: work(*args, **kwargs))
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise DeadlinePassed("the thread's work took too long") from None
