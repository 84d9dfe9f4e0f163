"""Trouble with Redis for leads, tagged entries, purges and refreshes: requests go on, none waits
0.1 s longer, nothing wrong is served, and it ends without our restart."""

import asyncio
import pickle
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

import pytest
from redis.exceptions import ResponseError

from bff.cache.entries import Entry
from bff.cache.shared.store_clients import RedisStoreClient
from bff.plan.model.caching import EVERYTHING
from bff.redis.clients import KEY_PREFIX
from tests.support.cache.payload_runs import FAILURE, Runs
from tests.support.cache.worker import (
    NAMESPACE,
    SLACK_SECONDS,
    TTL,
    RunningClock,
    Worker,
    calm_worker,
    eventually,
    job,
    policy,
    recovers,
    tagged,
)
from tests.support.redis.server import RedisServer
from tests.support.redis.slow_redis import Between
from tests.support.steady_clock import steady_seconds

WINDOWS = policy(stale=60.0, stale_if_error=120.0)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """One that a test may hurt."""
    with RedisServer("--maxmemory-policy", "noeviction") as server:
        yield server


pytestmark = pytest.mark.usefixtures("hear_the_cache")


class Trouble(NamedTuple):
    """How it begins and ends."""

    begin: Callable[[RedisServer, Between], object]
    end: Callable[[RedisServer, Between], object]


def limit_memory(server: RedisServer, most_bytes: int) -> None:
    with server.client() as client:
        client.config_set("maxmemory", most_bytes)


def restart(server: RedisServer) -> None:
    server.stop()
    server.start()


TROUBLES = {
    "stopped": Trouble(lambda s, _: s.stop(), lambda s, _: s.start()),
    "paused": Trouble(lambda s, _: s.pause(), lambda s, _: s.resume()),
    "restarted": Trouble(lambda s, _: restart(s), lambda s, _: None),
    "full": Trouble(lambda s, _: limit_memory(s, 1), lambda s, _: limit_memory(s, 0)),
    "late-by-60-ms": Trouble(
        lambda _, b: setattr(b, "delay_seconds", 0.06),
        lambda _, b: setattr(b, "delay_seconds", 0.0),
    ),
    "late-by-200-ms": Trouble(
        lambda _, b: setattr(b, "delay_seconds", 0.2),
        lambda _, b: setattr(b, "delay_seconds", 0.0),
    ),
    "cut-off": Trouble(
        lambda _, b: setattr(b, "cuts", True), lambda _, b: setattr(b, "cuts", False)
    ),
}


