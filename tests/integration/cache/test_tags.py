"""Tags in Redis: a purge deletes what has them, nothing else, and without looking at all keys."""

import asyncio
import time
from collections.abc import Callable

import pytest
from redis.exceptions import RedisError

from bff.cache.redis.tag_index import REMEMBERED_SECONDS
from bff.cache.shared.store_clients import StoreClient
from bff.redis.clients import KEY_PREFIX
from tests.support.cache.payload_runs import Runs
from tests.support.cache.worker import (
    NAMESPACE,
    DeafClient,
    RedisStoreClient,
    Worker,
    calm_worker,
    entry_bytes,
    eventually,
    job,
    plant,
    policy,
    tag_index,
    tagged,
)
from tests.support.redis.server import RedisServer
from tests.support.redis.slow_redis import Between

LOOKS_AT_ALL_KEYS = {"keys", "scan", "sscan", "hscan", "zscan", "randomkey", "dbsize"}


def worker(server: RedisServer, client: Callable[..., StoreClient] = RedisStoreClient) -> Worker:
    return calm_worker(server.url, client=client)


def entries(server: RedisServer) -> list[bytes]:
    """The keys of the entries that are there, without those of the index."""
    prefix = KEY_PREFIX.encode()
    return [key.removeprefix(prefix) for key in server.all_keys() if b"{" not in key]


def sets_of_tags(server: RedisServer) -> list[bytes]:
    return [key for key in server.all_keys() if b":tag:" in key]


