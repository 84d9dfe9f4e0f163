"""One run among workers that share a Redis: the lease, and those that wait for it."""

import asyncio
import statistics
import time

import pytest

from bff.cache.redis.leases import Lease
from bff.cache.shared.store_clients import RedisStoreClient
from tests.support.cache.payload_runs import FAILURE, Runs, degraded, payload
from tests.support.cache.process import leading_process
from tests.support.cache.worker import (
    CALM_SECONDS,
    SLACK_SECONDS,
    TTL,
    RunningClock,
    Worker,
    calm_worker,
    eventually,
    follows,
    job,
    small,
    tagged,
)
from tests.support.redis.server import RedisServer
from tests.support.redis.slow_redis import Between
from tests.support.steady_clock import steady_seconds

LOCK = b"bff:3:k:lease"


def worker(server: RedisServer) -> Worker:
    return calm_worker(server.url)


class LateClient(RedisStoreClient):
    """Takes a lease just after another worker has stored its result, and released its own."""

    def take_lease(self, key: str, life_seconds: float) -> Lease | None:
        super().write(small(key), TTL, time.time() + TTL)
        return super().take_lease(key, life_seconds)


def closed(outcome: object = None) -> Runs:
    """Runs that don't end before their gate is opened."""
    runs = Runs(outcome)  # type: ignore[arg-type]
    runs.gate.clear()
    return runs


def test_what_was_made_between_a_look_and_the_lease_is_not_made_again(server: RedisServer) -> None:
    async def test() -> None:
        async with calm_worker(server.url, client=LateClient) as one:
            runs = Runs(payload(b"[1]"))
            served = await one.cache.get(job("k", runs))
            assert (served.how, runs.count) == ("hit", 0)
            assert server.all_keys() == [b"bff:3:k"]  # the lease is released

    asyncio.run(test())