class Timed:
    """What requests cost, one after the other."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, asked: Awaitable[Any]) -> Any:
        began = steady_seconds()
        answer = await asked
        self.seconds.append(steady_seconds() - began)
        assert self.seconds[-1] < 0.1 + SLACK_SECONDS
        return answer


@pytest.fixture(params=TROUBLES)
def trouble(request: pytest.FixtureRequest) -> Trouble:
    return TROUBLES[request.param]


def test_all_that_takes_redis_goes_on_in_trouble_and_works_after_it(
    server: RedisServer, trouble: Trouble, request: pytest.FixtureRequest
) -> None:
    async def test() -> None:
        async with Between(server) as between, Worker(between.url, clock=RunningClock()) as one:
            await one.hears_purges()
            await one.expect("miss", "before", b"[0]", tags=["t"])
            await one.cache.get(job("plain", Runs(tagged((), b"[0]")), WINDOWS))
            await one.writes_are_done()
            trouble.begin(server, between)

            timed = Timed()
            for number in range(4):
                await timed(one.expect("miss", f"tagged{number}", b"[1]", tags=["t", "u"]))
                await timed(one.expect("miss", f"plain{number}", b"[1]"))
            await timed(one.cache.purge(["t"]))
            assert one.cache.lookup("before") is None
            await timed(one.expect("miss", "before", b"[2]", tags=["t"]))
            await asyncio.gather(*(timed(one.expect("miss", f"many{n}")) for n in range(20)))

            one.clock.ahead = TTL + 1
            runs = Runs(tagged((), b"[3]"))
            stale = await timed(one.cache.get(job("plain", runs, WINDOWS)))
            assert (stale.how, stale.entry.body) == ("stale", b"[0]")
            await eventually(lambda: one.cache.lookup("plain") is not None)
            fresh = await timed(one.cache.get(job("plain", runs, WINDOWS)))
            assert (fresh.how, fresh.entry.body, runs.count) == ("hit", b"[3]", 1)
            one.clock.ahead = 2 * TTL + 70
            left = await timed(one.cache.get(job("plain", Runs(FAILURE), WINDOWS)))
            assert (left.how, left.entry.body) == ("error", b"[3]")
            one.clock.ahead = 0.0

            trouble.end(server, between)
            most = max(timed.seconds) * 1000
            print(f"{request.node.callspec.id}: {most:.0f} ms at most, of {len(timed.seconds)}")
            await everything_works_again(one, server)

    asyncio.run(test())


async def everything_works_again(one: Worker, server: RedisServer) -> None:
    await recovers(one, server)
    await eventually(lambda: not one.store._owed)
    await one.hears_purges()
    await eventually(lambda: value_of(server, "before") in (None, b"[2]"))
    async with calm_worker(server.url) as other:
        await other.hears_purges()
        await one.expect("miss", "after", b"[4]", tags=["t"])
        await one.writes_are_done()
        await other.expect("hit", "after", b"[4]")
        assert await other.cache.purge(["t"]) is not None
        await eventually(lambda: one.cache.lookup("after") is None)
        await one.expect("miss", "after", b"[5]", tags=["t"])


def value_of(server: RedisServer, key: str) -> bytes | None:
    """The body that Redis holds; here it is the last three bytes before the tag."""
    with server.client() as client:
        value = client.get(f"{KEY_PREFIX}{key}")
    return None if value is None else value[-4:-1]


# ---------------------------------------------------------------------------- what others put there


@pytest.mark.parametrize("planted", [b"soon", pickle.dumps(1.5), b"", b"9" * 400])
@pytest.mark.parametrize("kind", ["purged", "everything"])
def test_note_of_a_purge_that_is_not_ours_makes_what_has_tags_void_until_the_next_purge(
    server: RedisServer, kind: str, planted: bytes
) -> None:
    async def test() -> None:
        async with calm_worker(server.url) as one:
            with server.client() as client:
                client.set(f"{KEY_PREFIX}{{{NAMESPACE}}}:{kind}", planted)
            for number in range(8):
                await one.expect("miss", f"k{number}", tags=["t"])
                await one.expect("miss", f"plain{number}")
            await one.writes_are_done()
            kept = {key for key in server.all_keys() if b"{" not in key}
            assert kept == {b"bff:3:plain%d" % number for number in range(8)}

            await one.cache.purge(["u"] if kind == "purged" else EVERYTHING)
            await one.expect("miss", "k", tags=["t"])
            await one.writes_are_done()
            assert b"bff:3:k" in server.all_keys()

    asyncio.run(test())


def test_an_entry_whose_purges_could_not_be_looked_up_does_not_stay(server: RedisServer) -> None:
    redis = RedisStoreClient(server.url, NAMESPACE, seconds=1.0)
    with server.client() as client:
        client.lpush(f"{KEY_PREFIX}{{{NAMESPACE}}}:purged", "not a time")
        now = time.time()
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            redis.write(Entry("k", b"{}", {}, now, TTL, now, frozenset({"t"})), TTL, now + TTL)
        assert client.get(f"{KEY_PREFIX}k") is None
    redis.close()


def test_an_index_of_another_type_is_no_outage(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with Worker(server.url, clock=RunningClock()) as one:
            await one.expect("miss", "k", tags=["t"])
            await one.writes_are_done()
            (index,) = [key for key in server.all_keys() if b"{" in key]
            with server.client() as client:
                client.set(index, pickle.dumps({"k": 1.0}))
            for number in range(8):
                await one.expect("miss", f"k{number}", tags=["t"])
            await one.writes_are_done()
            await one.expect("miss", "plain")
            await one.writes_are_done()
            assert b"bff:3:plain" in server.all_keys()
            assert b"bff:3:k0" not in server.all_keys()  # it could not be purged

    asyncio.run(test())
    assert len(caplog.records) == 1
    assert "WRONGTYPE" in caplog.records[0].getMessage()


def test_a_redis_that_another_tenant_fills_up_during_a_run_keeps_nobody_waiting(
    server: RedisServer,
) -> None:
    async def test() -> None:
        async with (
            Worker(server.url, clock=RunningClock()) as one,
            Worker(server.url, clock=RunningClock()) as other,
        ):
            runs = Runs(tagged(["t"], b"[1]"))
            runs.gate.clear()
            leader = asyncio.create_task(one.cache.get(job("k", runs)))
            await runs.started.wait()
            limit_memory(server, 1)
            runs.gate.set()
            assert (await leader).how == "miss"
            await one.writes_are_done()
            await other.expect("miss", "k", b"[2]", tags=["t"])

    asyncio.run(test())
