"""What an entry is good for at a moment: the one place where freshness is decided. Pure.

    stored_at ──── ttl ────┬── stale ──┐
                           └────────── stale_if_error ──────┐
    Fresh                  │ Stale     │ StaleIfError        │ Miss

The windows overlap: both are counted from the end of the entry's own ttl, which may be shorter than
the policy's (jitter, and what upstreams allow). The longer of the two says how long it is kept.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks of a cache. A client that won't have what is stale waits for what is
    made anew; what is fresh it gets all the same, since no client may make upstreams work."""

    accepts_stale: bool = True


ANY = Wish()


def decide(entry: Entry | None, now: float, policy: CachePolicy, wish: Wish = ANY) -> Verdict:
    """The verdict on an entry, from wherever it came, at `now`, in seconds since the epoch."""
    if (
        entry is None
        or entry.stored_at > now + CLOCK_SKEW_SECONDS  # an entry is not good for ever
        or entry.ttl_seconds > policy.ttl_seconds
    ):
        return Verdict.MISS
    if now < entry.expires_at:
        return Verdict.FRESH
    if not entry.may_be_stale:
        return Verdict.MISS
    age = now - entry.expires_at
    if age < policy.stale_seconds and wish.accepts_stale:
        return Verdict.STALE
    if age < policy.stale_if_error_seconds:
        return Verdict.STALE_IF_ERROR
    return Verdict.MISS


def kept_seconds(entry: Entry, policy: CachePolicy) -> float:
    """How long after `stored_at` the entry is of use to somebody."""
    if not entry.may_be_stale:
        return entry.ttl_seconds
    return entry.ttl_seconds + max(policy.stale_seconds, policy.stale_if_error_seconds)
