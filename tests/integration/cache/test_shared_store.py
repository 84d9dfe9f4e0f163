"""The store for keys, scripts and messages, over real servers and their troubles."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from bff.redis.health import store_breaker
from bff.redis.store import MAX_VALUE_BYTES, WAITING, Script, SharedStore, StoreDown
from tests.support.cache.worker import eventually
from tests.support.fake_time import Clock
from tests.support.redis.server import RedisServer
from tests.support.redis.slow_redis import Between
from tests.support.redis.topologies import Cluster, Watched

CALM_SECONDS = 2.0
ADD = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


def with_store(url: str, test: Callable[[SharedStore], Awaitable[None]], **options: Any) -> None:
    """Run the test with a store, which is closed at the end."""

    async def run() -> None:
        store = SharedStore(url, use="tests", **{"seconds": CALM_SECONDS, **options})
        try:
            await test(store)
        finally:
            await store.close()

    asyncio.run(run())


async def keys_and_messages_work(store: SharedStore) -> None:
    await store.set("{a}key", b"value", seconds=60)
    assert await store.get("{a}key") == b"value"
    assert await store.delete("{a}key") is True
    assert await store.delete("{a}key") is False
    assert await store.get("{a}key") is None
    assert await store.run(ADD, ("{a}number",), (2,)) == 2
    heard: list[bytes] = []
    subscription = store.subscribe("channel", heard.append, lambda: None)
    await eventually(lambda: subscription.hears)
    await store.publish("channel", b"news")
    await eventually(lambda: heard == [b"news"])


def test_one_server_a_cluster_and_a_watched_master_do_the_same(server: RedisServer) -> None:
    with_store(server.url, keys_and_messages_work)
    with Cluster() as cluster:
        with_store(cluster.url, keys_and_messages_work)
    with Watched() as watched:
        with_store(watched.url, keys_and_messages_work)


def test_a_script_that_redis_forgot_is_sent_anew(server: RedisServer) -> None:
    async def test(store: SharedStore) -> None:
        for number in (1, 2):
            assert await store.run(ADD, ("forgotten",), (1,)) == number
            with server.client() as client:
                client.script_flush()

    with_store(server.url, test)


def test_a_value_ends_with_its_seconds_and_a_planted_one_is_read_to_a_bound(
    server: RedisServer,
) -> None:
    async def test(store: SharedStore) -> None:
        await store.set("short", b"1", seconds=0.5)
        with server.client() as client:
            assert 0 < client.pttl("short") <= 500
            client.set("planted", b"x" * (MAX_VALUE_BYTES + 1))
        value = await store.get("planted")
        assert value is not None
        assert len(value) == MAX_VALUE_BYTES

    with_store(server.url, test)


def test_a_late_or_cancelled_answer_reaches_nobody(server: RedisServer) -> None:
    """The next command gets its own answer, on a connection of its own."""

    async def test() -> None:
        async with Between(server) as between:
            store = SharedStore(between.url, use="tests", seconds=0.2)
            await store.set("mine", b"mine")
            await store.set("other", b"other")
            between.delay_seconds = 0.3
            with pytest.raises(StoreDown):
                await store.get("other")
            cancelled = asyncio.ensure_future(store.get("other"))
            await asyncio.sleep(0.01)
            cancelled.cancel()
            between.delay_seconds = 0.0
            for _ in range(5):
                assert await store.get("mine") == b"mine"
            await store.close()

    asyncio.run(test())


def test_a_server_that_is_away_is_left_alone_and_found_again(server: RedisServer) -> None:
    clock = Clock(0.0)

    async def test(store: SharedStore) -> None:
        await store.set("before", b"1")
        server.stop()
        try:
            for _ in range(6):
                with pytest.raises(StoreDown):
                    await store.get("before")
            with pytest.raises(StoreDown, match="left alone"):
                await store.get("before")
        finally:
            server.start()
        clock.now += 10
        assert await store.get("before") is None

    with_store(server.url, test, breaker=store_breaker(clock))


def test_a_server_that_hangs_costs_no_more_than_the_time_of_a_command(server: RedisServer) -> None:
    async def test(store: SharedStore) -> None:
        loop = asyncio.get_running_loop()
        server.pause()
        try:
            began = loop.time()
            answers = await asyncio.gather(
                *(store.get("any") for _ in range(200)), return_exceptions=True
            )
            took = loop.time() - began
        finally:
            server.resume()
        assert all(isinstance(answer, StoreDown) for answer in answers)
        assert took < 1.0  # one round of 0.075 s, and a busy machine

    with_store(server.url, test, seconds=0.075)


def test_what_redis_refuses_is_trouble_but_no_reason_to_leave_it_alone(server: RedisServer) -> None:
    async def test(store: SharedStore) -> None:
        await store.set("text", b"no number")
        for _ in range(10):
            with pytest.raises(StoreDown, match="ResponseError"):
                await store.run(ADD, ("text",), (1,))
        assert await store.get("text") == b"no number"

    with_store(server.url, test)


def test_more_than_may_wait_fail_at_once(server: RedisServer) -> None:
    async def test(store: SharedStore) -> None:
        answers = await asyncio.gather(
            *(store.run(ADD, ("many",), (1,)) for _ in range(WAITING + 100)),
            return_exceptions=True,
        )
        refused = [answer for answer in answers if isinstance(answer, StoreDown)]
        assert 0 < len(refused) < 100
        assert await store.run(ADD, ("many",), (0,)) == len(answers) - len(refused)

    with_store(server.url, test)


def test_a_subscription_listens_again_after_a_restart_and_says_what_it_may_have_missed(
    server: RedisServer,
) -> None:
    async def test(store: SharedStore) -> None:
        heard: list[bytes] = []
        missed: list[None] = []
        subscription = store.subscribe("news", heard.append, lambda: missed.append(None))
        await eventually(lambda: subscription.hears)
        server.stop()
        await eventually(lambda: not subscription.hears)
        server.start()
        await eventually(lambda: subscription.hears)
        assert len(missed) == 2
        await store.publish("news", b"again")
        await eventually(lambda: heard == [b"again"])

    with_store(server.url, test, breaker=store_breaker(Clock(0.0)))