def test_two_workers_callers_share_one_run(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as one, worker(server) as other:
            runs, is_following = closed(payload(b"[1]", tv=b"[2]")), follows(server)
            leaders = [asyncio.create_task(one.cache.get(job("k", runs))) for _ in range(3)]
            await runs.started.wait()
            followers = [asyncio.create_task(other.cache.get(job("k", runs))) for _ in range(3)]
            await eventually(is_following)
            assert server.all_keys() == [LOCK]
            runs.gate.set()
            results = await asyncio.gather(*leaders, *followers)

            assert runs.count == 1
            assert [each.how for each in results] == ["miss", *["collapsed"] * 5]
            for each in results:
                assert each.entry is not None
                assert (each.entry.body, each.entry.views) == (b"[1]", {"tv": b"[2]"})
            assert other.cache.lookup("k") is results[-1].entry
            await one.writes_are_done()
            assert server.all_keys() == [b"bff:3:k"]

    asyncio.run(test())


def test_a_follower_has_it_soon_after_the_leader(server: RedisServer) -> None:
    async def test() -> None:
        delays = []
        async with worker(server) as one, worker(server) as other:
            for number in range(9):
                runs, is_following = closed(), follows(server)
                leader = asyncio.create_task(one.cache.get(job(f"k{number}", runs)))
                await runs.started.wait()
                follower = asyncio.create_task(other.cache.get(job(f"k{number}", runs)))
                await eventually(is_following)
                runs.gate.set()
                await leader
                began = steady_seconds()
                assert (await follower).how == "collapsed"
                delays.append(steady_seconds() - began)
        print(f"follower after leader: median {statistics.median(delays) * 1000:.1f} ms")
        assert statistics.median(delays) < 0.06 + SLACK_SECONDS

    asyncio.run(test())


def test_a_leader_that_is_killed_delays_its_follower_by_half_of_its_time(
    server: RedisServer,
) -> None:
    async def test() -> None:
        async with worker(server) as other, leading_process(server.url, "k") as leader:
            runs, is_following = Runs(payload(b"[2]")), follows(server)
            began, asked_at = steady_seconds(), time.monotonic()
            follower = asyncio.create_task(other.cache.get(job("k", runs, deadline=0.8)))
            await eventually(is_following)
            leader.kill()
            served = await follower
            took, passed = steady_seconds() - began, time.monotonic() - asked_at

            print(f"after kill -9: {took * 1000:.0f} ms of 400")
            assert (served.how, runs.count) == ("miss", 1)
            assert served.entry is not None
            assert served.entry.body == b"[2]"
            assert passed > 0.35
            assert took < 0.4 + SLACK_SECONDS
            assert runs.seconds_left > 0.8 - passed - SLACK_SECONDS  # enough to make it oneself
            await other.expect("hit", "k", b"[2]")

    asyncio.run(test())


def test_a_dead_leaders_lead_goes_away_by_itself(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as other, leading_process(server.url, "k") as leader:
            leader.kill()
            with server.client() as client:
                left = client.pttl(LOCK)
                assert 0 < left <= 2000
                client.pexpire(LOCK, 100)  # instead of waiting for it
            began = steady_seconds()
            await other.expect_something("k")
            assert steady_seconds() - began < 0.1 + SLACK_SECONDS

    asyncio.run(test())


@pytest.mark.parametrize(
    "outcome",
    [FAILURE, ZeroDivisionError("a bug"), degraded(), tagged(["t"])],
    ids=["failure", "bug", "degraded", "not-kept"],
)
def test_a_leader_without_an_outcome_to_share_lets_its_follower_go_at_once(
    server: RedisServer, outcome: object
) -> None:
    async def test() -> None:
        async with worker(server) as one, worker(server) as other:
            await one.hears_purges()
            runs, own, is_following = closed(outcome), Runs(payload(b"[2]")), follows(server)
            leader = asyncio.create_task(one.cache.get(job("k", runs)))
            await runs.started.wait()
            follower = asyncio.create_task(other.cache.get(job("k", own)))
            await eventually(is_following)
            # What was begun before a purge isn't kept: only the tagged one minds.
            await one.cache.purge(["t"])
            runs.gate.set()
            await asyncio.gather(leader, return_exceptions=True)
            began = steady_seconds()
            served = await follower
            took = steady_seconds() - began

            print(f"let go after {took * 1000:.0f} ms")
            assert took < 0.06 + SLACK_SECONDS  # of 2 s that it would wait
            assert (served.how, own.count) == ("miss", 1)
            assert served.entry is not None
            assert served.entry.body == b"[2]"

    asyncio.run(test())


def test_a_leader_whose_outcome_redis_refuses_lets_its_follower_go_at_once(
    server: RedisServer,
) -> None:
    async def test() -> None:
        async with worker(server) as one, worker(server) as other:
            await one.hears_purges()
            await one.expect("miss", "before", tags=["t"])
            await one.writes_are_done()
            with server.client() as client:
                (index,) = [key for key in server.all_keys() if b":tag:" in key]
                client.set(index, "another tenant's")
            runs, own, is_following = closed(tagged(["t"])), Runs(payload(b"[2]")), follows(server)
            leader = asyncio.create_task(one.cache.get(job("k", runs)))
            await runs.started.wait()
            follower = asyncio.create_task(other.cache.get(job("k", own)))
            await eventually(is_following)
            runs.gate.set()
            assert (await leader).how == "miss"
            began = steady_seconds()
            assert (await follower).how == "miss"
            assert steady_seconds() - began < 0.06 + SLACK_SECONDS

    asyncio.run(test())


def test_a_leader_whose_caller_left_finishes_for_the_others(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as one, worker(server) as other:
            runs, own, is_following = closed(payload(b"[1]")), Runs(), follows(server)
            leader = asyncio.create_task(one.cache.get(job("k", runs)))
            await runs.started.wait()
            follower = asyncio.create_task(other.cache.get(job("k", own)))
            await eventually(is_following)
            leader.cancel()
            await asyncio.gather(leader, return_exceptions=True)
            assert leader.cancelled()
            runs.gate.set()
            served = await follower

            assert (served.how, runs.cancelled, own.count) == ("collapsed", 0, 0)
            assert served.entry is not None
            assert served.entry.body == b"[1]"

    asyncio.run(test())


def test_a_worker_that_closes_releases_its_leases(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as other:
            runs, own, is_following = closed(), Runs(), follows(server)
            async with worker(server) as one:
                leader = asyncio.create_task(one.cache.get(job("k", runs)))
                await runs.started.wait()
                follower = asyncio.create_task(other.cache.get(job("k", own)))
                await eventually(is_following)
            await asyncio.gather(leader, return_exceptions=True)
            began = steady_seconds()
            assert (await follower).how == "miss"
            assert steady_seconds() - began < 0.06 + SLACK_SECONDS

    asyncio.run(test())


def test_nobody_releases_the_lease_of_another(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as one:
            runs = closed()
            leader = asyncio.create_task(one.cache.get(job("k", runs)))
            await runs.started.wait()
            with server.client() as client:
                client.set(LOCK, "another's by now")
                runs.gate.set()
                await leader
                await one.writes_are_done()
                assert client.get(LOCK) == b"another's by now"

    asyncio.run(test())


class PatientClient(RedisStoreClient):
    """Waits longer for Redis than those who ask it wait for the answer."""

    def __init__(self, redis_url: str, namespace: str, *, seconds: float) -> None:
        super().__init__(redis_url, namespace, seconds=seconds + CALM_SECONDS)


def test_a_lead_that_came_too_late_is_let_go(server: RedisServer) -> None:
    async def test() -> None:
        async with Between(server) as between, worker(server) as other:
            slow = Worker(between.url, clock=RunningClock(), seconds=0.4, client=PatientClient)
            async with slow:
                await slow.expect("miss", "warm-up")
                await slow.writes_are_done()
                between.hold(b"EVAL")  # which takes the lease
                runs = closed()
                began = steady_seconds()
                leader = asyncio.create_task(slow.cache.get(job("k", runs)))
                await runs.started.wait()
                # Twice, where the loop was held when the time was over.
                assert steady_seconds() - began < 2 * 0.4 + SLACK_SECONDS
                assert LOCK in server.all_keys()
                between.let_go()
                gone_after = await eventually(lambda: LOCK not in server.all_keys())
                print(f"the late lease was released after {gone_after * 1000:.0f} ms")
                assert gone_after < SLACK_SECONDS  # of 2 s that it lives
                await other.expect("miss", "k")
                runs.gate.set()
                await leader

    asyncio.run(test())
