"""What an entry is good for at a moment: the one place where freshness is decided. Pure.

    stored_at ──── ttl ────┬── stale ──┐
                           └────────── stale_if_error ──────┐
    Fresh                  │ Stale     │ StaleIfError        │ Miss

The windows overlap: both are counted from the end of the entry's own ttl, which may be shorter
than the policy's (jitter, and what upstreams allow). The longer of the two decides how long an
entry is stored.
"""

from enum import Enum

from bff.cache.entries import Entry
from bff.plan.model.caching import CachePolicy

# How far ahead the clock of the worker that stored an entry may be.
CLOCK_SKEW_SECONDS = 5.0


class Verdict(Enum):
    """What may be done with an entry."""

    FRESH = "fresh"  # serve it
    STALE = "stale"  # serve it, and make it anew in the background
    STALE_IF_ERROR = "stale if error"  # make it anew, and serve it if that fails
    MISS = "miss"  # it is of no use


def is_fresh(entry: Entry, now: float) -> bool:
    """Whether the entry is fresh at `now`, in seconds since the epoch. One from the future is not:
    a clock that was set back would make it good for as long again."""
    return entry.stored_at - CLOCK_SKEW_SECONDS <= now < entry.expires_at


def decide(
    entry: Entry | None, now: float, policy: CachePolicy, *, accepts_stale: bool = True
) -> Verdict:
    """The verdict on an entry, from wherever it came, at `now`, in seconds since the epoch.

    A client that does not accept what is stale waits for what is made anew. It gets what is fresh
    all the same, since no client may make upstreams work.
    """
    if entry is None or entry.ttl_seconds > policy.ttl_seconds:
        return Verdict.MISS
    if is_fresh(entry, now):
        return Verdict.FRESH
    age = now - entry.expires_at
    if age < 0 or not entry.may_be_stale:
        return Verdict.MISS
    if age < policy.stale_seconds and accepts_stale:
        return Verdict.STALE
    if age < policy.stale_if_error_seconds:
        return Verdict.STALE_IF_ERROR
    return Verdict.MISS


def stored_seconds(entry: Entry, policy: CachePolicy) -> float:
    """How long after `stored_at` the entry is of use to somebody."""
    if not entry.may_be_stale:
        return entry.ttl_seconds
    return entry.ttl_seconds + max(policy.stale_seconds, policy.stale_if_error_seconds)
