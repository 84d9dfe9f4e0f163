"""What is counted of the store that workers share, over a real Redis."""

import asyncio

from bff.redis.health import FAILURES
from bff.telemetry.metrics.definitions.cache import (
    LEASE_WAITS,
    MEMORY_ENTRIES,
    NOT_STORED,
    PURGES_OWED,
    STORE_HEARS,
    STORE_OPERATIONS,
)
from bff.telemetry.metrics.families import Metrics
from bff.web.serving.caches import Caches
from tests.support.cache.payload_runs import Runs, payload
from tests.support.cache.worker import Worker, calm_worker, eventually, follows, job
from tests.support.redis.server import RedisServer


def operations(metrics: Metrics) -> dict[tuple[str, ...], int]:
    """How often the store was asked, by operation and outcome."""
    series = metrics.histogram(STORE_OPERATIONS).series
    return {labels: int(sum(cell[:-1])) for labels, cell in series.items()}


def watched(worker: Worker) -> Caches:
    """The caches of a process, of which the worker's is one."""
    caches = Caches(lambda _: worker.cache, worker.metrics)
    caches.of("tests")
    return caches


def test_each_answer_of_the_store_counts_once(server: RedisServer) -> None:
    async def test() -> None:
        async with calm_worker(server.url) as one:
            await one.hears_purges()
            await one.cache.get(job("k", Runs(payload(b"[1]"))))
            await one.writes_are_done()
            await one.cache.get(job("k", Runs(payload(b"[1]"))))  # memory has it
            assert await one.cache.purge(["t"], seconds=2.0) == 0
            assert operations(one.metrics) == {
                ("find", "ok"): 1,
                ("write", "ok"): 1,
                ("purge", "ok"): 1,
            }
            assert one.metrics.histogram(STORE_OPERATIONS).at("find", "ok")[-1] > 0

    asyncio.run(test())


def test_waiting_for_another_workers_run_counts_by_how_long_it_took(server: RedisServer) -> None:
    async def test() -> None:
        async with calm_worker(server.url) as one, calm_worker(server.url) as other:
            runs, is_following = Runs(payload(b"[1]")), follows(server)
            runs.gate.clear()
            leader = asyncio.create_task(one.cache.get(job("k", runs)))
            await runs.started.wait()
            follower = asyncio.create_task(other.cache.get(job("k", runs)))
            await eventually(is_following)
            runs.gate.set()
            await asyncio.gather(leader, follower)
            waits = other.metrics.histogram(LEASE_WAITS).at()
            assert sum(waits[:-1]) == 1
            assert waits[-1] >= 0.005
            assert operations(other.metrics)["look", "ok"] >= 1
            assert not one.metrics.histogram(LEASE_WAITS).series.get((), [0])[-1]

    asyncio.run(test())


def test_purge_that_redis_refuses_is_owed_until_it_is_made(own_server: RedisServer) -> None:
    async def test() -> None:
        async with calm_worker(own_server.url) as one:
            caches, owed = watched(one), one.metrics.gauge(PURGES_OWED)
            await one.hears_purges()
            with own_server.client() as client:  # it answers, and refuses what a purge takes
                client.execute_command("ACL", "SETUSER", "default", "-eval")
                assert await one.cache.purge(["t"], seconds=2.0) is None
                owed.read_all()
                assert owed.at() == [1]
                client.execute_command("ACL", "SETUSER", "default", "+eval")
            await eventually(lambda: not len(one.store._owed))
            owed.read_all()
            assert owed.at() == [0]
            counted = operations(one.metrics)
            assert counted["purge", "ok"] == 1
            assert counted["purge", "failed"] >= 1
            assert len(caches) == 1

    asyncio.run(test())


def test_store_that_is_down_counts_failures_and_then_refusals(own_server: RedisServer) -> None:
    async def test() -> None:
        async with Worker(own_server.url) as one:
            caches = watched(one)
            await one.hears_purges()
            one.metrics.read_all()
            assert one.metrics.gauge(STORE_HEARS).at() == [1]
            own_server.stop()
            for number in range(FAILURES + 1):
                await one.cache.get(job(f"k{number}", Runs()))
            counted = operations(one.metrics)
            assert counted["find", "failed"] + counted.get(("write", "failed"), 0) >= FAILURES
            assert counted["find", "refused"] >= 1
            assert counted["write", "refused"] >= 1
            assert one.metrics.counter(NOT_STORED).at("store")[0] >= 1
            await eventually(lambda: not one.store.hears_purges)
            one.metrics.read_all()
            assert one.metrics.gauge(STORE_HEARS).at() == [0]
            assert one.metrics.gauge(MEMORY_ENTRIES).at() == [FAILURES + 1]
            assert len(caches) == 1

    asyncio.run(test())
