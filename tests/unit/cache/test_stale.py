"""What is no longer fresh: served at once and made anew once, or where making it anew fails."""

import asyncio
import logging
import threading
from typing import Any

import pytest

from bff.cache.engine_results import payload_result
from bff.engine.values.results import CompositionResult
from tests.support.cache.memory_caches import WINDOWS, Turns, land_all, run_quietly
from tests.support.cache.payload_runs import FAILURE, NOT_FOUND, Runs, degraded, payload
from tests.support.cache.worker import TTL, job

OLD, NEW = b'"old"', b'"new"'
STALE_ENDS = TTL + 10.0
ALL_ENDS = TTL + 60.0


async def with_old(runs: Runs | None = None) -> Turns:
    """A value that was made just now."""
    turns = Turns(runs or Runs(payload(OLD)))
    assert await turns.ask() == ("miss", OLD)
    return turns


def test_what_is_stale_is_served_at_once_to_all_and_made_anew_once() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.outcome = payload(NEW)
        turns.runs.gate.clear()
        turns.clock.now += TTL
        for _ in range(3):
            served = await turns.cache.get(turns.job)
            assert served.entry is not None
            assert (served.how, served.entry.body) == ("stale", OLD)
        turns.runs.gate.set()
        await land_all()
        assert await turns.ask() == ("hit", NEW)
        assert turns.runs.count == 2

    run_quietly(test)


def test_looking_up_what_is_stale_begins_to_make_it_anew_from_any_thread() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.outcome = payload(NEW)
        assert turns.cache.lookup_stale(turns.job) is None  # it is fresh
        turns.clock.now += TTL
        assert turns.cache.lookup("k") is None
        found: list[object] = []

        def look() -> None:
            found.append(turns.cache.lookup_stale(turns.job))

        thread = threading.Thread(target=look)
        thread.start()
        await asyncio.to_thread(thread.join)
        await land_all()
        (entry,) = found
        assert entry is not None
        assert await turns.ask() == ("hit", NEW)
        assert turns.runs.count == 2

    run_quietly(test)


def test_many_who_look_up_what_is_stale_while_the_loop_is_held_ask_for_one_flight() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.clock.now += TTL
        asked: list[object] = []
        loop = asyncio.get_running_loop()
        hand_over = loop.call_soon_threadsafe

        def noted(work: Any, *arguments: Any) -> Any:
            asked.append(work)
            return hand_over(work, *arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "call_soon_threadsafe", noted)
            for _ in range(50):
                assert turns.cache.lookup_stale(turns.job) is not None
            assert len(asked) == 1
            await asyncio.sleep(0)  # the loop goes on
            await land_all()
            turns.clock.now += TTL
            assert turns.cache.lookup_stale(turns.job) is not None
            assert len(asked) == 2
            await asyncio.sleep(0)  # the loop goes on
            await land_all()
        assert turns.runs.count == 3

    run_quietly(test)


def test_looking_up_finds_nothing_after_the_window_or_where_nothing_stale_is_wanted() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.clock.now += TTL
        assert turns.cache.lookup_stale(turns.job, accepts_stale=False) is None
        turns.clock.now += STALE_ENDS - TTL
        assert turns.cache.lookup_stale(turns.job) is None
        await land_all()
        assert turns.runs.count == 1

    run_quietly(test)


def test_who_wants_nothing_stale_waits_for_what_is_made_anew() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.outcome = payload(NEW)
        fresh = await turns.cache.get(turns.job, accepts_stale=False)
        assert (fresh.how, turns.runs.count) == ("hit", 1)
        turns.clock.now += TTL
        made = await turns.cache.get(turns.job, accepts_stale=False)
        assert made.entry is not None
        assert (made.how, made.entry.body, turns.runs.count) == ("miss", NEW, 2)

    run_quietly(test)


def test_who_wants_nothing_stale_shares_what_is_being_made_anew_for_others() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.clock.now += TTL
        turns.runs.outcome = payload(NEW)
        assert (await turns.cache.get(turns.job)).how == "stale"
        made = await turns.cache.get(turns.job, accepts_stale=False)
        assert made.entry is not None
        assert (made.how, made.entry.body, turns.runs.count) == ("collapsed", NEW, 2)

    run_quietly(test)


