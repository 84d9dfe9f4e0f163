"""Single flight: one run per key at a time, shared by all who wait, kept only when complete."""

import asyncio
from typing import Any

import pytest

from tests.support.cache.memory_caches import leave, memory_cache, run_quietly, start
from tests.support.cache.payload_runs import DEGRADATION, FAILURE, Runs, degraded, payload
from tests.support.cache.worker import TTL, job, policy
from tests.support.fake_time import Clock


def test_callers_of_one_key_share_one_run() -> None:
    async def test() -> None:
        cache, runs = memory_cache(), Runs(payload(b"[1]", tv=b"[2]"))
        callers = await start(50, cache, runs)
        runs.gate.set()
        results = await asyncio.gather(*callers)

        assert runs.count == 1
        assert [result.how for result in results] == ["miss", *["collapsed"] * 49]
        assert {id(result.entry) for result in results} == {id(cache.lookup("k"))}
        entry = results[-1].entry
        assert entry is not None
        assert (entry.body, entry.views) == (b"[1]", {"tv": b"[2]"})
        assert all(result.stored and result.outcome is runs.outcome for result in results)

    run_quietly(test)


def test_callers_of_other_keys_have_runs_of_their_own() -> None:
    async def test() -> None:
        cache, runs = memory_cache(), Runs()
        results = await asyncio.gather(*(cache.get(job(f"k{n}", runs)) for n in range(3)))

        assert runs.count == 3
        assert [result.how for result in results] == ["miss"] * 3

    run_quietly(test)


def test_a_stored_payload_is_a_hit_until_its_ttl_is_over() -> None:
    async def test() -> None:
        clock = Clock()
        cache, runs = memory_cache(clock=clock), Runs()
        assert cache.lookup("k") is None
        await cache.get(job("k", runs))
        clock.now += TTL - 0.001
        entry = cache.lookup("k")
        assert entry is not None
        assert entry.seconds_left(clock.now) == pytest.approx(0.001)
        result = await cache.get(job("k", runs))
        assert (result.how, result.entry, result.outcome) == ("hit", entry, None)
        clock.now += 0.001

        assert cache.lookup("k") is None
        assert (await cache.get(job("k", runs))).how == "miss"
        assert runs.count == 2

    run_quietly(test)


def test_a_degraded_payload_goes_to_all_who_waited_and_is_kept_marked_for_a_second() -> None:
    async def test() -> None:
        clock = Clock()
        cache, runs = memory_cache(clock), Runs(degraded())
        callers = await start(3, cache, runs)
        runs.gate.set()
        results = await asyncio.gather(*callers)

        assert [result.how for result in results] == ["miss", "collapsed", "collapsed"]
        assert all(result.outcome is runs.outcome for result in results)
        assert not any(result.stored or result.entry for result in results)
        clock.now += 0.999
        kept = await cache.get(job("k", runs))
        assert kept.entry is not None
        assert (kept.how, kept.entry.flaw, runs.count) == ("hit", (DEGRADATION,), 1)
        clock.now += 0.001
        await cache.get(job("k", runs, policy(stale=60, stale_if_error=60)))
        assert runs.count == 2

    run_quietly(test)


def test_a_failure_goes_to_all_who_waited_and_is_not_kept() -> None:
    async def test() -> None:
        cache, runs = memory_cache(), Runs(FAILURE)
        callers = await start(3, cache, runs)
        runs.gate.set()

        assert [result.outcome for result in await asyncio.gather(*callers)] == [FAILURE] * len(
            callers
        )
        assert cache.lookup("k") is None
        runs.outcome = payload()
        assert (await cache.get(job("k", runs))).stored

    run_quietly(test)


def test_a_bug_in_the_run_reaches_all_who_waited() -> None:
    async def test() -> None:
        cache, runs = memory_cache(), Runs(ZeroDivisionError("a bug"))
        callers = await start(3, cache, runs)
        runs.gate.set()
        results = await asyncio.gather(*callers, return_exceptions=True)

        assert [repr(result) for result in results] == ["ZeroDivisionError('a bug')"] * 3
        runs.outcome = payload()
        assert (await cache.get(job("k", runs))).how == "miss"

    run_quietly(test)


def test_a_follower_that_leaves_does_not_end_the_flight() -> None:
    async def test() -> None:
        cache, runs = memory_cache(), Runs()
        leader, follower = await start(2, cache, runs)
        await leave(follower)
        runs.gate.set()

        assert (await leader).how == "miss"
        assert (runs.count, runs.cancelled) == (1, 0)

    run_quietly(test)


def test_a_leader_that_leaves_does_not_end_the_flight_for_the_others() -> None:
    async def test() -> None:
        cache, runs = memory_cache(), Runs()
        leader, follower = await start(2, cache, runs)
        await leave(leader)
        late = asyncio.create_task(cache.get(job("k", runs)))
        runs.gate.set()

        assert (await follower).how == "collapsed"
        assert (await late).how == "collapsed"
        assert (runs.count, runs.cancelled) == (1, 0)
        assert cache.lookup("k") is not None

    run_quietly(test)


def test_the_run_is_cancelled_when_the_last_one_has_left_and_the_next_one_begins_anew() -> None:
    async def test() -> None:
        cache, runs = memory_cache(), Runs()
        for caller in await start(3, cache, runs):
            await leave(caller)
        runs.gate.set()

        result = await cache.get(job("k", runs))
        assert (result.how, runs.count, runs.cancelled) == ("miss", 2, 1)

    run_quietly(test)


def test_a_run_that_fails_while_it_is_being_cancelled_disturbs_nobody() -> None:
    async def test() -> None:
        cache, started = memory_cache(), asyncio.Event()

        async def run(_: float) -> Any:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                raise ZeroDivisionError

        caller = asyncio.create_task(cache.get(job("k", run)))
        await started.wait()
        await leave(caller)

        assert (await cache.get(job("k", Runs()))).how == "miss"

    run_quietly(test)


def test_a_payload_larger_than_the_memory_is_served_and_said_not_to_be_stored() -> None:
    async def test() -> None:
        cache, runs = memory_cache(memory_bytes=2000), Runs(payload(bytes(2000)))
        result = await cache.get(job("k", runs))

        assert result.entry is not None
        assert not result.stored
        assert cache.lookup("k") is None

    run_quietly(test)


def test_closing_ends_the_flights_that_are_under_way() -> None:
    async def test() -> None:
        cache, runs = memory_cache(), Runs()
        callers = await start(2, cache, runs)
        await cache.close()
        results = await asyncio.gather(*callers, return_exceptions=True)

        assert [type(result) for result in results] == [asyncio.CancelledError] * 2
        assert runs.cancelled == 1

    run_quietly(test)
