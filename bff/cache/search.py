"""What the shared store and other workers have for a job, before it is run here.

For one event loop, but for the verdicts on entries: the store's threads ask for them.
"""

import asyncio
from collections.abc import Callable

from bff.cache.counts import CacheCounts
from bff.cache.entries import Entry
from bff.cache.freshness import Verdict, decide
from bff.cache.purges import Purges
from bff.cache.redis.leases import Lease
from bff.cache.results import CacheResult, Job
from bff.cache.shared.store import EntryStore
from bff.deadline import Deadline

_MOST_WAIT_SECONDS = 2.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.005, 0.05


class StoreSearch:
    """Asks a store; `clock` returns seconds since the epoch. What a purge made void is a miss,
    though the store may hold it for a moment."""

    def __init__(
        self, store: EntryStore, purges: Purges, clock: Callable[[], float], counts: CacheCounts
    ) -> None:
        self._store = store
        self._counts = counts
        self._purges = purges
        self._clock = clock
        self._loop = asyncio.get_running_loop()

    async def find(
        self, job: Job, deadline: Deadline, *, accepts_stale: bool
    ) -> CacheResult | tuple[Entry | None, Lease]:
        """What the store or another worker serves; or what is left there, and the lease."""
        is_wanted = self._wanted(job, (Verdict.FRESH, Verdict.STALE), accepts_stale)
        is_fresh = self._wanted(job, (Verdict.FRESH,), accepts_stale)
        seconds = longest_wait(deadline)
        found, lease = await self._store.find(job.key, is_wanted, seconds, job.patience)
        if lease is not None:
            return found, lease
        if found is not None and is_wanted(found):
            return CacheResult(found, None, "hit" if is_fresh(found) else "stale")
        made = await self._follow(job.key, is_fresh, seconds)
        if made is None:
            return found, self._store.own_lease(job.key)
        return CacheResult(made, None, "collapsed")

    async def _follow(
        self, key: str, is_wanted: Callable[[Entry], bool], seconds: float
    ) -> Entry | None:
        """What another worker makes of it; None when it gave up, or takes too long."""
        began_at = self._loop.time()
        pause = _FIRST_PAUSE_SECONDS
        try:
            while self._loop.time() < began_at + seconds:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
                entry, is_leased = await self._store.look(key)
                if entry is not None and is_wanted(entry):
                    return entry
                if not is_leased:
                    return None
            return None
        finally:
            self._counts.wait_for_lease(self._loop.time() - began_at)

    def _wanted(
        self, job: Job, verdicts: tuple[Verdict, ...], accepts_stale: bool
    ) -> Callable[[Entry], bool]:
        def is_wanted(entry: Entry) -> bool:
            if self._purges.was_purged(entry):
                return False
            now = self._clock()
            return decide(entry, now, job.policy, accepts_stale=accepts_stale) in verdicts

        return is_wanted


def longest_wait(deadline: Deadline) -> float:
    """The seconds to wait for what others make, so that time is left to make it here."""
    return min(deadline.seconds_left() / 2, _MOST_WAIT_SECONDS)
