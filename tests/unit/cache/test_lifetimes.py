"""For how long a run's value is kept: its policy's time, less for jitter and for upstreams."""

import pytest

from bff.cache.engine_results import payload_result
from bff.cache.results import RunResult
from bff.engine.values.freshness import UNLIMITED, Freshness
from tests.support.cache.memory_caches import Turns, memory_cache, run_quietly
from tests.support.cache.payload_runs import (
    DEGRADATION,
    FAILURE,
    NOT_FOUND,
    Runs,
    degraded,
    payload,
    payload_with,
)
from tests.support.cache.worker import TTL, job, policy
from tests.support.fake_time import Clock


def test_what_upstreams_want_revalidated_is_never_served_stale() -> None:
    async def test() -> None:
        turns = Turns(Runs(payload_with(Freshness(may_be_stale=False))))
        await turns.ask()
        assert await turns.ask(TTL - 0.001) == ("hit", b'{"id":1}')
        turns.runs.outcome = FAILURE
        assert await turns.ask(0.001) == ("miss", None)

    run_quietly(test)


def test_private_value_is_kept_for_one_caller_alone() -> None:
    private = payload_with(Freshness(is_private=True))
    assert payload_result(private, "identity").body == private.body
    shared = payload_result(private, "public")
    assert (shared.body, shared.outcome, shared.failed) == (None, private, False)


def test_payload_whose_tags_can_not_be_told_is_not_kept() -> None:
    made = payload_result(payload_with(tags=None), "public")
    assert (made.body, made.failed) == (None, False)


def test_complete_payload_is_kept_with_all_that_belongs_to_it() -> None:
    whole = payload_with(Freshness(5.0), frozenset({"a"}))
    made = payload_result(whole, "public")
    assert made == RunResult(whole, whole.body, {}, frozenset({"a"}), Freshness(5.0))


def test_degraded_payload_is_worse_than_an_older_one_and_marked() -> None:
    made = payload_result(degraded(), "public")
    assert (made.failed, made.flaw) == (True, (DEGRADATION,))


@pytest.mark.parametrize(("failure", "failed"), [(FAILURE, True), (NOT_FOUND, False)])
def test_of_failures_only_trouble_is_worse_than_an_older_payload(
    failure: object, failed: bool
) -> None:
    made = payload_result(failure, "public")  # type: ignore[arg-type]
    assert (made.body, made.failed) == (None, failed)


def test_degraded_payload_is_kept_no_longer_than_its_upstreams_say_nor_than_the_ttl() -> None:
    async def test() -> None:
        for freshness, ttl in ((UNLIMITED, 0.2), (Freshness(0.1), 0.1)):
            clock = Clock()
            cache = memory_cache(clock)
            runs = Runs(degraded()._replace(freshness=freshness))
            short = job("k", runs, policy(0.2, 10.0, 60.0))
            await cache.get(short)
            kept = cache.lookup("k")
            assert kept is not None
            assert (kept.ttl_seconds, kept.may_be_stale) == (ttl, False)

    run_quietly(test)


def test_other_values_than_the_last_are_not_served_for_it() -> None:
    async def test() -> None:
        turns = Turns(Runs(payload(b"1")))
        for number in (b"1", b"2", b"3"):
            turns.runs.outcome = payload(number)
            assert await turns.ask(1000.0) == ("miss", number)

    run_quietly(test)


def test_clock_that_is_set_back_makes_no_entry_good_for_longer() -> None:
    async def test() -> None:
        turns = Turns(Runs(payload(b"1")))
        assert await turns.ask() == ("miss", b"1")
        turns.clock.now -= 3600.0
        assert turns.cache.lookup("k") is None
        assert turns.cache.lookup_stale(turns.job) is None
        turns.runs.outcome = payload(b"2")
        assert await turns.ask() == ("miss", b"2")
        assert turns.cache.lookup("k") is not None

    run_quietly(test)
