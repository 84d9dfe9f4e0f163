"""Runs under way, by their keys, and those that wait for them. One event loop's; knows no store."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from bff.cache.counts import CacheCounts
from bff.cache.purges import Purges
from bff.cache.results import CacheResult, Job
from bff.deadline import Deadline
from bff.telemetry.logs.repeats import Complaints

_log = logging.getLogger(__name__)


class Flight:
    """A run under way. Where nobody waits for it any more, `forget` is called and it is cancelled;
    without `forget` it finishes. `purges_before` is the count of purges noted when it began;
    `maker` is its job's."""

    __slots__ = ("_forget", "_maker", "_task", "_waiting", "purges_before")

    def __init__(
        self,
        task: asyncio.Task[CacheResult],
        forget: Callable[[], None] | None,
        purges_before: int,
        maker: object = None,
    ) -> None:
        self.purges_before = purges_before
        self._task = task
        self._forget = forget
        self._maker = maker
        self._waiting = 0

    async def lands_within(self, seconds: float | None) -> bool:
        """Whether it is over within so many seconds."""
        self._waiting += 1
        try:
            # Not `shield`, which reports the flight's error as unhandled when its caller has gone.
            await asyncio.wait((self._task,), timeout=seconds)
        finally:
            self._waiting -= 1
            if self._forget is not None and not (self._waiting or self._task.done()):
                self._forget()
                self._task.cancel()
        return self._task.done()

    def result(self) -> CacheResult:
        """What it came to, for the caller that started it. Raises what it raised."""
        return self._task.result()

    def shared_result(self) -> CacheResult:
        """The same for another caller."""
        result = self._task.result()
        if result.how != "miss":
            return result
        return replace(result, how="collapsed", maker=self._maker)


Fly = Callable[[Job, Deadline, bool], Coroutine[Any, Any, CacheResult]]


class Flights:
    """The flights of a cache. `fly` makes a job's value by a deadline, from a stale one where
    this is accepted; where it `finishes`, a flight goes on when nobody waits."""

    def __init__(
        self,
        fly: Fly,
        purges: Purges,
        counts: CacheCounts,
        complaints: Complaints,
        *,
        finishes: bool,
    ) -> None:
        self._fly = fly
        self._complaints = complaints
        self._purges = purges
        self._counts = counts
        self._finishes = finishes
        self._loop = asyncio.get_running_loop()
        self._flights: dict[str, Flight] = {}
        self._flying: set[asyncio.Task[CacheResult]] = set()
        self._due: set[str] = set()  # keys that other threads want made anew

    def get(self, key: str) -> Flight | None:
        """The flight that a caller may join."""
        return self._flights.get(key)

    def leave(self, key: str, flight: Flight) -> None:
        """From now on, nobody joins this flight."""
        if self._flights.get(key) is flight:
            del self._flights[key]

    def refresh_soon(self, job: Job) -> None:
        """Make a value anew in the background. Safe from any thread."""
        if job.key not in self._flights and job.key not in self._due:
            self._due.add(job.key)  # or each hit leaves a call while the loop is held
            self._loop.call_soon_threadsafe(self.refresh, job)

    def refresh(self, job: Job) -> None:
        """Make a value anew in the background, unless somebody does."""
        self._due.discard(job.key)
        if job.key not in self._flights:
            self.begin(job, job.deadline.renewed(), accepts_stale=False, in_background=True)

    def begin(
        self, job: Job, deadline: Deadline, *, accepts_stale: bool, in_background: bool = False
    ) -> Flight:
        """Begin a flight, which others may join."""
        if in_background and job.refresh is not None:
            job = replace(job, run=job.refresh)
        task = self._loop.create_task(self._fly(job, deadline, accepts_stale))

        def forget() -> None:
            self.leave(job.key, flight)

        finishes = in_background or self._finishes
        flight = self._flights[job.key] = Flight(
            task, None if finishes else forget, self._purges.noted, job.maker
        )
        self._flying.add(task)

        def landed(task: asyncio.Task[CacheResult]) -> None:
            self._flying.discard(task)
            forget()
            if task.cancelled():
                return
            error = task.exception()  # looked at, or asyncio reports it when all have gone
            if error is None and task.result().how == "stale":  # it came out of the store
                self.refresh(job)
            # What another worker has made is its own to count.
            if in_background and (error is not None or task.result().how in ("miss", "error")):
                self._note_refresh(job, is_ok=error is None and not task.result().failed)

        task.add_done_callback(landed)
        return flight

    async def close(self) -> None:
        """End every flight."""
        tasks = list(self._flying)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _note_refresh(self, job: Job, *, is_ok: bool) -> None:
        self._counts.refresh("ok" if is_ok else "failed")
        if not is_ok:
            self._complaints.warning(_log, f"{job.name}: making it anew in the background failed")