def test_a_purge_deletes_exactly_what_has_the_tag(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as one:
            await one.expect("miss", "red", tags=["red"])
            await one.expect("miss", "both", tags=["red", "blue"])
            await one.expect("miss", "blue", tags=["blue"])
            await one.expect("miss", "reddish", tags=["reddish", "re", "d"])
            await one.expect("miss", "none")
            await one.writes_are_done()

            assert await one.cache.purge(["red"]) == 2
            assert entries(server) == [b"blue", b"none", b"reddish"]
            assert await one.cache.purge(["red"]) == 0
            assert await one.cache.purge(["blue", "re", "d", "unknown"]) == 2
            assert entries(server) == [b"none"]
            assert await one.cache.purge([]) == 0

    asyncio.run(test())


@pytest.mark.parametrize(
    "tag", ["{a}", "a}{b", "ü ☃", "a\0b", "a\nb", "*", "x" * 500, ":keys", "a,b"]
)
def test_a_tag_may_hold_anything(server: RedisServer, tag: str) -> None:
    async def test() -> None:
        async with worker(server) as one:
            await one.expect("miss", "k", tags=[tag])
            await one.expect("miss", "k2", tags=[tag + "!"])
            await one.writes_are_done()
            assert await one.cache.purge([tag]) == 1
            assert entries(server) == [b"k2"]

    asyncio.run(test())


def test_a_purge_never_looks_at_all_keys_however_many_there_are(server: RedisServer) -> None:
    with server.client() as client:
        index, ends_at = tag_index(client), time.time() + 60
        pipeline = client.pipeline(transaction=False)
        for number in range(3000):
            pipeline.set(f"{KEY_PREFIX}k{number}", b"x")
        pipeline.execute()
        for number in range(1200):
            index.add(["many"], f"k{number}", ends_at)

        async def test() -> None:
            async with worker(server) as one:
                before = server.commands()
                assert await one.cache.purge(["many"]) == 1200
                called = set(server.commands() - before)
                assert called.isdisjoint(LOOKS_AT_ALL_KEYS)
                assert {"eval", "zrange", "unlink", "publish"} <= called

        asyncio.run(test())
        assert len(entries(server)) == 1800
        assert client.exists(f"{KEY_PREFIX}k1200", f"{KEY_PREFIX}k0") == 1


def test_a_purge_that_is_cut_off_can_be_made_again(server: RedisServer) -> None:
    async def test() -> None:
        async with Between(server) as between, calm_worker(between.url) as one:
            await one.expect("miss", "k", tags=["t"])
            await one.writes_are_done()
            between.cuts = True
            assert await one.cache.purge(["t"]) is None
            assert entries(server) == [b"k"]
            between.cuts = False
            await eventually(lambda: not entries(server))

    asyncio.run(test())


def test_what_is_stored_anew_during_a_purge_can_be_purged_the_next_time(
    server: RedisServer,
) -> None:
    with server.client() as client:
        index, now = tag_index(client), time.time()
        index.add(["t"], "k", now + 10)

        class Client:
            """The entry is stored anew between what a purge does first and what it does last."""

            def __getattr__(self, name: str) -> object:
                if name == "unlink":
                    index.add(["t"], "k", now + 20)
                return getattr(client, name)

        tag_index(Client()).purge(["t"])  # type: ignore[arg-type]
        plant(server, "k", entry_bytes())
        assert index.purge(["t"])[1] == 1
        assert index.purge(["t"])[1] == 0
        assert sets_of_tags(server) == []


def test_nothing_that_a_worker_does_looks_at_all_keys(server: RedisServer) -> None:
    async def test() -> None:
        before = server.commands()
        async with worker(server) as one, worker(server) as other:
            await one.expect("miss", "k", tags=["t"])
            await one.writes_are_done()
            await other.expect("hit", "k")
            await other.cache.purge(["t"])
        called = set(server.commands() - before)
        assert called.isdisjoint(LOOKS_AT_ALL_KEYS | {"flushdb", "flushall"})

    asyncio.run(test())


def test_the_index_ends_with_the_last_that_it_names(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as one:
            for key, ttl in (("long", 20.0), ("short", 5.0)):
                runs = Runs(tagged(["t"]))
                await one.cache.get(job(key, runs, policy(ttl, stale_if_error=10.0)))
            await one.writes_are_done()
            with server.client() as client:
                (members,) = sets_of_tags(server)
                assert 29_000 < client.pttl(members) <= 32_000
                assert 0 < client.pttl(f"{KEY_PREFIX}short") <= 16_000
            await one.cache.purge(["t"])
            with server.client() as client:
                assert sets_of_tags(server) == []
                (note,) = server.all_keys()
                assert client.ttl(f"{KEY_PREFIX}{{{NAMESPACE}}}:run") > 3600  # longer than entries
                assert 0 < client.pttl(note) <= REMEMBERED_SECONDS * 1000

    asyncio.run(test())


def test_what_has_ended_leaves_the_index_as_it_is_written_to(server: RedisServer) -> None:
    with server.client() as client:
        index, now = tag_index(client), time.time()
        index.add(["t"], "stays", now + 60)
        for number in range(25):
            index.add(["t"], f"old{number}", now - 10)
        (members,) = sets_of_tags(server)
        for _ in range(3):
            index.add(["t"], "new", now + 60)
        assert sorted(client.zrange(members, 0, -1)) == [b"new", b"stays"]


# ---------------------------------------------------------------------------- during a run


@pytest.mark.parametrize(
    "client", [RedisStoreClient, DeafClient], ids=["that-hears-of-it", "that-does-not-hear-of-it"]
)
def test_a_purge_during_a_run_voids_what_it_makes(
    server: RedisServer, client: Callable[..., StoreClient]
) -> None:
    async def test() -> None:
        async with worker(server, client) as one, worker(server) as other:
            runs = Runs(tagged(["t", "u"], b"[1]"))
            runs.gate.clear()
            leader = asyncio.create_task(one.cache.get(job("k", runs)))
            await runs.started.wait()
            assert await other.cache.purge(["u"]) == 0
            runs.gate.set()
            served = await leader
            assert served.how == "miss"  # who waits gets it, and nobody else
            assert served.entry is None or served.entry.body == b"[1]"
            await one.writes_are_done()

            assert one.cache.lookup("k") is None
            assert entries(server) == []
            await other.expect("miss", "k", tags=["t", "u"])  # begun after it
            await other.writes_are_done()
            assert entries(server) == [b"k"]
            await one.expect("hit", "k")

    asyncio.run(test())


def test_a_purge_of_other_tags_during_a_run_does_not_mind_it(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as one, worker(server) as other:
            runs = Runs(tagged(["t"]))
            runs.gate.clear()
            leader = asyncio.create_task(one.cache.get(job("k", runs)))
            await runs.started.wait()
            await other.cache.purge(["u"])
            runs.gate.set()
            await leader
            await one.writes_are_done()
            await other.expect("hit", "k")

    asyncio.run(test())


def test_a_stale_entry_is_not_served_after_its_purge(server: RedisServer) -> None:
    async def test() -> None:
        windows = policy(stale=60.0, stale_if_error=60.0)
        async with worker(server) as one:
            await one.hears_purges()
            await one.expect("miss", "k", tags=["t"])
            await one.writes_are_done()
            await one.cache.purge(["t"])
            one.clock.ahead = 31.0
            runs = Runs(tagged(["t"], b"[2]"))
            served = await one.cache.get(job("k", runs, windows))
            assert (served.how, runs.count) == ("miss", 1)

    asyncio.run(test())


def test_a_full_redis_can_still_be_purged() -> None:
    with RedisServer("--maxmemory-policy", "noeviction") as server:

        async def test() -> None:
            async with worker(server) as one, worker(server) as other:
                await asyncio.gather(one.hears_purges(), other.hears_purges())
                await one.expect("miss", "k", tags=["t"])
                await one.writes_are_done()
                await other.expect("hit", "k")
                with server.client() as client:
                    client.config_set("maxmemory", 1)
                assert await one.cache.purge(["t"]) == 1
                assert entries(server) == []
                with pytest.raises(RedisError, match="maxmemory"):
                    plant(server, "k", entry_bytes())  # it is full indeed
                await other.expect_something("k")

        asyncio.run(test())
