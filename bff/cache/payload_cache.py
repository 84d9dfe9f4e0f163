"""One payload per key: memory, then Redis, then one run of the plan for all who ask meanwhile.

Rules:
1. One flight per key in this process. Who asks while it is under way shares its outcome.
2. A flight is a task of its own: it outlives the request that began it as long as anybody waits,
   and is cancelled when the last one has gone.
3. Only complete payloads are kept. A degraded one, and a failure, go to those who waited for it.
4. Redis is filled behind the reply; an entry that comes from there expires when it always would.

Knows nothing of compositions, requests or replies. Look-ups are safe from any thread; everything
else belongs to one event loop.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from bff.cache.entries import Entry
from bff.cache.memory import MemoryLayer
from bff.cache.store import SharedStore
from bff.engine.results import CompositionFailure, Produced

Run = Callable[[], Awaitable[Produced | CompositionFailure]]

_MEMORY_BYTES = 64 * 1024 * 1024
_CLOCK_SKEW_SECONDS = 5.0  # how far ahead another worker's clock may be


@dataclass(frozen=True, slots=True)
class CacheResult:
    """What `produce` came to: an `entry` for a complete payload, an `outcome` where this process
    ran the plan; for a degraded payload or a failure, the outcome alone.

    `status` is this caller's: "hit" (nothing was run), "miss" (its own run), "collapsed" (another
    caller's). `stored` tells that the run's payload was kept.
    """

    entry: Entry | None
    outcome: Produced | CompositionFailure | None
    status: Literal["hit", "miss", "collapsed"]
    stored: bool


class PayloadCache:
    """The payloads of one worker. `store` is what it shares with others, None for nothing;
    `clock` gives seconds since the epoch, since entries travel between processes."""

    def __init__(
        self,
        store: SharedStore | None,
        *,
        memory_bytes: int = _MEMORY_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._memory = MemoryLayer(memory_bytes)
        self._clock = clock
        self._flights: dict[str, _Flight] = {}

    def lookup(self, key: str) -> Entry | None:
        """The fresh entry in memory, or None; never waits. Safe from any thread."""
        entry = self._memory.get(key)
        return entry if entry is not None and self._clock() < entry.expires_at else None

    async def produce(self, key: str, ttl_seconds: float, run: Run) -> CacheResult:
        """The payload for this key, from wherever it is had first.

        `run` is called at most once in a flight, with the first caller's context and deadline.
        What it raises, all who wait get.
        """
        entry = self.lookup(key)  # a flight may have landed since the caller looked
        if entry is not None:
            return CacheResult(entry, None, "hit", stored=False)
        flight = self._flights.get(key)
        leads = flight is None
        if flight is None:
            flight = self._begin_flight(key, ttl_seconds, run)
        flight.waiting += 1
        try:
            # Not `shield`, which reports the flight's error as unhandled when its caller has gone.
            await asyncio.wait((flight.task,))
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                self._end_flight(key, flight)
                flight.task.cancel()
        result = flight.task.result()
        return result if leads or result.status == "hit" else replace(result, status="collapsed")

    async def close(self) -> None:
        """End every flight, and let the store finish."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._store is not None:
            await self._store.close()

    def _begin_flight(self, key: str, ttl_seconds: float, run: Run) -> "_Flight":
        flight = _Flight(asyncio.create_task(self._fly(key, ttl_seconds, run)))
        self._flights[key] = flight

        def landed(task: asyncio.Task[CacheResult]) -> None:
            self._end_flight(key, flight)
            if not task.cancelled():
                task.exception()  # looked at, so that asyncio doesn't report it when all have gone

        flight.task.add_done_callback(landed)
        return flight

    def _end_flight(self, key: str, flight: "_Flight") -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def _fly(self, key: str, ttl_seconds: float, run: Run) -> CacheResult:
        if self._store is not None:
            entry = await self._store.get(key)
            if entry is not None and self._is_usable(entry, ttl_seconds):
                self._memory.put(entry)
                return CacheResult(entry, None, "hit", stored=False)
        outcome = await run()
        if isinstance(outcome, CompositionFailure) or outcome.degraded:
            return CacheResult(None, outcome, "miss", stored=False)
        entry = Entry(key, outcome.body, outcome.views, self._clock(), ttl_seconds)
        stored = self._memory.put(entry)
        if self._store is not None:
            stored = self._store.put(entry) or stored
        return CacheResult(entry, outcome, "miss", stored)

    def _is_usable(self, entry: Entry, ttl_seconds: float) -> bool:
        """Values from Redis are untrusted: none is good for longer than the plan says."""
        now = self._clock()
        return (
            entry.stored_at <= now + _CLOCK_SKEW_SECONDS
            and entry.ttl_seconds <= ttl_seconds
            and now < entry.expires_at
        )


class _Flight:
    __slots__ = ("task", "waiting")

    def __init__(self, task: asyncio.Task[CacheResult]) -> None:
        self.task = task
        self.waiting = 0
