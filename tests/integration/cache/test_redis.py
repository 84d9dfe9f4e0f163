"""The payload cache over a real Redis: what workers share, and values that nobody should trust."""

import asyncio
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bff.cache.entries import Entry
from bff.cache.shared.envelope import MAX_VALUE_BYTES
from bff.cache.shared.store import open_store
from tests.support.cache.payload_runs import FAILURE, Runs, degraded, payload
from tests.support.cache.worker import (
    NAMESPACE,
    TTL,
    Worker,
    entry_bytes,
    job,
    plant,
    policy,
    small,
)
from tests.support.redis.server import RedisServer

pytestmark = pytest.mark.usefixtures("hear_the_cache")


# ---------------------------------------------------------------------------- sharing


def test_what_one_worker_produced_is_a_hit_in_another(server: RedisServer) -> None:
    async def test() -> None:
        async with Worker(server.url) as one:
            result = await one.cache.get(job("k", Runs(payload(b"[1]", tv=b"[2]"))))
        async with Worker(server.url) as other:
            runs = Runs()
            found = await other.cache.get(job("k", runs))
            assert result.entry is not None
            assert found.entry is not None
            assert (found.how, found.outcome, runs.count) == ("hit", None, 0)
            assert (found.entry.body, found.entry.views) == (b"[1]", {"tv": b"[2]"})
            assert found.entry.expires_at == result.entry.expires_at
            assert other.cache.lookup("k") is found.entry

    asyncio.run(test())


def test_followers_of_a_flight_that_found_the_payload_in_redis_are_hits(
    server: RedisServer,
) -> None:
    async def test() -> None:
        plant(server, "k", entry_bytes())
        async with Worker(server.url) as worker:
            runs = Runs()
            callers = (worker.cache.get(job("k", runs)) for _ in range(5))
            assert [result.how for result in await asyncio.gather(*callers)] == ["hit"] * 5
            assert runs.count == 0

    asyncio.run(test())


def test_an_entry_from_redis_expires_when_it_always_would(server: RedisServer) -> None:
    async def test() -> None:
        now = time.time()
        async with Worker(server.url, now) as one:
            await one.expect("miss", "k")
        async with Worker(server.url, now + TTL - 1) as other:
            await other.expect("hit", "k")
            assert other.cache.lookup("k") is not None
            other.clock.now += 1
            assert other.cache.lookup("k") is None
            await other.expect("miss", "k")

    asyncio.run(test())


def test_redis_holds_our_own_bytes_under_our_prefix_and_only_as_long_as_they_are_good(
    server: RedisServer,
) -> None:
    async def test() -> None:
        async with Worker(server.url) as worker:
            await worker.cache.get(job("k", Runs(), policy(2.5)))

    asyncio.run(test())
    assert server.all_keys() == [b"bff:3:k"]
    with server.client() as client:
        assert client.get("bff:3:k")[:4] == b"bff\x03"
        assert 1500 < client.pttl("bff:3:k") <= 3000


@pytest.mark.parametrize("outcome", [degraded(), FAILURE], ids=["degraded", "failure"])
def test_what_is_not_a_complete_payload_is_never_stored(server: RedisServer, outcome: Any) -> None:
    async def test() -> None:
        async with Worker(server.url) as worker:
            await worker.cache.get(job("k", Runs(outcome)))

    asyncio.run(test())
    assert server.all_keys() == []


def test_a_redis_with_a_password_is_used_and_a_wrong_password_is_no_redis() -> None:
    with RedisServer("--requirepass", "open sesame") as server:

        async def test() -> None:
            url = server.url.replace("//", "//:open%20sesame@")
            for status in ("miss", "hit"):
                async with Worker(url) as worker:
                    await worker.expect(status, "k")
            async with Worker(server.url.replace("//", "//:wrong@")) as worker:
                await worker.expect("miss", "k")

        asyncio.run(test())


def test_without_a_url_there_is_no_store() -> None:
    assert open_store(None, NAMESPACE, purged=print, missed=print) is None


def test_an_entry_that_nobody_would_read_back_is_not_written(server: RedisServer) -> None:
    async def test() -> None:
        async with Worker(server.url) as worker:
            large = Entry("k", bytes(MAX_VALUE_BYTES), {}, time.time(), TTL, time.time())
            assert not worker.store.put(large, TTL, worker.store.own_lease("k"))

    asyncio.run(test())


