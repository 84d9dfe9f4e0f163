"""The news of purges: in every worker's memory at once, and none that is missed does harm."""

import asyncio
import statistics
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bff.cache.redis.purge_channel import channel_name, message
from bff.cache.shared.store_clients import RedisStoreClient
from bff.redis.clients import KEY_PREFIX
from tests.support.cache.payload_runs import Runs
from tests.support.cache.worker import (
    NAMESPACE,
    SLACK_SECONDS,
    DeafClient,
    RunningClock,
    Worker,
    calm_worker,
    eventually,
    job,
    tag_index,
    tagged,
)
from tests.support.redis.server import RedisServer
from tests.support.steady_clock import steady_seconds

CHANNEL = channel_name(NAMESPACE)

pytestmark = pytest.mark.usefixtures("hear_the_cache")


def worker(server: RedisServer, **kind: object) -> Worker:
    return calm_worker(server.url, **kind)


async def fill(worker: Worker) -> None:
    """Two entries in the worker's memory, one of them with a tag."""
    await worker.hears_purges()
    await worker.cache.get(job("tagged", Runs(tagged(["t"]))))
    await worker.cache.get(job("plain", Runs()))
    await worker.writes_are_done()
    assert held(worker) == {"tagged", "plain"}


def held(worker: Worker) -> set[str]:
    return {key for key in ("tagged", "plain") if worker.cache.lookup(key) is not None}


def test_every_workers_memory_is_free_of_it_within_a_tenth_of_a_second(
    server: RedisServer,
) -> None:
    async def test() -> None:
        took = []
        async with worker(server) as one, worker(server) as two, worker(server) as three:
            await asyncio.gather(*(each.hears_purges() for each in (one, two, three)))
            for number in range(15):
                key = f"k{number}"
                await one.cache.get(job(key, Runs(tagged(["t"]))))
                await one.writes_are_done()
                for each in (two, three):
                    await each.expect("hit", key)
                began = steady_seconds()
                purging = asyncio.create_task(one.cache.purge(["t"]))
                await eventually(
                    lambda key=key: not any(w.cache.lookup(key) for w in (one, two, three))
                )
                took.append(steady_seconds() - began)
                assert await purging == 1
        median = statistics.median(took)
        print(f"purged everywhere: median {median * 1000:.1f} ms, most {max(took) * 1000:.1f} ms")
        assert median < 0.1
        assert max(took) < 0.1 + SLACK_SECONDS

    asyncio.run(test())


