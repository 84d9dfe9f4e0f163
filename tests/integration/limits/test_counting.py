"""Counting over a real Redis: exact limits, leases and the bound of their error, windows."""

import asyncio
from collections.abc import Iterator

import pytest

from bff.limits.bucket import redis_key
from bff.limits.leases import LeasedMeter
from bff.limits.local import LocalMeter, OpenMeter
from bff.limits.ports import Admitted, Exceeded, Meter, Unavailable, Uncounted
from bff.redis.store import SharedStore
from bff.telemetry.metrics.definitions.limits import LIMIT_FALLBACKS
from bff.telemetry.metrics.families import Metrics
from tests.support.access.limits import CALM_SECONDS, admitted_of, limit, take, with_workers
from tests.support.cache.worker import eventually
from tests.support.redis.server import RedisServer
from tests.support.redis.topologies import Cluster
from tests.support.telemetry.counted import counted as numbers


@pytest.fixture(scope="module")
def running() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def server(running: RedisServer) -> RedisServer:
    running.empty()
    return running


def test_of_a_thousand_parallel_hits_at_an_exact_limit_of_100_exactly_100_pass(
    server: RedisServer,
) -> None:
    async def test(*workers: Meter) -> None:
        admitted = await asyncio.gather(*(admitted_of(worker, 250) for worker in workers))
        assert sum(admitted) == 100

    with_workers(server.url, limit(counting="exact"), test, workers=4)


def test_leases_admit_what_the_bucket_has_and_no_more(server: RedisServer) -> None:
    """One stretch from a full bucket: nothing was held before, so nothing passes beside it."""

    async def test(*workers: Meter) -> None:
        admitted = await asyncio.gather(*(admitted_of(worker, 500) for worker in workers))
        assert sum(admitted) == 1000

    with_workers(server.url, limit(count=1000), test, workers=4)


def test_the_error_of_leases_is_what_workers_hold_at_most(server: RedisServer) -> None:
    """The worst case: every worker holds tokens, and the bucket is full again behind them."""
    counted = limit(count=1000)

    async def test(*workers: Meter) -> None:
        for worker in workers:
            for _ in range(100):  # so that leases are as large as they get
                await take(worker)
        with server.client() as client:  # as if the bucket had filled up
            client.flushall()
        admitted = await asyncio.gather(*(admitted_of(worker, 1000) for worker in workers))
        too_many = sum(admitted) - 1000
        assert 0 < too_many <= 4 * counted.most_held

    with_workers(server.url, counted, test, workers=4)


def test_a_worker_that_holds_tokens_answers_without_waiting(server: RedisServer) -> None:
    async def test(worker: Meter) -> None:
        for _ in range(20):
            await take(worker)
        before = server.commands()["evalsha"]
        waited = 0
        for _ in range(800):
            verdict = worker.take("caller")
            if not isinstance(verdict, Admitted):
                verdict = await verdict  # type: ignore[misc]
                waited += 1
            await asyncio.sleep(0)
            assert isinstance(verdict, Admitted)
        assert server.commands()["evalsha"] - before < 20
        assert waited < 20

    with_workers(server.url, limit(count=1000), test)


def test_idle_tokens_go_back_and_a_full_bucket_has_no_key(server: RedisServer) -> None:
    counted = limit(count=1000, per_seconds=1)

    async def test(worker: LeasedMeter) -> None:
        for _ in range(10):
            await take(worker)
        assert len(worker) == 1
        await eventually(lambda: len(worker) == 0)
        await eventually(lambda: server.all_keys() == [])

    with_workers(server.url, counted, test)


def test_held_tokens_go_back_when_the_worker_ends(server: RedisServer) -> None:
    counted = limit(count=1000)

    async def first(worker: Meter) -> None:
        for _ in range(100):
            await take(worker)

    async def second(worker: Meter) -> None:
        assert await admitted_of(worker, 1000) == 900

    with_workers(server.url, counted, first)
    with_workers(server.url, counted, second)