def test_closing_finishes_the_writes_that_wait(server: RedisServer) -> None:
    async def test() -> None:
        async with Worker(server.url) as worker:
            assert all(
                worker.store.put(small(f"k{number}"), TTL, worker.store.own_lease("k"))
                for number in range(100)
            )

    asyncio.run(test())
    assert len(server.all_keys()) == 100


def test_other_keys_in_the_same_redis_are_left_alone(server: RedisServer) -> None:
    async def test() -> None:
        with Redis(port=server.port) as client:
            client.set("theirs", "1")
        async with Worker(server.url) as worker:
            await worker.expect("miss", "k")

    asyncio.run(test())
    assert server.all_keys() == [b"bff:3:k", b"theirs"]


# ---------------------------------------------------------------------------- untrusted values


class Planted:
    """What a pickle can do when somebody loads it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (lambda: b"not ours at all, but long enough to have a head " * 3, "not bff's"),
        (lambda: entry_bytes("another"), "another key's"),
        (lambda: entry_bytes()[:-1], "damaged"),
        (lambda: entry_bytes()[:-1] + b"!", "damaged"),
        (lambda: bytes(MAX_VALUE_BYTES + 2), "too large"),
        (lambda: entry_bytes(stored_at=time.time() + 3600), None),
        (lambda: entry_bytes(stored_at=time.time() - TTL - 1), None),
        (lambda: entry_bytes(ttl=TTL + 1), None),
    ],
    ids=[
        "foreign", "another-key", "truncated", "damaged", "too-large", "from-the-future", "expired",
        "good-for-longer-than-declared",
    ],
)  # fmt: skip
def test_a_planted_value_is_a_miss_and_is_told_once(
    server: RedisServer,
    caplog: pytest.LogCaptureFixture,
    value: Callable[[], bytes],
    why: str | None,
) -> None:
    async def test() -> None:
        async with Worker(server.url) as worker:
            for key in ("k", "k2"):
                plant(server, key, value())
            await worker.expect("miss", "k")
            if why is not None:
                await worker.expect("miss", "k2")

    asyncio.run(test())
    told = (
        [] if why is None else [f"a value in Redis is {why}: it counts as a miss (reported once)"]
    )
    assert [record.getMessage() for record in caplog.records] == told


def test_of_a_planted_value_no_more_is_read_than_the_bound(server: RedisServer) -> None:
    async def test() -> None:
        with server.client() as client:
            client.setrange("bff:3:k", 8 * MAX_VALUE_BYTES, b"x")
            sent = client.info("stats")["total_net_output_bytes"]
            async with Worker(server.url) as worker:
                await worker.expect("miss", "k")
            assert client.info("stats")["total_net_output_bytes"] - sent < 2 * MAX_VALUE_BYTES

    asyncio.run(test())


def test_a_planted_pickle_is_never_loaded(server: RedisServer, tmp_path: Path) -> None:
    target = tmp_path / "made by the pickle"
    bomb = pickle.dumps(Planted(target))

    async def test() -> None:
        async with Worker(server.url) as worker:
            for number, value in enumerate((bomb, b"!" + bomb)):
                plant(server, f"k{number}", value)
                await worker.expect("miss", f"k{number}")

    asyncio.run(test())
    assert not target.exists()
    pickle.loads(bomb)
    assert target.exists()  # it would have


def test_a_planted_value_is_replaced_by_the_right_one(server: RedisServer) -> None:
    async def test() -> None:
        plant(server, "k", b"not ours")
        for status in ("miss", "hit"):
            async with Worker(server.url) as worker:
                await worker.expect(status, "k")

    asyncio.run(test())


def test_a_key_of_another_type_is_a_miss_and_no_outage(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        with server.client() as client:
            for number in range(10):
                client.rpush(f"bff:3:k{number}", "a list")
        async with Worker(server.url) as worker:
            for number in range(10):
                await worker.expect("miss", f"k{number}")
            plant(server, "good", entry_bytes("good", body=b"[2]"))
            await worker.expect("hit", "good", b"[2]")

    asyncio.run(test())
    assert len(caplog.records) == 1
    assert "WRONGTYPE" in caplog.records[0].getMessage()
