"""Purges over a real Redis while upstreams fail: what was purged stands in for nothing."""

import asyncio
import time

import pytest

from tests.support.cache.payload_runs import FAILURE, Runs, payload
from tests.support.cache.worker import (
    DeafClient,
    calm_worker,
    eventually,
    job,
    policy,
    tagged,
)
from tests.support.redis.server import RedisServer

# ---------------------------------------------------------------------------- while upstreams fail

WINDOWS = policy(stale_if_error=600.0)


def test_purged_payload_does_not_stand_in_for_a_run_that_fails(server: RedisServer) -> None:
    """A purge during the run, made by another worker."""

    async def test() -> None:
        async with calm_worker(server.url) as one, calm_worker(server.url) as other:
            await asyncio.gather(one.hears_purges(), other.hears_purges())
            await one.cache.get(job("k", Runs(tagged(["t"])), WINDOWS))
            await one.writes_are_done()
            one.clock.ahead = other.clock.ahead = 40.0
            runs = Runs(FAILURE)
            runs.gate.clear()
            started = asyncio.create_task(one.cache.get(job("k", runs, WINDOWS)))
            await runs.started.wait()
            assert await other.cache.purge(["t"]) == 1
            await eventually(lambda: one.cache._purges._at != {})
            runs.gate.set()
            served = await started
            assert (served.how, served.entry, served.outcome) == ("miss", None, FAILURE)

    asyncio.run(test())


@pytest.mark.parametrize("hears", [True, False], ids=["hears", "is-deaf"])
def test_follower_in_another_worker_is_not_served_what_was_purged(
    server: RedisServer, hears: bool
) -> None:
    """The leader's upstream fails; the follower found the old payload before the purge."""

    async def test() -> None:
        kind = {} if hears else {"client": DeafClient}
        async with calm_worker(server.url) as one, calm_worker(server.url, **kind) as other:
            await one.hears_purges()
            if hears:
                await other.hears_purges()
            await one.cache.get(job("k", Runs(tagged(["t"], b'"purged"')), WINDOWS))
            await one.writes_are_done()
            one.clock.ahead = other.clock.ahead = 40.0
            failing = Runs(FAILURE)
            failing.gate.clear()
            leader = asyncio.create_task(one.cache.get(job("k", failing, WINDOWS)))
            await failing.started.wait()
            before = server.commands()["exists"]
            follower = asyncio.create_task(other.cache.get(job("k", Runs(FAILURE), WINDOWS)))
            await eventually(lambda: server.commands()["exists"] > before)
            assert await one.cache.purge(["t"]) == 1
            if hears:
                await eventually(lambda: other.cache._purges._at != {})
            failing.gate.set()
            for served in await asyncio.gather(leader, follower):
                assert served.entry is None
                assert served.outcome is FAILURE

    asyncio.run(test())


def test_worker_that_owes_a_purge_serves_nothing_that_it_names_however_long_it_owes_it(
    own_server: RedisServer,
) -> None:
    async def test() -> None:
        async with calm_worker(own_server.url) as other:
            await other.expect("miss", "k", b'"purged"', tags=["t"])
            await other.writes_are_done()
        with own_server.client() as client:  # it answers, and refuses what a purge takes
            client.execute_command("ACL", "SETUSER", "default", "-eval")
        async with calm_worker(own_server.url) as one:
            await one.hears_purges()
            assert await one.cache.purge(["t"]) is None
            one.cache._purges.note(["later"], time.time() + 120)  # two minutes later
            entry, _ = await one.store.look("k")
            assert entry is None
            served = await one.cache.get(job("k", Runs(payload(b"[2]"))))
            assert served.entry is not None
            assert served.entry.body == b"[2]"
            with own_server.client() as client:
                client.execute_command("ACL", "SETUSER", "default", "+eval")
            await eventually(lambda: not one.store._owed)
            assert b"bff:3:k" not in own_server.all_keys()

    asyncio.run(test())