def test_a_purge_that_somebody_else_tells_of_is_heard(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as one:
            await fill(one)
            with server.client() as client:
                client.publish(CHANNEL, message(["t", "other"], time.time()))
            await eventually(lambda: held(one) == {"plain"})

    asyncio.run(test())


@pytest.mark.parametrize(
    "told", [b"", b"\x80\x04", b"[1]", b'["t"]', b"{}", b'["now",["t"]]', b"[1," * 5000]
)
def test_message_that_is_not_ours_is_ignored(
    server: RedisServer, told: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with worker(server) as one:
            await fill(one)
            with server.client() as client:
                client.publish(CHANNEL, told)
                client.publish(CHANNEL, message(["unknown"], time.time()))
                await eventually(lambda: bool(caplog.records))
                assert held(one) == {"tagged", "plain"}
                client.publish(CHANNEL, message(["t"], time.time()))
            await eventually(lambda: held(one) == {"plain"})

    asyncio.run(test())
    assert [record.getMessage() for record in caplog.records] == [
        "a message on the channel of purges is not bff's; it is ignored"
    ]


def test_a_purge_is_told_of_before_and_after_it_deletes(server: RedisServer) -> None:
    with server.client() as client:
        heard = client.pubsub(ignore_subscribe_messages=True)
        heard.subscribe(CHANNEL)
        assert heard.get_message(timeout=1) is None
        tag_index(client).add(["t"], "k", time.time() + 60)
        client.set(f"{KEY_PREFIX}k", b"x")
        with client.monitor() as monitor:
            redis = RedisStoreClient(server.url, NAMESPACE, seconds=1.0)
            assert redis.purge(["t"]) == 1
            redis.close()
            client.ping()
            done = []
            while (command := monitor.next_command()["command"].split()[0].upper()) != "PING":
                done.append(command)
    assert [each for each in done if each in ("PUBLISH", "UNLINK")] == [
        "PUBLISH", "UNLINK", "PUBLISH",
    ]  # fmt: skip


def test_a_lost_channel_drops_what_has_tags_and_keeps_what_has_none(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as one, worker(server) as other:
            await fill(one)
            await other.hears_purges()
            with server.client() as client:
                assert client.client_kill_filter(_type="pubsub") == 2
            took = await eventually(lambda: held(one) == {"plain"})
            print(f"a lost channel was noticed after {took * 1000:.0f} ms")
            await one.hears_purges()
            await one.expect("hit", "tagged")
            assert held(one) == {"tagged", "plain"}
            await other.hears_purges()
            await other.cache.purge(["t"])
            await eventually(lambda: held(one) == {"plain"})

    asyncio.run(test())


def test_a_channel_that_is_dead_without_telling_is_noticed(own_server: RedisServer) -> None:
    async def test() -> None:
        async with worker(own_server) as one:
            await fill(one)
            own_server.pause()
            try:
                took = await eventually(lambda: held(one) == {"plain"})
                assert not one.store.hears_purges
            finally:
                own_server.resume()
            print(f"a dead channel was noticed after {took:.2f} s")
            assert took < 2.5
            await one.hears_purges()

    asyncio.run(test())


def test_without_a_channel_what_has_tags_is_shared_but_not_held_in_memory(
    server: RedisServer,
) -> None:
    async def test() -> None:
        async with worker(server, client=DeafClient) as deaf:
            served = await deaf.cache.get(job("tagged", Runs(tagged(["t"]))))
            assert served.stored
            await deaf.cache.get(job("plain", Runs()))
            await deaf.writes_are_done()
            assert held(deaf) == {"plain"}
            for _ in range(2):
                await deaf.expect("hit", "tagged")  # from Redis, each time
            assert held(deaf) == {"plain"}
            async with worker(server) as other:
                await other.cache.purge(["t"])
            await deaf.expect("miss", "tagged")

    asyncio.run(test())


def test_a_worker_that_was_cut_off_serves_nothing_that_was_purged_meanwhile(
    own_server: RedisServer,
) -> None:
    async def test() -> None:
        async with worker(own_server) as one:
            await fill(one)
            own_server.stop()
            await eventually(lambda: held(one) == {"plain"})
            own_server.start()  # empty; whatever was purged, it knows nothing of it
            await one.hears_purges()
            one.pauses.now += 10
            await one.expect("miss", "tagged", b"[2]", tags=["t"])
            await one.expect("hit", "plain")

    asyncio.run(test())


def test_a_purge_that_redis_could_not_be_told_of_is_told_when_it_answers(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        hurt = Worker(own_server.url, clock=RunningClock())
        async with hurt as one, worker(own_server) as other:
            await other.hears_purges()
            await fill(one)
            own_server.pause()
            began = steady_seconds()
            assert await one.cache.purge(["t"]) is None
            took = steady_seconds() - began
            print(f"a purge during an outage took {took * 1000:.0f} ms")
            assert took < 0.1 + SLACK_SECONDS
            assert held(one) == {"plain"}  # here it is done at once
            for number in range(8):
                await one.expect("miss", f"k{number}")
            assert await one.cache.purge(["u"]) is None
            own_server.resume()
            one.pauses.now += 10
            await one.expect_something("k-after")
            # An attempt that the outage has swallowed ends after 5 s, and the next follows in 1 s.
            await eventually(lambda: b"bff:3:tagged" not in own_server.all_keys(), 15)
            await other.expect("miss", "tagged", b"[2]")
            await eventually(lambda: "purged, later than requested" in caplog.text)

    asyncio.run(test())


def test_closing_a_worker_does_not_wait_for_its_channel(server: RedisServer) -> None:
    async def test() -> None:
        async with worker(server) as one:
            await one.hears_purges()
            began = steady_seconds()
        took = steady_seconds() - began
        print(f"closing took {took * 1000:.0f} ms")
        assert took < 1 + SLACK_SECONDS

    asyncio.run(test())


@pytest.mark.parametrize("hears", [True, False], ids=["hears purges", "hears none"])
def test_redis_that_comes_back_from_a_snapshot_brings_nothing_purged_back(
    tmp_path: Path, hears: bool
) -> None:
    async def fill_and_purge(url: str) -> None:
        async with calm_worker(url) as one, Redis.from_url(url) as redis:
            await fill(one)
            await redis.save()
            assert await one.cache.purge(["t"], 2.0) == 1

    async def ask_again(url: str) -> None:
        client = {} if hears else {"client": DeafClient}
        async with calm_worker(url, **client) as two:
            if hears:
                await two.hears_purges()
            await two.expect("hit", "plain")
            await two.expect("miss", "tagged")

    with RedisServer("--dir", str(tmp_path), "--save", "3600 1") as server:
        asyncio.run(fill_and_purge(server.url))
        server.stop()
        server.start()
        asyncio.run(ask_again(server.url))
