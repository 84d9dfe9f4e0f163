"""What a cache counts: each number moves by what is done, and by nothing else."""

import asyncio
from typing import Any

from bff.cache.engine_results import CachedReplies
from bff.deadline import Deadline, WaitBudget
from bff.engine.ports import CallResult, UpstreamReply
from bff.engine.values.freshness import UNLIMITED
from bff.plan.model.caching import EVERYTHING
from bff.telemetry.metrics.definitions.cache import (
    CACHE,
    ENTRY_BYTES,
    EVICTIONS,
    JOINED_FLIGHTS,
    NOT_STORED,
    PURGES,
    REFRESHES,
    REPLY_REQUESTS,
)
from bff.telemetry.metrics.families import Metrics
from tests.support.cache.memory_caches import WINDOWS, land_all, memory_cache, run_quietly, start
from tests.support.cache.payload_runs import FAILURE, Runs, payload
from tests.support.cache.worker import job, policy, tagged
from tests.support.fake_time import Clock, run_in_fake_time
from tests.support.plan.plans import operation

GET = operation("GET /users/{id}")


def moved(metrics: Metrics) -> dict[tuple[str, ...], int]:
    """What has counted, by metric and labels."""
    metrics.read_all()
    return {
        (each.name, *labels): int(sum(cell[:-1]) if each.kind == "histogram" else cell[0])
        for each in CACHE
        for labels, cell in metrics.families[each.name].series.items()
        if any(cell)
    }


def test_those_who_join_a_run_count_and_so_does_what_is_stored() -> None:
    async def test() -> None:
        metrics, runs = Metrics(), Runs()
        callers = await start(3, memory_cache(metrics=metrics), runs)
        runs.gate.set()
        await asyncio.gather(*callers)
        assert moved(metrics) == {(JOINED_FLIGHTS.name,): 2, (ENTRY_BYTES.name,): 1}

    run_quietly(test)


def test_who_leaves_a_slow_run_and_waits_for_the_next_counts_once() -> None:
    async def test() -> None:
        metrics, runs = Metrics(), Runs()
        runs.gate.clear()
        cache = memory_cache(Clock(), metrics=metrics)
        callers = [asyncio.create_task(cache.get(job("k", runs))) for _ in range(3)]
        await asyncio.sleep(3.0)  # after two, one of the followers runs, and the other waits for it
        runs.gate.set()
        await asyncio.gather(*callers)
        assert runs.count == 2
        assert moved(metrics)[JOINED_FLIGHTS.name,] == 2

    run_in_fake_time(test())


def test_entries_that_make_room_count_as_evicted() -> None:
    async def test() -> None:
        metrics = Metrics()
        cache = memory_cache(memory_bytes=3 * 1024, metrics=metrics)
        for number in range(5):
            await cache.get(job(f"k{number}", Runs()))
        assert moved(metrics)[EVICTIONS.name,] == 3
        assert cache.size().entries == 2
        assert 2 * 1024 < cache.size().bytes <= 3 * 1024

    run_quietly(test)


def test_making_a_stale_entry_anew_counts_as_done_or_failed() -> None:
    async def test() -> None:
        metrics, clock, runs = Metrics(), Clock(), Runs()
        cache = memory_cache(clock, metrics=metrics)
        for outcome in (payload(), payload(), FAILURE):
            runs.outcome = outcome
            await cache.get(job("k", runs, WINDOWS))
            await land_all()
            clock.now += 31
        refreshes = metrics.counter(REFRESHES)
        assert refreshes.series == {("ok",): [1], ("failed",): [1]}

    run_quietly(test)


def test_failure_to_make_anew_counts_when_the_stale_entry_is_good_for_nothing_by_then() -> None:
    async def test() -> None:
        metrics, clock, runs = Metrics(), Clock(), Runs()
        cache = memory_cache(clock, metrics=metrics)
        windows = policy(stale=10.0, stale_if_error=0.0)
        await cache.get(job("k", runs, windows))
        clock.now += 31
        runs.outcome = FAILURE
        await cache.get(job("k", runs, windows))
        clock.now += 10
        await land_all()
        assert metrics.counter(REFRESHES).series == {("ok",): [0], ("failed",): [1]}

    run_quietly(test)


def test_what_is_not_stored_counts_by_the_reason() -> None:
    async def test() -> None:
        metrics = Metrics()
        cache = memory_cache(memory_bytes=64, metrics=metrics)
        await cache.get(job("too large", Runs()))
        untagged = payload()._replace(tags=None, untagged="it has too many tags")
        await cache.get(job("untagged", Runs(untagged)))
        runs = Runs(tagged(["a"]))
        (caller,) = await start(1, cache, runs)
        await cache.purge(["a"])
        runs.gate.set()
        await caller
        not_stored = metrics.counter(NOT_STORED)
        assert not_stored.series == {("memory",): [1], ("untagged",): [1], ("purged",): [1]}

    run_quietly(test)


def test_purges_count_by_what_they_name() -> None:
    async def test() -> None:
        metrics = Metrics()
        cache = memory_cache(metrics=metrics)
        await cache.purge(["a", "b"])
        await cache.purge(["a"])
        await cache.purge(EVERYTHING)
        assert moved(metrics) == {(PURGES.name, "tags"): 2, (PURGES.name, "everything"): 1}

    run_quietly(test)


def test_shared_replies_count_by_operation_and_what_the_cache_had() -> None:
    async def test() -> None:
        metrics, clock = Metrics(), Clock()
        cache = memory_cache(clock)
        replies = CachedReplies(cache, clock, metrics)
        is_failing = False

        async def send(_: Deadline) -> CallResult:
            await asyncio.sleep(0)
            reply = UpstreamReply(503 if is_failing else 200, (), b"{}")
            body = None if is_failing else b"{}"
            return CallResult(reply, body, frozenset(), UNLIMITED, is_failing)

        async def get() -> None:
            deadline = Deadline.after(5.0, asyncio.get_running_loop().time)
            caching = policy(stale=10.0, stale_if_error=60.0)
            await replies.get(GET, "k", caching, send, send, deadline, WaitBudget())

        await asyncio.gather(get(), get())  # miss and collapsed
        await get()
        clock.now += 31
        is_failing = True
        await get()  # stale
        await land_all()
        clock.now += 20
        await get()
        label = (GET.service, GET.name)
        states = {labels[2]: cell[0] for labels, cell in _reply_series(metrics, label)}
        assert states == {"miss": 1, "collapsed": 1, "hit": 1, "stale": 1, "stale_if_error": 1}

    run_quietly(test)


def _reply_series(metrics: Metrics, label: tuple[str, str]) -> list[tuple[Any, Any]]:
    series = metrics.counter(REPLY_REQUESTS).series
    assert all(labels[:2] == label for labels in series)
    return list(series.items())
