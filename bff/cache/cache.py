"""One value per key: memory, then the shared store, then one run for all who ask meanwhile.

Rules:
1. One flight per key in this process, and one among the workers that share a store. Who asks while
   it is under way shares its outcome, waits at most a budget for it, and then flies anew.
2. A flight is a task of its own: it outlives the request that began it as long as anybody waits.
   With a shared store it always ends by itself, since other workers may wait for it.
3. What is stale is served at once and made anew by one flight; where that fails, what is left is
   served for a second before the next attempt.
4. Only complete values are shared. A degraded one is kept for a second in this process, marked,
   and only where there is no complete one left; a failure goes to those who waited for it.
5. What was begun before a purge of one of its tags goes to who began it alone, and is not kept.

Knows nothing of compositions, requests or replies. Look-ups are safe from any thread; everything
else belongs to one event loop.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence

from bff.cache.entries import Entry
from bff.cache.flights import Flight
from bff.cache.freshness import ANY, Verdict, Wish, decide, kept_seconds
from bff.cache.memory import MemoryLayer
from bff.cache.purges import Purges
from bff.cache.redis.leases import Lease
from bff.cache.results import CacheResult, Job, RunResult
from bff.cache.shared.store import SharedStore
from bff.deadline import Deadline

_log = logging.getLogger(__name__)

_MEMORY_BYTES = 64 * 1024 * 1024
_JITTER = 0.1  # at most this part of a ttl is taken off, so that what came together ends apart
_FAILING_SECONDS = 1.0
_MOST_PATIENCE_SECONDS = 2.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.005, 0.05


class Cache:
    """The cache of one worker. `clock` gives seconds since the epoch, since entries travel between
    processes; `dice` a number from 0 up to 1, for the jitter."""

    def __init__(
        self,
        open_store: Callable[..., SharedStore | None],
        *,
        memory_bytes: int = _MEMORY_BYTES,
        clock: Callable[[], float] = time.time,
        dice: Callable[[], float] = random.random,
    ) -> None:
        """`open_store` is called with `purged` and `missed` (see `SharedStore`)."""
        self._loop = asyncio.get_running_loop()
        self._memory = MemoryLayer(memory_bytes)
        self._purges = Purges()
        self._clock = clock
        self._dice = dice
        self._flights: dict[str, Flight] = {}
        self._flying: set[asyncio.Task[CacheResult]] = set()
        self._due: set[str] = set()  # keys that other threads want made anew
        self._store = open_store(purged=self._take_purge, missed=self._missed)

    def lookup(self, key: str) -> Entry | None:
        """The fresh entry in memory, or None; never waits. Safe from any thread."""
        entry = self._memory.get(key)
        return entry if entry is not None and self._clock() < entry.expires_at else None

    def lookup_stale(self, job: Job, wish: Wish = ANY) -> Entry | None:
        """The entry in memory that is good enough although it is not fresh; making it anew begins
        in the background. Never waits; safe from any thread."""
        entry = self._memory.get(job.key)
        now = self._clock()
        verdict = decide(entry, now, job.policy, wish)
        if entry is None or verdict is not Verdict.STALE:
            return None
        if now >= entry.failing_until and job.key not in self._flights:
            self._refresh_soon(job)
        return entry

    async def get(self, job: Job, wish: Wish = ANY) -> CacheResult:
        """The value, from wherever it is had first. What the run raises, all who wait get."""
        may_fly_anew = True
        while True:
            served = self._from_memory(job, wish)
            if served is not None:
                return served
            flight = self._flights.get(job.key)
            if flight is None:
                flight = self._begin(job, wish, job.deadline)
                await flight.lands_within(None)
                return flight.outcome(leads=True)
            if await flight.lands_within(_patience(job.deadline)):
                served = flight.outcome(leads=False)
                is_void = served.entry is not None and self._purges.was_purged(served.entry)
                if not (is_void and may_fly_anew):
                    return served
                may_fly_anew = False  # we may have asked after the purge: the first of us flies
                continue
            if self._flights.get(job.key) is flight:  # too slow for us: others fly with us anew
                del self._flights[job.key]

    async def purge(self, tags: Sequence[str], seconds: float | None = None) -> int | None:
        """Forget what has one of the tags, here, in the store, and in every worker. How many
        entries the store had; None where it couldn't be told within `seconds`, or the short time
        that a request may wait for it."""
        self._take_purge(tags, self._clock())
        return 0 if self._store is None else await self._store.purge(tags, seconds)

    async def close(self) -> None:
        """End every flight, and let the store finish."""
        tasks = list(self._flying)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._store is not None:
            await self._store.close()

    # ------------------------------------------------------------------ memory

    def _from_memory(self, job: Job, wish: Wish) -> CacheResult | None:
        entry = self._memory.get(job.key)
        now = self._clock()
        match decide(entry, now, job.policy, wish):
            case Verdict.FRESH:
                return CacheResult(entry, None, "hit")
            case Verdict.STALE:
                if entry is not None and now >= entry.failing_until:
                    self._refresh(job)
                return CacheResult(entry, None, "stale")
            case Verdict.STALE_IF_ERROR if entry is not None and now < entry.failing_until:
                return CacheResult(entry, entry.failure, "error")
            case _:
                return None

    def _remember(self, entry: Entry, *, made_here: bool = False) -> bool:
        """Hold an entry in memory, where a purge of it would be heard of."""
        if self._purges.void(entry) if made_here else self._purges.was_purged(entry):
            return False
        if entry.tags and self._store is not None and not self._store.hears_purges:
            return False
        return self._memory.put(entry)

    def _missed(self) -> None:
        """Purges may have gone unheard: nothing that has tags can be trusted."""
        self._purges.note_all(self._clock())
        self._memory.drop_all_tagged()

    def _take_purge(self, tags: Sequence[str], at: float) -> None:
        self._purges.note(tags, at)
        self._memory.drop_tagged(tags)

    # ------------------------------------------------------------------ flights

    def _refresh_soon(self, job: Job) -> None:
        if job.key not in self._due:  # or each hit leaves a call while the loop is held
            self._due.add(job.key)
            self._loop.call_soon_threadsafe(self._refresh, job)

    def _refresh(self, job: Job) -> None:
        self._due.discard(job.key)
        if job.key not in self._flights:
            wish, deadline = Wish(accepts_stale=False), job.deadline.renewed()
            self._begin(job, wish, deadline, in_background=True)

    def _begin(
        self, job: Job, wish: Wish, deadline: Deadline, *, in_background: bool = False
    ) -> Flight:
        task = self._loop.create_task(self._fly(job, wish, deadline))

        def forget() -> None:
            if self._flights.get(job.key) is flight:
                del self._flights[job.key]

        finishes = in_background or self._store is not None
        flight = self._flights[job.key] = Flight(task, None if finishes else forget)
        self._flying.add(task)

        def landed(task: asyncio.Task[CacheResult]) -> None:
            self._flying.discard(task)
            forget()
            if task.cancelled():
                return
            error = task.exception()  # looked at, or asyncio reports it when all have gone
            if error is None and task.result().how == "stale":  # it came out of the store
                self._refresh(job)
            if in_background and (error is not None or task.result().how == "error"):
                _log.warning("%s: making it anew in the background failed", job.name)

        task.add_done_callback(landed)
        return flight

    async def _fly(self, job: Job, wish: Wish, deadline: Deadline) -> CacheResult:
        older = self._memory.get(job.key)
        lead = Lease(job.key, "", self._clock())
        if self._store is not None:
            known = await self._ask_store(self._store, job, wish, deadline)
            if isinstance(known, CacheResult):
                return known
            found, lead = known
            older = found or older
        try:
            made = await job.run(deadline)
        except BaseException:
            if self._store is not None:
                self._store.let_go(lead)
            raise
        return self._land(job, made, lead, older)

    async def _ask_store(
        self, store: SharedStore, job: Job, wish: Wish, deadline: Deadline
    ) -> CacheResult | tuple[Entry | None, Lease]:
        """What the store or another worker serves; or what is left there, and the lead."""

        def is_wanted(entry: Entry) -> bool:
            verdict = decide(entry, self._clock(), job.policy, wish)
            return verdict in _SERVED_AT_ONCE and not self._purges.was_purged(entry)

        patience = _patience(deadline)
        found, lead = await store.find(job.key, is_wanted, patience, job.patience)
        if lead is not None:
            return found, lead
        if found is not None and is_wanted(found):
            self._remember(found)
            if decide(found, self._clock(), job.policy) is Verdict.FRESH:
                return CacheResult(found, None, "hit")
            return CacheResult(found, None, "stale")
        made = await self._follow(store, job, patience)
        if made is None:
            return found, store.alone(job.key)
        self._remember(made)
        return CacheResult(made, None, "collapsed")

    async def _follow(self, store: SharedStore, job: Job, patience: float) -> Entry | None:
        """What another worker makes of it; None when it gave up, or takes too long."""
        gives_up_at = self._loop.time() + patience
        pause = _FIRST_PAUSE_SECONDS
        while self._loop.time() < gives_up_at:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
            entry, is_led = await store.look(job.key)
            if entry is not None and decide(entry, self._clock(), job.policy) is Verdict.FRESH:
                return entry
            if not is_led:
                return None
        return None

    def _land(self, job: Job, made: RunResult, lead: Lease, older: Entry | None) -> CacheResult:
        store, policy, now = self._store, job.policy, self._clock()
        entry = self._entry(job, made, lead, now)
        if made.failed:
            if store is not None:
                store.let_go(lead)
            older = self._newest_complete(job.key, older)
            verdict = decide(older, now, policy)
            if verdict is Verdict.FRESH:  # a later flight has landed before
                return CacheResult(older, None, "collapsed")
            if verdict is not Verdict.MISS and older is not None:
                older.failing_until, older.failure = now + _FAILING_SECONDS, made.outcome
                self._remember(older)
                return CacheResult(older, made.outcome, "error")
            if entry is not None:
                self._remember(entry, made_here=True)
            return CacheResult(None, made.outcome, "miss")
        if entry is None:
            self._forget(job.key, lead)
            return CacheResult(None, made.outcome, "miss")
        stored = self._remember(entry, made_here=True)
        if store is not None:
            if self._purges.was_purged(entry):
                store.let_go(lead)
            else:
                stored = store.put(entry, kept_seconds(entry, policy), lead) or stored
        return CacheResult(entry, made.outcome, "miss", stored)

    def _newest_complete(self, key: str, older: Entry | None) -> Entry | None:
        """The one that was there when a flight began, or what others have stored since."""
        held = self._memory.get(key)
        if held is None or held.flaw is not None:
            return older
        return held if older is None or held.stored_at > older.stored_at else older

    def _forget(self, key: str, lead: Lease) -> None:
        """What is answered now can't be kept, and what was kept before is no answer any more."""
        self._memory.drop(key)
        if self._store is not None:
            self._store.drop(lead)

    def _entry(self, job: Job, made: RunResult, lead: Lease, now: float) -> Entry | None:
        """What is kept of a run; None for nothing."""
        if made.body is None or made.freshness.seconds <= 0:
            return None
        ttl = job.policy.ttl_seconds * (1 - _JITTER * self._dice())
        ttl = min(ttl, made.freshness.seconds)
        if made.failed:
            ttl = min(ttl, _FAILING_SECONDS)
        may_be_stale = made.freshness.may_be_stale and not made.failed
        return Entry(
            job.key, made.body, made.views, now, ttl,
            min(lead.began_at, made.freshness.observed_at), made.tags, may_be_stale,
            made.flaw,
        )  # fmt: skip


_SERVED_AT_ONCE = (Verdict.FRESH, Verdict.STALE)


def _patience(deadline: Deadline) -> float:
    """The seconds to wait for what others make, so that time is left to make it here."""
    return min(deadline.seconds_left() / 2, _MOST_PATIENCE_SECONDS)
