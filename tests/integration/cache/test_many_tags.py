"""Many tags, and purges of everything, over a real Redis: bounded, at once, and heard by all."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bff.cache.cache import Cache
from bff.cache.redis import tag_index as index_module
from bff.cache.redis.tag_index import TagIndex
from bff.cache.shared.store import open_store
from bff.plan.model.caching import EVERYTHING, MOST_TAGS
from tests.support.cache.payload_runs import Runs
from tests.support.cache.worker import (
    DeafClient,
    RunningClock,
    Worker,
    calm_worker,
    entry_bytes,
    eventually,
    job,
    plant,
    tag_index,
    tagged,
)
from tests.support.redis.server import RedisServer
from tests.support.steady_clock import steady_seconds

MANY = [f"product:{number}" for number in range(MOST_TAGS)]
SLOW_MICROSECONDS = 100_000  # of a busy machine: 4,000 were measured on an idle one


@contextmanager
def redis_is_never_held(server: RedisServer) -> Iterator[None]:
    """No command holds Redis for longer than `SLOW_MICROSECONDS`: others wait as long."""
    with server.client() as client:
        client.config_set("slowlog-log-slower-than", SLOW_MICROSECONDS)
        client.slowlog_reset()
        yield
        assert client.slowlog_get() == []


def test_entry_with_as_many_tags_as_may_be_is_purged_by_each_and_holds_redis_for_nobody(
    server: RedisServer,
) -> None:
    async def test() -> None:
        async with calm_worker(server.url) as one:
            await one.hears_purges()
            for tags in (MANY[:1], MANY[-1:], MANY):
                await one.expect("miss", "k", tags=MANY)
                await one.writes_are_done()
                assert await one.cache.purge(tags) == 1

    with redis_is_never_held(server):
        asyncio.run(test())


def test_purge_of_a_tag_that_many_entries_have_holds_redis_for_nobody(
    server: RedisServer,
) -> None:
    with server.client() as client:
        index, ends_at = tag_index(client), time.time() + 60
        pipeline = client.pipeline(transaction=False)
        for number in range(60_000):
            pipeline.set(f"bff:3:k{number}", b"x")
            pipeline.zadd(index._set("t"), {f"k{number}": ends_at})
        pipeline.execute()
        before = server.commands()
        assert index.purge(["t"])[1] == 60_000
        assert (server.commands() - before)["zrange"] >= 60_000 / 500  # so many turns of others
        assert [key for key in server.all_keys() if b"purged" not in key] == []


def test_one_purge_of_many_tags_takes_a_handful_of_commands(server: RedisServer) -> None:
    async def test() -> None:
        async with calm_worker(server.url) as one:
            await one.hears_purges()
            for number in range(20):
                await one.expect("miss", f"k{number}", tags=MANY[number * 5 : number * 5 + 5])
            await one.writes_are_done()
            before = server.commands()
            assert await one.cache.purge(MANY) == 20
            spent = server.commands() - before
            assert spent["eval"] == 3  # the notes, what is to be deleted, what was deleted
            assert (spent["unlink"], spent["publish"]) == (1, 2)

    asyncio.run(test())


def test_other_keys_do_not_wait_behind_tags(server: RedisServer) -> None:
    """While entries with many tags are written and purged, no read of another takes 150 ms."""

    async def test() -> None:
        async with Worker(server.url, clock=RunningClock(), seconds=2.0) as one:
            await one.hears_purges()

            async def write_and_purge() -> None:
                for number in range(10):
                    await one.cache.get(job(f"many{number}", Runs(tagged(MANY))))
                    await one.cache.purge(MANY, 5.0)

            writing = asyncio.create_task(write_and_purge())
            waits = []
            while not writing.done():
                plant(server, f"plain{len(waits)}", entry_bytes(f"plain{len(waits)}"))
                began = steady_seconds()
                entry, _ = await one.store.look(f"plain{len(waits)}")
                waits.append(steady_seconds() - began)
                assert entry is not None
            await writing
            assert max(waits) < 0.15, sorted(waits)  # 25 ms was the longest of an idle machine

    asyncio.run(test())


def test_purge_by_an_operator_is_answered_while_many_writes_purge(server: RedisServer) -> None:
    async def test() -> None:
        async with calm_worker(server.url) as one:
            await one.hears_purges()
            await one.expect("miss", "k", tags=["t"])
            await one.writes_are_done()
            writes = [
                asyncio.create_task(one.cache.purge([f"t{number}-{n}" for n in range(MOST_TAGS)]))
                for number in range(10)
            ]
            await asyncio.sleep(0)
            began = time.monotonic()
            assert await one.cache.purge(["t"], 5.0) == 1
            print(f"answered after {(time.monotonic() - began) * 1000:.0f} ms")
            await asyncio.gather(*writes)

    asyncio.run(test())


# ---------------------------------------------------------------------------- everything


def test_purge_of_everything_takes_the_same_however_much_is_stored(server: RedisServer) -> None:
    with server.client() as client:
        pipeline = client.pipeline(transaction=False)
        for number in range(20_000):
            pipeline.set(f"bff:3:k{number}", b"x")
        pipeline.execute()
        before = server.commands()
        tag_index(client).purge_everything()
        spent = server.commands() - before
        assert (spent["eval"], spent["set"]) == (1, 1)
        assert spent["unlink"] == spent["zrange"] == 0


@pytest.mark.parametrize("client", [Worker, DeafClient], ids=["hears", "is-deaf"])
def test_purge_of_everything_reaches_every_worker_and_redis(
    server: RedisServer, client: type
) -> None:
    async def test() -> None:
        kind = {"client": DeafClient} if client is DeafClient else {}
        async with calm_worker(server.url) as one, calm_worker(server.url, **kind) as other:
            await one.hears_purges()
            await one.expect("miss", "tagged", b"[1]", tags=["t"])
            await one.expect("miss", "plain", b"[1]")
            await one.writes_are_done()
            if not kind:
                await other.hears_purges()
            await other.expect("hit", "tagged", b"[1]")
            assert await one.cache.purge(EVERYTHING) == 0
            await eventually(lambda: other.cache.lookup("tagged") is None)
            await other.expect("miss", "tagged", b"[2]", tags=["t"])
            await other.expect("hit", "plain", b"[1]")
            await other.writes_are_done()
            await eventually(lambda: one.cache.lookup("tagged") is None)
            await one.expect("hit", "tagged", b"[2]")  # stored since the purge

    asyncio.run(test())


def test_worker_that_starts_after_a_purge_of_everything_serves_nothing_older(
    server: RedisServer,
) -> None:
    async def test() -> None:
        async with calm_worker(server.url) as one:
            await one.hears_purges()
            await one.expect("miss", "k", b"[1]", tags=["t"])
            await one.writes_are_done()
            await one.cache.purge(EVERYTHING)
        async with calm_worker(server.url) as other:
            await other.hears_purges()
            await other.expect("miss", "k", b"[2]", tags=["t"])

    asyncio.run(test())


def test_purge_of_everything_during_a_run_makes_its_result_void(server: RedisServer) -> None:
    async def test() -> None:
        async with calm_worker(server.url) as one, calm_worker(server.url) as other:
            await asyncio.gather(one.hears_purges(), other.hears_purges())
            runs = Runs(tagged(["t"], b"[1]"))
            runs.gate.clear()
            started = asyncio.create_task(one.cache.get(job("k", runs)))
            await runs.started.wait()
            await other.cache.purge(EVERYTHING)
            runs.gate.set()
            await started
            await one.writes_are_done()
            await other.expect("miss", "k", b"[2]", tags=["t"])

    asyncio.run(test())


def test_more_notes_than_the_bound_count_as_a_purge_of_everything_until_the_oldest(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.client() as client:
        index = tag_index(client)
        started = index.purge(["first"])[0]
        for number in range(index_module._MOST_NOTES // MOST_TAGS):
            index.purge([f"t{number}-{n}" for n in range(MOST_TAGS)])
        assert client.zcard(index._notes) == index_module._MOST_NOTES
        assert index.were_purged(["first"], started)
        assert index.everything_purged_at() >= started
        now = index.purge(["last"])[0]
        assert not index.were_purged(["never"], now)


# ---------------------------------------------------------------------------- namespaces


def test_purge_in_one_namespace_leaves_the_other_alone(server: RedisServer) -> None:
    async def test() -> None:
        def cache(namespace: str) -> Cache:
            return Cache(lambda **news: open_store(server.url, namespace, **news))

        one, other = cache("staging"), cache("production")
        for each in (one, other):
            store = each._store
            assert store is not None
            await eventually(lambda store=store: store.hears_purges)
        await one.get(job("staging-k", Runs(tagged(["t"]))))
        await other.get(job("production-k", Runs(tagged(["t"]))))
        with server.client() as client:
            await eventually(lambda: client.exists("bff:3:staging-k", "bff:3:production-k") == 2)
            assert await one.purge(["t"], 5.0) == 1
            await one.purge(EVERYTHING, 5.0)
            assert client.exists("bff:3:production-k") == 1
            assert TagIndex(client, "production").everything_purged_at() < 0
        assert other.lookup("production-k") is not None
        assert (await other.purge(["t"], 5.0)) == 1
        await asyncio.gather(one.close(), other.close())

    asyncio.run(test())