def test_a_caller_who_comes_once_holds_nothing(server: RedisServer) -> None:
    counted = limit(count=1000)

    async def test(worker: Meter) -> None:
        assert await take(worker) == Admitted(999, 86)
        with server.client() as client:
            assert client.get(redis_key(counted, "caller")).startswith(b"999 ")

    with_workers(server.url, counted, test)


def test_an_empty_bucket_costs_redis_nothing(server: RedisServer) -> None:
    async def test(worker: Meter) -> None:
        await admitted_of(worker, 100)
        assert isinstance(await take(worker), Exceeded)
        before = server.commands()["evalsha"]
        for _ in range(100):
            assert isinstance(worker.take("caller"), Exceeded)
        assert server.commands()["evalsha"] == before

    with_workers(server.url, limit(counting="exact"), test)


def test_a_refused_request_gives_its_token_back(server: RedisServer) -> None:
    async def test(worker: Meter) -> None:
        assert await admitted_of(worker, 60) == 60
        for _ in range(10):
            await take(worker)
            worker.give_back("caller")
        assert await admitted_of(worker, 100) == 40

    with_workers(server.url, limit(counting="exact"), test)


def test_a_bucket_refills_by_its_rate(server: RedisServer) -> None:
    counted = limit(count=100, per_seconds=1, burst=5, counting="exact")

    async def test(worker: Meter) -> None:
        assert await admitted_of(worker, 5) == 5
        gives_up_at = asyncio.get_running_loop().time() + 5
        admitted = 0
        while admitted < 20 and asyncio.get_running_loop().time() < gives_up_at:
            admitted += isinstance(await take(worker), Admitted)
            await asyncio.sleep(0)
        assert admitted == 20

    with_workers(server.url, counted, test)


def test_the_largest_bucket_with_the_slowest_refill_counts(server: RedisServer) -> None:
    async def test(worker: Meter) -> None:
        assert await admitted_of(worker, 3) == 3
        with server.client() as client:
            assert client.pttl(server.all_keys()[0]) > 0

    with_workers(server.url, limit(count=1, burst=2**31 - 1), test)


@pytest.mark.parametrize("planted", [b"junk", b"nan nan", b"inf inf", b"-inf 0", b"1e999 -1"])
def test_a_planted_value_is_a_bucket_within_its_bounds(server: RedisServer, planted: bytes) -> None:
    counted = limit(counting="exact", burst=10)

    async def test(worker: Meter) -> None:
        with server.client() as client:
            client.set(redis_key(counted, "caller"), planted)
        assert await admitted_of(worker, 50) in (0, 10)

    with_workers(server.url, counted, test)


def test_a_clock_of_redis_that_is_set_back_holds_nobody_up(server: RedisServer) -> None:
    """The bucket was counted an hour ahead: it refills from now on, not from then."""
    counted = limit(count=5, per_seconds=1, burst=1, counting="exact")

    async def test(worker: Meter) -> None:
        with server.client() as client:
            seconds, _ = client.time()
            client.set(redis_key(counted, "caller"), f"0 {seconds + 3600}")
        assert await take(worker) == Exceeded(1)
        gives_up_at = asyncio.get_running_loop().time() + 5
        while isinstance(await take(worker), Exceeded):
            assert asyncio.get_running_loop().time() < gives_up_at
            await asyncio.sleep(0)

    with_workers(server.url, counted, test)


def test_a_flushed_script_and_a_restarted_redis_are_no_trouble(server: RedisServer) -> None:
    async def test(worker: Meter) -> None:
        await take(worker)
        with server.client() as client:
            client.script_flush()
        assert await take(worker) == Admitted(98, 864)
        server.stop()
        server.start()
        for _ in range(3):  # the first may find its connection lost, and counts here
            assert isinstance(await take(worker), Admitted)
        assert len(server.all_keys()) == 1

    with_workers(server.url, limit(counting="exact"), test)