@pytest.mark.parametrize("trouble", [FAILURE, degraded()], ids=["failed", "degraded"])
def test_making_it_anew_fails_quietly_and_is_not_tried_again_for_a_second(
    trouble: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.outcome = trouble  # type: ignore[assignment]
        told = [await turns.ask(later) for later in (TTL, 0.0, 0.999, 0.001, 0.5)]
        assert told == [("stale", OLD)] * 5
        assert turns.runs.count == 3  # the first one, at 30 s, and at 31 s
        turns.runs.outcome = payload(NEW)
        assert await turns.ask(0.5) == ("stale", OLD)
        assert await turns.ask() == ("hit", NEW)

    with caplog.at_level(logging.WARNING, "bff.cache.cache"):
        run_quietly(test)
    (record,) = caplog.records  # the next one comes in a minute, with its count
    assert record.getMessage() == "home: making it anew in the background failed"


def test_bug_while_it_is_made_anew_reaches_nobody_and_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.outcome = ZeroDivisionError("a bug")
        assert await turns.ask(TTL) == ("stale", OLD)

    run_quietly(test)
    assert "making it anew in the background failed" in caplog.text


@pytest.mark.parametrize("trouble", [FAILURE, degraded()], ids=["failed", "degraded"])
def test_older_value_stands_in_for_trouble_and_the_trouble_is_remembered_for_a_second(
    trouble: CompositionResult,
) -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.outcome = trouble
        turns.clock.now += STALE_ENDS
        for later, runs in ((0.0, 2), (0.5, 2), (0.499, 2), (0.001, 3), (0.0, 3)):
            turns.clock.now += later
            served = await turns.cache.get(turns.job)
            assert served.entry is not None
            assert (served.how, served.entry.body) == ("error", OLD)
            assert served.outcome in (trouble, payload_result(trouble, "public").failure)
            assert not served.stored
            assert turns.runs.count == runs
        turns.runs.outcome = payload(NEW)
        assert await turns.ask(1.0) == ("miss", NEW)
        assert await turns.ask() == ("hit", NEW)

    run_quietly(test)


def test_failure_speaks_for_itself_once_the_older_value_is_too_old() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.outcome = FAILURE
        assert await turns.ask(ALL_ENDS) == ("miss", None)
        assert await turns.ask() == ("miss", None)
        assert turns.runs.count == 3  # a failure with nothing to stand in is not remembered

    run_quietly(test)


def test_answer_that_is_a_failure_is_not_papered_over_by_an_older_value() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.outcome = NOT_FOUND
        assert await turns.ask(STALE_ENDS) == ("miss", None)

    run_quietly(test)


def test_answer_that_is_a_failure_ends_the_older_value() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.outcome = NOT_FOUND
        assert await turns.ask(TTL) == ("stale", OLD)  # nobody knew
        assert await turns.ask() == ("miss", None)
        turns.runs.outcome = FAILURE
        assert await turns.ask() == ("miss", None)

    run_quietly(test)


def test_clock_that_was_set_back_after_a_failure_makes_the_rest_no_longer() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.outcome = FAILURE
        assert await turns.ask(STALE_ENDS + 10.0) == ("error", OLD)
        turns.runs.outcome = payload(NEW)
        assert await turns.ask(0.5) == ("error", OLD)
        assert await turns.ask(-9.0) == ("miss", NEW)

    run_quietly(test)


def test_bug_is_not_papered_over() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.outcome = ZeroDivisionError("a bug")
        turns.clock.now += STALE_ENDS
        with pytest.raises(ZeroDivisionError):
            await turns.cache.get(turns.job)

    run_quietly(test)


def test_making_it_anew_goes_on_when_nobody_waits_and_ends_with_the_cache() -> None:
    async def test() -> None:
        turns = await with_old()
        turns.runs.started.clear()
        turns.runs.gate.clear()
        turns.clock.now += TTL
        assert (await turns.cache.get(job("k", turns.runs, WINDOWS))).how == "stale"
        await turns.runs.started.wait()
        assert turns.runs.cancelled == 0
        await turns.cache.close()
        assert turns.runs.cancelled == 1

    run_quietly(test)
