"""One value per key: memory, then the shared store, then one run for all who ask meanwhile.

Rules:
1. One flight per key in this process, and one among the workers that share a store. Callers that
   come while it is under way share its outcome, wait at most a budget for it, and then fly anew.
2. A flight is a task of its own: it outlives the request that began it as long as anybody waits.
   With a shared store it always ends by itself, since other workers may wait for it.
3. A stale entry is served at once and made anew by one flight; where that fails, it is served for a
   second before the next attempt.
4. Only complete values are shared. A degraded one is stored for a second in this process, marked,
   and only where there is no complete one left; a failure goes to those who waited for it.
5. A result whose run started before a purge of one of its tags is returned to the caller that
   started it, and is not stored. Callers that came later fly anew; of a result without known tags
   they do so after any purge. Whatever an entry is served for, no purge has made it void.
6. What has more tags than can be purged one by one is not stored; where a run purges more than can
   be named, everything that has tags is purged.

Knows nothing of compositions, requests or replies. Look-ups are safe from any thread; everything
else belongs to one event loop.
"""

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable, Iterable
from typing import assert_never

from bff.cache.counts import CacheCounts
from bff.cache.entries import Entry
from bff.cache.flights import Flight, Flights
from bff.cache.freshness import Verdict, decide, is_fresh, stored_seconds
from bff.cache.landing import (
    Forget,
    PassOn,
    ServeNewer,
    ServeOlder,
    Store,
    StoreDegraded,
    decide_landing,
    entry_of,
)
from bff.cache.memory import MemoryLayer
from bff.cache.purges import Purges
from bff.cache.redis.leases import Lease
from bff.cache.results import CacheResult, CacheSize, Job, RunResult
from bff.cache.search import StoreSearch, longest_wait
from bff.cache.shared.store import EntryStore
from bff.deadline import Deadline
from bff.plan.model.caching import EVERYTHING, MOST_TAGS, PurgedTags, bounded_tags
from bff.telemetry.logs.repeats import Complaints
from bff.telemetry.metrics.families import Metrics

_log = logging.getLogger(__name__)

_MEMORY_BYTES = 64 * 1024 * 1024


