"""The same cache over every form of Redis: one server, a Sentinel's master, a cluster; Valkey."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from bff.errors import SettingsError
from bff.redis.clients import refuse_bad_url
from tests.support.cache.payload_runs import Runs, payload
from tests.support.cache.worker import (
    Worker,
    calm_worker,
    eventually,
    follows,
    job,
    recovers,
    tagged,
)
from tests.support.redis.server import PROGRAMS, RedisServer
from tests.support.redis.topologies import Cluster, Watched

PLACES = {
    **{f"one-{program.name}": lambda program=program: RedisServer(program=program)
       for program in PROGRAMS},
    "sentinel": Watched,
    "cluster": Cluster,
}  # fmt: skip


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest) -> Iterator[Any]:
    with PLACES[request.param]() as place:
        yield place


@pytest.fixture(params=["redis", "valkey"])
def url(request: pytest.FixtureRequest, place: Any) -> str:
    place.empty()
    return place.url.replace("redis", request.param, 1)


async def becomes_a_miss(worker: Worker, key: str) -> None:
    """Until the worker's memory has nothing under the key."""
    await eventually(lambda: worker.cache.lookup(key) is None)


def test_what_one_worker_made_is_a_hit_in_another(url: str) -> None:
    async def test() -> None:
        async with calm_worker(url) as one, calm_worker(url) as other:
            await asyncio.gather(one.hears_purges(), other.hears_purges())
            for number in range(8):  # some in each part of a cluster
                await one.expect("miss", f"k{number}", b"[%d]" % number)
            await one.writes_are_done()
            for number in range(8):
                await other.expect("hit", f"k{number}", b"[%d]" % number)

    asyncio.run(test())


def test_two_workers_that_miss_at_once_share_one_run(url: str, place: Any) -> None:
    async def test() -> None:
        async with calm_worker(url) as one, calm_worker(url) as other:
            await asyncio.gather(one.hears_purges(), other.hears_purges())
            runs, is_following = Runs(payload(b"[1]")), follows(place)
            runs.gate.clear()
            first = asyncio.create_task(one.cache.get(job("k", runs)))
            await runs.started.wait()
            second = asyncio.create_task(other.cache.get(job("k", runs)))
            await eventually(is_following)
            runs.gate.set()
            served = await asyncio.gather(first, second)

            assert [each.how for each in served] == ["miss", "collapsed"]
            assert runs.count == 1
            assert served[1].entry is not None
            assert served[1].entry.body == b"[1]"

    asyncio.run(test())


def test_a_purge_reaches_the_store_and_every_workers_memory(url: str) -> None:
    async def test() -> None:
        async with calm_worker(url) as one, calm_worker(url) as other:
            await asyncio.gather(one.hears_purges(), other.hears_purges())
            for number in range(8):
                key, tags = f"k{number}", ["all", f"tag{number}"]
                await one.cache.get(job(key, Runs(tagged(tags))))
            await one.writes_are_done()
            for number in range(8):
                await other.expect("hit", f"k{number}")

            assert await one.cache.purge(["tag0", "tag1", "none"]) == 2
            await becomes_a_miss(other, "k0")
            await becomes_a_miss(other, "k1")
            assert await other.cache.purge(["all"]) == 6
            await becomes_a_miss(one, "k7")
            await one.expect("miss", "k7")

    asyncio.run(test())


# ---------------------------------------------------------------------------- that change


def test_a_failover_is_followed_without_a_restart_of_ours() -> None:
    async def test() -> None:
        with Watched() as watched:
            async with calm_worker(watched.url) as one:
                await one.hears_purges()
                await one.expect("miss", "before", tags=["t"])
                await asyncio.to_thread(watched.fail_over)
                for number in range(8):
                    await one.expect_something(f"during{number}")
                await recovers(one, watched.replica)
                await one.hears_purges()
                async with calm_worker(watched.url) as other:
                    await other.hears_purges()
                    await other.expect("miss", "after", tags=["t"])
                    await other.writes_are_done()
                    await one.expect("hit", "after")
                    await other.cache.purge(["t"])
                    await becomes_a_miss(one, "after")

    asyncio.run(test())


def test_a_cluster_that_is_down_at_the_start_is_used_once_it_is_there() -> None:
    async def test() -> None:
        with Cluster() as cluster:
            cluster.stop()
            async with calm_worker(cluster.url) as one:
                for number in range(8):
                    await one.expect("miss", f"early{number}")
                await asyncio.to_thread(cluster.start)
                await recovers(one, cluster)
                await one.hears_purges()
                await one.expect("miss", "k", tags=["t"])
                await one.writes_are_done()
                async with calm_worker(cluster.url) as other:
                    await other.hears_purges()
                    await other.expect("hit", "k")
                    assert await other.cache.purge(["t"]) == 1
                await becomes_a_miss(one, "k")

    asyncio.run(test())


@pytest.mark.parametrize("place", ["cluster"], indirect=True)
def test_a_cluster_that_loses_a_part_serves_the_rest(place: Any) -> None:
    place.empty()
    keys = [f"k{number}" for number in range(12)]

    async def test() -> None:
        async with calm_worker(place.url) as one:
            for key in keys:
                await one.expect("miss", key)
            place.masters[0].pause()
            try:
                async with Worker(place.url) as other:
                    for key in keys:
                        other.pauses.now += 10
                        await other.expect_something(key)
            finally:
                place.masters[0].resume()

    asyncio.run(test())


# ---------------------------------------------------------------------------- bad URLs

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("bad_url", "told"),
    [
        (f"http://:{SECRET}@host:6379", "scheme"),
        (f"redis+sentinel://:{SECRET}@host:26379", "names the master"),
        (f"redis+sentinel://:{SECRET}@host:26379/", "names the master"),
        (f"redis+cluster://:{SECRET}@host:7000/3", "no databases"),
        (f"redis+cluster://:{SECRET}@host:7000,,other:7001", "host is missing"),
        (f"redis+cluster://:{SECRET}@", "host is missing"),
        (f"redis+cluster://:{SECRET}@host:seven", "port"),
        (f"redis+sentinel://:{SECRET}@host:99999/shop", "port"),
        (f"redis://:{SECRET}@host:seven", "port"),
        (f"redis+many://:{SECRET}@host:7000", "scheme"),
        (f"redis://:{SECRET}@host?socket_timeout=soon", "socket_timeout"),
        (f"valkey+cluster://:{SECRET}@host?max_connections=many", "max_connections"),
    ],
)
def test_a_bad_url_is_refused_without_repeating_what_is_secret(bad_url: str, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        refuse_bad_url(bad_url)

    said = str(refused.value)
    assert said.startswith("the Redis URL: ")
    assert told in said.lower()
    assert SECRET not in said
    assert SECRET not in repr(refused.value.__cause__)


@pytest.mark.parametrize(
    "good_url",
    [
        "redis://localhost",
        "valkey://localhost:6380/2",
        "rediss://user:p%40ss@host:6380/0",
        "valkeys://host",
        "unix:///run/redis.sock",
        "redis+sentinel://one:26379,two/shop/2",
        "valkey+sentinel://[::1]:26379/shop",
        "redis+cluster://:p%40ss@one:7000,two:7001?max_connections=20",
        "rediss+cluster://one",
        "valkeys+cluster://one",
    ],
)
def test_every_form_that_is_documented_can_be_read(good_url: str) -> None:
    refuse_bad_url(good_url)