@pytest.mark.parametrize(
    ("without_redis", "kinds"),
    [("open", {Uncounted}), ("closed", {Unavailable}), ("local", {Admitted, Exceeded})],
)
def test_with_redis_away_the_limit_does_what_it_says(
    server: RedisServer, without_redis: str, kinds: set[type]
) -> None:
    """Here there is none from the beginning; `local` is a worker's share: half of ten for each.
    Each decision is counted as one without Redis."""
    metrics = Metrics()

    async def test(first: Meter, second: Meter) -> None:
        for worker in (first, second):
            verdicts = [await take(worker) for _ in range(8)]
            assert {type(verdict) for verdict in verdicts} == kinds
            assert sum(isinstance(verdict, Admitted) for verdict in verdicts) in (0, 5)

    server.stop()
    try:
        counted = limit(count=10, without_redis=without_redis)
        with_workers(server.url, counted, test, workers=2, metrics=metrics)
    finally:
        server.start()
    assert numbers(metrics, LIMIT_FALLBACKS) == {f"{LIMIT_FALLBACKS.name} limit=address": 16}


def test_a_sliding_window_admits_its_count_and_says_when_it_goes_on(server: RedisServer) -> None:
    async def test(*workers: Meter) -> None:
        admitted = await asyncio.gather(*(admitted_of(worker, 50) for worker in workers))
        assert sum(admitted) == 10
        verdict = await take(workers[0])
        assert isinstance(verdict, Exceeded)
        assert 1 <= verdict.seconds <= 60

    with_workers(server.url, limit(count=10, per_seconds=60, counting="sliding"), test, workers=2)


def test_in_a_cluster_buckets_and_windows_count_too() -> None:
    async def test(worker: Meter) -> None:
        assert await admitted_of(worker, 20) == 10

    with Cluster() as cluster:
        for counting in ("exact", "leased", "sliding"):
            counted = limit(count=10, counting=counting, digest=counting)
            with_workers(cluster.url, counted, test)


def test_newcomers_push_the_oldest_callers_out_and_let_none_in_by_that(
    server: RedisServer,
) -> None:
    """Redis still knows that the tokens of the forgotten are spent."""
    counted = limit(count=1, counting="exact")

    async def run() -> None:
        store = SharedStore(server.url, use="tests", seconds=CALM_SECONDS)
        loop = asyncio.get_running_loop()
        worker = LeasedMeter(counted, store, OpenMeter(), [0.0], loop, most_leases=100)
        for number in range(300):
            assert isinstance(await take(worker, f"caller{number}"), Admitted)
        assert len(worker) <= 100
        assert isinstance(await take(worker, "caller0"), Exceeded)
        await worker.close()
        await store.close()

    asyncio.run(run())


def test_local_buckets_are_bounded_and_forget_only_who_has_all_tokens() -> None:
    now = 0.0
    counted = limit(count=2, per_seconds=2)
    meter = LocalMeter(counted, 1, clock=lambda: now, most_buckets=100)
    for number in range(100):
        for _ in range(2):
            assert isinstance(meter.take(f"caller{number}"), Admitted)
    assert isinstance(meter.take("one more"), Admitted)
    assert isinstance(meter.take("another"), Admitted)
    assert isinstance(meter.take("a third"), Exceeded)  # newcomers share what is left
    assert isinstance(meter.take("caller0"), Exceeded)
    assert len(meter) == 101
    now = 10.0
    assert isinstance(meter.take("a fourth"), Admitted)
    assert len(meter) == 101


def test_without_redis_each_worker_has_its_share_of_the_burst_and_of_the_refill() -> None:
    now = 0.0
    meter = LocalMeter(limit(count=8, per_seconds=8), 4, clock=lambda: now)
    assert [isinstance(meter.take("caller"), Admitted) for _ in range(3)] == [True, True, False]
    now = 3.9
    assert isinstance(meter.take("caller"), Exceeded)
    now = 4.0
    assert isinstance(meter.take("caller"), Admitted)
