"""What an entry is good for, at every border of its windows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.cache.entries import Entry
from bff.cache.freshness import CLOCK_SKEW_SECONDS, Verdict, decide, stored_seconds
from bff.plan.model.caching import CachePolicy

FRESH, STALE, IF_ERROR, MISS = Verdict
STORED_AT = 1000.0
BOTH = CachePolicy(30.0, 10.0, 60.0)
LONGER_STALE = CachePolicy(30.0, 60.0, 10.0)
NEITHER = CachePolicy(30.0, 0.0, 0.0)
FOR_FAILURES = CachePolicy(0.0, 0.0, 60.0)


def entry(ttl: float = 30.0, *, may_be_stale: bool = True) -> Entry:
    return Entry("k", b"{}", {}, STORED_AT, ttl, STORED_AT, may_be_stale=may_be_stale)


def before(moment: float) -> float:
    return math.nextafter(moment, 0)


@pytest.mark.parametrize(
    ("age", "policy", "verdict"),
    [
        (0.0, BOTH, FRESH),
        (before(30.0), BOTH, FRESH),
        (30.0, BOTH, STALE),
        (before(40.0), BOTH, STALE),
        (40.0, BOTH, IF_ERROR),
        (before(90.0), BOTH, IF_ERROR),
        (90.0, BOTH, MISS),
        (math.inf, BOTH, MISS),
        (30.0, LONGER_STALE, STALE),
        (before(90.0), LONGER_STALE, STALE),
        (90.0, LONGER_STALE, MISS),
        (before(30.0), NEITHER, FRESH),
        (30.0, NEITHER, MISS),
    ],
)
def test_age_decides(age: float, policy: CachePolicy, verdict: Verdict) -> None:
    one = entry()
    # So near to a border, 1000 more would round it away.
    one.stored_at, one.expires_at = 0.0, 30.0
    assert decide(one, age, policy) is verdict


@pytest.mark.parametrize(
    ("age", "policy", "verdict"),
    [
        (29.0, BOTH, FRESH),
        (30.0, BOTH, IF_ERROR),
        (89.0, BOTH, IF_ERROR),
        (90.0, BOTH, MISS),
        (39.0, LONGER_STALE, IF_ERROR),
        (40.0, LONGER_STALE, MISS),
        (30.0, NEITHER, MISS),
    ],
)
def test_who_wants_nothing_stale_gets_what_is_fresh_and_else_waits(
    age: float, policy: CachePolicy, verdict: Verdict
) -> None:
    assert decide(entry(), STORED_AT + age, policy, accepts_stale=False) is verdict


@pytest.mark.parametrize("accepts", [True, False])
@pytest.mark.parametrize(("age", "verdict"), [(29.0, FRESH), (30.0, MISS), (89.0, MISS)])
def test_what_may_not_be_stale_is_good_for_its_time_alone(
    age: float, verdict: Verdict, accepts: bool
) -> None:
    assert (
        decide(entry(may_be_stale=False), STORED_AT + age, BOTH, accepts_stale=accepts) is verdict
    )


def test_windows_begin_at_the_end_of_the_entrys_own_time() -> None:
    short = entry(5.0)
    verdicts = [decide(short, STORED_AT + age, BOTH) for age in (4.0, 5.0, 14.0, 15.0, 64.0, 65.0)]
    assert verdicts == [FRESH, STALE, STALE, IF_ERROR, IF_ERROR, MISS]


def test_what_is_kept_for_failures_alone_is_never_fresh() -> None:
    kept = entry(0.0)
    verdicts = [decide(kept, STORED_AT + age, FOR_FAILURES) for age in (0.0, 59.9, 60.0)]
    assert verdicts == [IF_ERROR, IF_ERROR, MISS]


def test_there_is_nothing_to_decide_without_an_entry() -> None:
    assert decide(None, STORED_AT, BOTH) is MISS


@pytest.mark.parametrize(
    ("ahead", "verdict"), [(CLOCK_SKEW_SECONDS, FRESH), (CLOCK_SKEW_SECONDS + 0.001, MISS)]
)
def test_entry_of_a_clock_that_is_ahead_is_good_within_the_skew(
    ahead: float, verdict: Verdict
) -> None:
    assert decide(entry(), STORED_AT - ahead, BOTH) is verdict


def test_entry_with_more_time_than_the_policy_gives_is_of_another_policy() -> None:
    assert decide(entry(30.0), STORED_AT, BOTH) is FRESH
    assert decide(entry(30.001), STORED_AT, BOTH) is MISS


@pytest.mark.parametrize(
    ("one", "policy", "seconds"),
    [
        (entry(), BOTH, 90.0),
        (entry(), LONGER_STALE, 90.0),
        (entry(5.0), BOTH, 65.0),
        (entry(), NEITHER, 30.0),
        (entry(0.0), FOR_FAILURES, 60.0),
        (entry(may_be_stale=False), BOTH, 30.0),
    ],
)
def test_entry_is_kept_for_as_long_as_its_longest_window(
    one: Entry, policy: CachePolicy, seconds: float
) -> None:
    assert stored_seconds(one, policy) == seconds


SECONDS = st.integers(0, 100).map(float)


@given(SECONDS, SECONDS, SECONDS, st.booleans(), st.integers(0, 400).map(float), st.booleans())
def test_entry_is_of_use_exactly_as_long_as_it_is_kept(
    ttl: float, stale: float, if_error: float, may_be_stale: bool, age: float, accepts: bool
) -> None:
    policy = CachePolicy(ttl, stale, if_error)
    one = entry(ttl, may_be_stale=may_be_stale)
    is_of_use = decide(one, STORED_AT + age, policy) is not MISS
    assert is_of_use == (age < stored_seconds(one, policy))
    if decide(one, STORED_AT + age, policy, accepts_stale=accepts) is not MISS:
        assert is_of_use  # a client never gets more
