"""What is stale in Redis: served at once, made anew by one worker, and what is left on failure."""

import asyncio
import time

from bff.telemetry.metrics.definitions.cache import REFRESHES
from tests.support.cache.payload_runs import DEGRADATION, FAILURE, Runs, degraded, payload
from tests.support.cache.worker import (
    TTL,
    Worker,
    calm_worker,
    entry_bytes,
    eventually,
    job,
    plant,
    policy,
)
from tests.support.redis.server import RedisServer

WINDOWS = policy(stale=60.0, stale_if_error=120.0)
OLD, NEW = b'"planted"', b'"new"'


def worker(server: RedisServer) -> Worker:
    return calm_worker(server.url)


def plant_expired(server: RedisServer, for_seconds: float) -> None:
    """An entry in Redis whose time was over so long ago."""
    plant(server, "k", entry_bytes(stored_at=time.time() - TTL - for_seconds))


async def is_served(worker: Worker, runs: Runs, **wish: bool) -> tuple[str, bytes]:
    served = await worker.cache.get(job("k", runs, WINDOWS), **wish)
    assert served.entry is not None
    return served.how, served.entry.body


async def is_fresh(worker: Worker) -> None:
    await eventually(lambda: worker.cache.lookup("k") is not None)


def test_what_is_stale_in_redis_alone_is_served_at_once_and_made_anew(
    server: RedisServer,
) -> None:
    async def test() -> None:
        plant_expired(server, 30)
        async with worker(server) as one, worker(server) as other:
            runs = Runs(payload(NEW))
            runs.gate.clear()
            assert await is_served(one, runs) == ("stale", OLD)
            await asyncio.wait_for(runs.started.wait(), 5)  # although nobody asks again
            runs.gate.set()
            await is_fresh(one)
            await one.writes_are_done()
            assert await is_served(one, runs) == ("hit", NEW)
            assert await is_served(other, runs) == ("hit", NEW)
            assert runs.count == 1

    asyncio.run(test())


def test_workers_that_serve_the_same_stale_entry_make_it_anew_once(server: RedisServer) -> None:
    async def test() -> None:
        plant_expired(server, 30)
        async with worker(server) as one, worker(server) as other:
            runs = Runs(payload(NEW))
            runs.gate.clear()
            workers = [one, other] * 4
            asked = await asyncio.gather(*(is_served(each, runs) for each in workers))
            assert asked == [("stale", OLD)] * 8
            for each in (one, other):
                assert each.cache.lookup_stale(job("k", runs, WINDOWS)) is not None
            await runs.started.wait()
            for each in (one, other):
                assert await is_served(each, runs) == ("stale", OLD)
            runs.gate.set()
            await asyncio.gather(is_fresh(one), is_fresh(other))
            assert await is_served(one, runs) == ("hit", NEW)
            assert await is_served(other, runs) == ("hit", NEW)
            assert runs.count == 1
            counts = [each.metrics.counter(REFRESHES).at("ok")[0] for each in (one, other)]
            assert sorted(counts) == [0, 1]

    asyncio.run(test())


def test_what_is_left_in_redis_is_served_where_it_cannot_be_made_anew(server: RedisServer) -> None:
    async def test() -> None:
        plant_expired(server, 90)  # past its stale window
        async with worker(server) as one, worker(server) as other:
            runs = Runs(FAILURE)
            served = await one.cache.get(job("k", runs, WINDOWS))
            assert (served.how, served.outcome, runs.count) == ("error", FAILURE, 1)
            assert served.entry is not None
            assert served.entry.body == OLD
            assert await is_served(one, runs) == ("error", OLD)
            assert runs.count == 1  # not tried again for a second
            one.clock.ahead = 1.5
            assert await is_served(one, runs) == ("error", OLD)
            assert runs.count == 2
            better = Runs(payload(NEW))
            assert await is_served(other, better) == ("miss", NEW)
            await other.writes_are_done()
            one.clock.ahead = 3.0
            assert await is_served(one, runs) == ("hit", NEW)

    asyncio.run(test())


def test_a_degraded_payload_does_not_take_the_place_of_a_complete_stale_one(
    server: RedisServer,
) -> None:
    async def test() -> None:
        plant_expired(server, 30)
        async with worker(server) as one, worker(server) as other:
            runs = Runs(degraded())
            assert await is_served(one, runs) == ("stale", OLD)
            await eventually(lambda: runs.count == 1)
            assert await is_served(one, runs) == ("stale", OLD)
            one.clock.ahead = 60.0  # stale no more, but kept for failures
            served = await one.cache.get(job("k", runs, WINDOWS))
            assert served.how == "error"
            assert served.outcome.degraded == (DEGRADATION,)
            assert served.entry is not None
            assert (served.entry.body, served.entry.flaw) == (OLD, None)
            await one.writes_are_done()
            assert server.all_keys() == [b"bff:3:k"]
            assert await is_served(other, Runs(FAILURE)) == ("stale", OLD)

    asyncio.run(test())


def test_an_entry_stays_in_redis_for_as_long_as_it_may_be_served(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as one:
            await is_served(one, Runs(payload(NEW)))
        with server.client() as client:
            assert (TTL + 119) * 1000 < client.pttl("bff:3:k") <= (TTL + 121) * 1000

    asyncio.run(test())
