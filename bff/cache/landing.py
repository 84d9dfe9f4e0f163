"""What becomes of a run's result. Pure: `decide_landing` decides, the cache acts.

- A complete result is stored, here and for the other workers, unless a purge came during the run.
- An answer that may not be stored replaces what was stored before, which is forgotten.
- In trouble, an older entry that is good enough is served instead, and making it anew rests for a
  second. Without one, a degraded payload is stored for a second in this process, and a failure goes
  to its callers alone.
"""

from dataclasses import dataclass

from bff.cache.entries import FAILING_SECONDS, Entry
from bff.cache.freshness import Verdict
from bff.cache.results import Job, RunResult

_JITTER = 0.1  # at most this part of a ttl is taken off, so that what came together ends apart


@dataclass(frozen=True, slots=True)
class Store:
    """Store the entry, here and for the other workers."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class StoreDegraded:
    """Store the entry in this process alone."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class ServeOlder:
    """Serve the older entry, and rest for `FAILING_SECONDS`."""

    older: Entry


@dataclass(frozen=True, slots=True)
class ServeNewer:
    """Serve the entry that a later flight stored meanwhile."""

    newer: Entry


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete what was stored before."""


@dataclass(frozen=True, slots=True)
class PassOn:
    """Store nothing. The result goes to those that waited for it, with `entry` where a purge made
    it void."""

    entry: Entry | None


Landing = Store | StoreDegraded | ServeOlder | ServeNewer | Forget | PassOn


def decide_landing(
    result: RunResult,
    entry: Entry | None,
    older: Entry | None,
    verdict: Verdict,
    *,
    was_purged: bool,
) -> Landing:
    """What becomes of a result. `entry` is what could be stored of it (`entry_of`), `was_purged`
    whether a purge has made that void; `older` an entry that no purge has made void, and `verdict`
    what it is good for now."""
    if not result.failed:
        if entry is None:
            return Forget()
        return PassOn(entry) if was_purged else Store(entry)
    if older is not None and verdict is Verdict.FRESH:
        return ServeNewer(older)
    if older is not None and verdict is not Verdict.MISS:
        return ServeOlder(older)
    return PassOn(None) if entry is None or was_purged else StoreDegraded(entry)


def entry_of(
    result: RunResult, job: Job, *, began_at: float, now: float, chance: float
) -> Entry | None:
    """The entry that a result makes at `now`; None where nothing of it may be stored. `began_at` is
    when its run began, `chance` a number from 0 up to 1, for the jitter."""
    freshness = result.freshness
    if result.body is None or freshness.seconds <= 0:
        return None
    ttl = min(job.policy.ttl_seconds * (1 - _JITTER * chance), freshness.seconds)
    if result.failed:
        ttl = min(ttl, FAILING_SECONDS)
    return Entry(
        job.key,
        result.body,
        result.views,
        stored_at=now,
        ttl_seconds=ttl,
        observed_at=min(began_at, freshness.observed_at),
        tags=result.tags,
        may_be_stale=freshness.may_be_stale and not result.failed,
        flaw=result.flaw,
        head=result.head,
    )