class Cache:
    """The cache of one worker. `clock` returns seconds since the epoch, since entries travel
    between processes; `dice` a number from 0 up to 1, for the jitter."""

    def __init__(
        self,
        open_store: Callable[..., EntryStore | None],
        *,
        memory_bytes: int = _MEMORY_BYTES,
        clock: Callable[[], float] = time.time,
        dice: Callable[[], float] = random.random,
        metrics: Metrics | None = None,
        complaints: Complaints | None = None,
    ) -> None:
        """`open_store` is called with `purged`, `missed` and `metrics` (see `EntryStore`)."""
        self._loop = asyncio.get_running_loop()
        metrics = metrics or Metrics()
        self._counts = CacheCounts(metrics)
        self._memory = MemoryLayer(memory_bytes, self._counts.evictions)
        self._purges = Purges()
        self._clock = clock
        self._dice = dice
        self._complaints = complaints or Complaints()
        self._store = store = open_store(
            purged=self._take_purge, missed=self._take_loss, metrics=metrics
        )
        self._search = (
            None if store is None else StoreSearch(store, self._purges, clock, self._counts)
        )
        # With a store every flight ends by itself: other workers may wait for it.
        self._flights = Flights(
            self._fly,
            self._purges,
            self._counts,
            self._complaints,
            finishes=self._store is not None,
        )

    def size(self) -> CacheSize:
        """The state of the cache now. Safe from any thread."""
        store = self._store
        has_channel = store is not None and store.knows_tags
        return CacheSize(
            len(self._memory),
            self._memory.size_bytes,
            None if store is None or not has_channel else store.hears_purges,
            0 if store is None else store.purges_owed,
        )

    def lookup(self, key: str) -> Entry | None:
        """The fresh entry in memory, or None; never waits. Safe from any thread."""
        entry = self._memory.get(key)
        return entry if entry is not None and is_fresh(entry, self._clock()) else None

    def lookup_stale(self, job: Job, *, accepts_stale: bool = True) -> Entry | None:
        """The entry in memory that is good enough although it is not fresh; making it anew begins
        in the background. Never waits; safe from any thread."""
        entry = self._memory.get(job.key)
        now = self._clock()
        verdict = decide(entry, now, job.policy, accepts_stale=accepts_stale)
        if entry is None or verdict is not Verdict.STALE:
            return None
        if not entry.is_resting(now):
            self._flights.refresh_soon(job)
        return entry

    async def get(self, job: Job, *, accepts_stale: bool = True) -> CacheResult:
        """The value, from wherever it is had first. What the run raises, all who wait get."""
        may_fly_anew, has_joined = True, False
        while True:
            held = self._from_memory(job, accepts_stale)
            if held is not None:
                return held
            flight = self._flights.get(job.key)
            if flight is None:
                flight = self._flights.begin(job, job.deadline, accepts_stale=accepts_stale)
                await flight.lands_within(None)
                return flight.result()
            if not has_joined:  # a request counts once, however many flights it waits for
                has_joined = True
                self._counts.joined_flights[0] += 1
            if await flight.lands_within(longest_wait(job.deadline)):
                shared = flight.shared_result()
                if not (may_fly_anew and self._may_be_purged(shared, flight)):
                    return shared
                may_fly_anew = False  # we may have come after the purge: the first of us flies
                continue
            self._flights.leave(job.key, flight)  # too slow for us: others fly with us anew

    async def purge(self, tags: PurgedTags, seconds: float | None = None) -> int | None:
        """Delete what has one of the tags, here, in the store, and in every worker: everything that
        has tags, where there are more than `MOST_TAGS`. Returns how many entries the store had;
        None where it could not answer within `seconds`, or the short time that a request may wait
        for it."""
        if tags is not EVERYTHING:
            tags = bounded_tags(tags)
        if tags is EVERYTHING:
            self._complaints.warning(
                _log,
                f"a purge of more than {MOST_TAGS} tags, or of unknown ones: "
                f"{EVERYTHING.value} is purged",
            )
        self._counts.purge("everything" if tags is EVERYTHING else "tags")
        self._take_purge(tags, self._clock())
        return 0 if self._store is None else await self._store.purge(tags, seconds)

    async def close(self) -> None:
        """End every flight, and let the store finish."""
        await self._flights.close()
        if self._store is not None:
            await self._store.close()

    # ------------------------------------------------------------------ memory

    def _from_memory(self, job: Job, accepts_stale: bool) -> CacheResult | None:
        entry = self._memory.get(job.key)
        now = self._clock()
        match decide(entry, now, job.policy, accepts_stale=accepts_stale):
            case Verdict.FRESH:
                return CacheResult(entry, None, "hit")
            case Verdict.STALE:
                if entry is not None and not entry.is_resting(now):
                    self._flights.refresh(job)
                return CacheResult(entry, None, "stale")
            case Verdict.STALE_IF_ERROR if entry is not None and entry.is_resting(now):
                return CacheResult(entry, entry.failure, "error")
            case _:
                return None

    def _remember(self, entry: Entry, held_since: float = math.inf) -> bool:
        """Store the entry in memory, unless a purge has made it void, or could go unheard."""
        return not self._is_void(entry, held_since) and self._memory.put(entry)

    def _is_void(self, entry: Entry, held_since: float) -> bool:
        """Whether an entry that has been here since a time may hold what was true before a
        purge."""
        if not entry.tags:
            return False
        if self._store is not None and not self._store.hears_purges:
            return True
        return self._purges.makes_void(entry, held_since)

    def _may_be_purged(self, shared: CacheResult, flight: Flight) -> bool:
        """Whether what a flight came to may hold what was true before a purge. What is not stored
        has no tags that are known, so that any purge since the flight began counts."""
        if shared.entry is None:
            return self._purges.noted > flight.purges_before
        return self._purges.was_purged(shared.entry)

    def _take_loss(self) -> None:
        """Purges may have gone unheard: nothing that has tags can be trusted."""
        self._purges.note_unheard(self._clock())
        self._memory.drop_all_tagged()

    def _take_purge(self, tags: PurgedTags, at: float) -> None:
        self._purges.note(tags, at)
        if tags is EVERYTHING:
            self._memory.drop_all_tagged()
        else:
            self._memory.drop_tagged(tags)

    # ------------------------------------------------------------------ flights

    async def _fly(self, job: Job, deadline: Deadline, accepts_stale: bool) -> CacheResult:
        began_at = self._clock()
        held = [self._memory.get(job.key)]
        lease = Lease(job.key, "", began_at)
        if self._search is not None:
            known = await self._search.find(job, deadline, accepts_stale=accepts_stale)
            if isinstance(known, CacheResult):
                if known.entry is not None:
                    self._remember(known.entry)
                return known
            found, lease = known
            held.append(found)
        try:
            result = await job.run(deadline)
        except BaseException:
            self._release(lease)
            raise
        held.append(self._memory.get(job.key))
        older = self._newest_complete(held, began_at)
        return self._land(job, result, lease, older)

    def _newest_complete(self, held: Iterable[Entry | None], held_since: float) -> Entry | None:
        """Of the entries that have been here since a time, the newest that is complete and that
        no purge has made void."""
        usable = [
            each
            for each in held
            if each is not None and each.flaw is None and not self._is_void(each, held_since)
        ]
        return max(usable, key=lambda each: each.stored_at, default=None)

    def _land(self, job: Job, result: RunResult, lease: Lease, older: Entry | None) -> CacheResult:
        now, outcome = self._clock(), result.outcome
        entry = entry_of(result, job, began_at=lease.began_at, now=now, chance=self._dice())
        was_purged = entry is not None and self._purges.was_purged(entry)
        verdict = decide(older, now, job.policy)
        landing = decide_landing(result, entry, older, verdict, was_purged=was_purged)
        if result.untagged:
            self._counts.not_store("untagged")
            self._complaints.warning(_log, f"{job.name}: not stored: {result.untagged}")
        if isinstance(landing, Store):
            return CacheResult(landing.entry, outcome, "miss", self._put(landing.entry, job, lease))
        if isinstance(landing, Forget):
            self._memory.drop(job.key)
            if self._store is not None:
                self._store.drop(lease)
            return CacheResult(None, outcome, "miss")
        self._release(lease)
        match landing:
            case StoreDegraded(degraded):
                self._remember(degraded, degraded.observed_at)
                return CacheResult(None, outcome, "miss", failed=True)
            case ServeOlder(older):
                older.rest(now, result.failure)
                self._memory.put(older)
                return CacheResult(older, outcome, "error", failed=True)
            case ServeNewer(newer):
                return CacheResult(newer, None, "collapsed")
            case PassOn(void):
                if was_purged:
                    self._counts.not_store("purged")
                return CacheResult(void, outcome, "miss", failed=result.failed)
            case _:
                assert_never(landing)

    def _put(self, entry: Entry, job: Job, lease: Lease) -> bool:
        """Store the entry in memory and for other workers; whether one of them has it."""
        is_held = self._remember(entry, entry.observed_at)
        if not is_held:
            self._counts.not_store("memory")
        is_shared = False
        if self._store is not None:
            is_shared = self._store.put(entry, stored_seconds(entry, job.policy), lease)
            if not is_shared:
                self._counts.not_store("store")
        if is_held or is_shared:
            self._counts.store(entry.size_bytes)
        return is_held or is_shared

    def _release(self, lease: Lease) -> None:
        if self._store is not None:
            self._store.release(lease)
