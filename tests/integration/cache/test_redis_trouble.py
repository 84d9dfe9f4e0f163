"""Trouble with Redis: requests go on, none waits 0.1 s longer, and it ends without our restart."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from redis.exceptions import ResponseError

from bff.cache.entries import Entry
from bff.cache.shared.store_clients import RedisStoreClient
from tests.support.cache.worker import (
    NAMESPACE,
    SLACK_SECONDS,
    TTL,
    Worker,
    entry_bytes,
    eventually,
    small,
)
from tests.support.ports import free_port
from tests.support.redis.server import RedisServer
from tests.support.steady_clock import steady_seconds

pytestmark = pytest.mark.usefixtures("hear_the_cache")


@pytest.mark.parametrize(
    ("break_it", "mend_it"),
    [(RedisServer.stop, RedisServer.start), (RedisServer.pause, RedisServer.resume)],
    ids=["stopped", "paused"],
)
def test_an_outage_costs_little_and_ends_without_a_restart_of_ours(
    own_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
    break_it: Callable[[RedisServer], None],
    mend_it: Callable[[RedisServer], None],
) -> None:
    async def test() -> None:
        async with Worker(own_server.url) as worker:
            await worker.expect("miss", "before")
            break_it(own_server)
            for number in range(8):
                await worker.expect("miss", f"k{number}")
            await worker.expect("hit", "before")  # memory is still there
            mend_it(own_server)
            await worker.expect_recovery(own_server)

    asyncio.run(test())
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert told[0].startswith("Redis fails (")
    assert told[1] == "Redis answers again"


def test_a_redis_that_is_not_there_at_the_start_is_used_once_it_is() -> None:
    async def test() -> None:
        server = RedisServer()
        async with Worker(server.url) as worker:
            for number in range(8):
                await worker.expect("miss", f"k{number}")
            with server:
                await worker.expect_recovery(server)

    asyncio.run(test())


def test_a_redis_started_again_between_two_requests_is_not_noticed(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with Worker(own_server.url) as worker:
            await worker.expect("miss", "before")
            own_server.stop()
            own_server.start()
            await worker.expect_recovery(own_server)

    asyncio.run(test())
    assert caplog.records == []


def test_after_five_failures_a_paused_redis_costs_nothing_until_the_next_probe(
    own_server: RedisServer,
) -> None:
    async def test() -> None:
        async with Worker(own_server.url) as worker:
            own_server.pause()
            for number in range(5):
                await worker.expect("miss", f"first{number}")
            began = steady_seconds()
            for number in range(50):
                await worker.expect("miss", f"then{number}")
            assert steady_seconds() - began < 0.1 + SLACK_SECONDS
            own_server.resume()

    asyncio.run(test())


def test_many_at_once_on_a_paused_redis_wait_no_longer_than_one(own_server: RedisServer) -> None:
    async def test() -> None:
        async with Worker(own_server.url) as worker:
            own_server.pause()
            await asyncio.gather(*(worker.expect("miss", f"k{number}") for number in range(40)))
            own_server.resume()
            await worker.expect_recovery(own_server)

    asyncio.run(test())


def test_writes_to_a_paused_redis_are_dropped_beyond_the_queue_and_hold_nobody(
    own_server: RedisServer,
) -> None:
    async def test() -> None:
        async with Worker(own_server.url) as worker:
            own_server.pause()
            began = steady_seconds()
            taken = [
                worker.store.put(small(f"k{n}"), TTL, worker.store.own_lease("k"))
                for n in range(300)
            ]
            assert steady_seconds() - began < 0.1
            assert taken == [True] * 256 + [False] * 44
            own_server.resume()

    asyncio.run(test())


def test_while_redis_fails_nothing_is_queued_for_it() -> None:
    async def test() -> None:
        async with Worker(f"redis://127.0.0.1:{free_port()}") as worker:
            for number in range(5):
                await worker.store.find(f"k{number}", lambda _: True, 1.0)
            assert not worker.store.put(small("k"), TTL, worker.store.own_lease("k"))

    asyncio.run(test())


def test_a_full_redis_refuses_and_nobody_minds(caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer("--maxmemory", "1", "--maxmemory-policy", "noeviction") as server:

        async def test() -> None:
            async with Worker(server.url) as worker:
                for number in range(10):
                    await worker.expect("miss", f"k{number}")
            async with Worker(server.url) as worker:
                await worker.expect("miss", "k0")

        asyncio.run(test())
        assert server.all_keys() == []
    assert "used memory > 'maxmemory'" in caplog.records[0].getMessage()


def test_a_full_redis_takes_entries_again_when_others_have_ended() -> None:
    with RedisServer("--maxmemory-policy", "noeviction") as server, server.client() as client:
        redis = RedisStoreClient(server.url, NAMESPACE, seconds=1.0)
        used = client.info("memory")["used_memory"]
        client.config_set("maxmemory", used + 2_000_000)

        def write(key: str) -> None:
            now = time.time()
            redis.write(
                Entry(key, bytes(100_000), {}, now, 1.0, now, frozenset({key})), 1.0, now + 1.0
            )

        def write_many() -> None:
            for number in range(40):
                write(f"k{number}")

        with pytest.raises(ResponseError, match="maxmemory"):
            write_many()

        def takes_some_again() -> bool:
            with suppress(ResponseError):
                write("again")
            return redis.read("again")[0] is not None

        asyncio.run(eventually(takes_some_again))
        redis.close()


# ---------------------------------------------------------------------------- what is no Redis


Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def stop_taking(listener: asyncio.Server) -> None:
    """Close a server to new connections; asyncio leaks those that are being made meanwhile."""
    await asyncio.sleep(0.05)
    listener.close()
    await asyncio.sleep(0.01)  # what was taken just now begins to talk


@asynccontextmanager
async def listening(conversation: Conversation, port: int = 0) -> AsyncIterator[asyncio.Server]:
    """A server that talks so on every connection, until the context is left."""
    talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            await conversation(reader, writer)
        writer.close()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks[asyncio.create_task(talk(reader, writer))] = writer

    listener = await asyncio.start_server(take, "127.0.0.1", port)
    try:
        yield listener
    finally:
        await stop_taking(listener)
        for task, writer in talks.items():
            task.cancel()
            writer.close()
        for writer in talks.values():
            with suppress(ConnectionError):
                await writer.wait_closed()
        await asyncio.gather(*talks, return_exceptions=True)


def url_of(listener: asyncio.Server) -> str:
    return f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


async def breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"$1000\r\nbff\x03 and no more")
    await writer.drain()


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"$100000\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def speaks_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    "conversation", [breaks_off, drips, speaks_http], ids=["breaks-off", "drips", "speaks-http"]
)
def test_a_redis_that_talks_nonsense_is_a_miss_in_time(conversation: Conversation) -> None:
    async def test() -> None:
        async with listening(conversation) as listener:
            async with Worker(url_of(listener)) as worker:
                for number in range(8):
                    await worker.expect("miss", f"k{number}")
                began = steady_seconds()
            assert steady_seconds() - began < 1 + SLACK_SECONDS  # nor does closing hang

    asyncio.run(test())


def test_connections_that_drip_on_do_not_stand_in_the_way_of_recovery() -> None:
    server = RedisServer()

    async def test() -> None:
        async with listening(drips, server.port) as listener, Worker(server.url) as worker:
            await asyncio.gather(*(worker.expect("miss", f"k{n}") for n in range(8)))
            await stop_taking(listener)  # the connections that it took go on
            await asyncio.to_thread(server.start)
            await worker.expect_recovery(server)

    try:
        asyncio.run(test())
    finally:
        server.stop()


def test_a_connection_that_gave_another_questions_answer_is_not_asked_again() -> None:
    asked_again = []

    async def is_out_of_step(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        has_erred = False
        while question := await reader.read(65536):
            asked_again.append(has_erred)
            has_erred = has_erred or b"GETRANGE" in question
            value = entry_bytes("another")
            writer.write(b"$%d\r\n%s\r\n" % (len(value), value) if has_erred else b"+OK\r\n")
            await writer.drain()

    async def test() -> None:
        async with listening(is_out_of_step) as listener, Worker(url_of(listener)) as worker:
            for number in range(3):
                await worker.expect("miss", f"k{number}")

    asyncio.run(test())
    assert len(asked_again) > 6
    assert not any(asked_again)


def test_a_port_where_nobody_listens_costs_nothing_to_speak_of() -> None:
    async def test() -> None:
        async with Worker(f"redis://127.0.0.1:{free_port()}") as worker:
            for number in range(3):
                await worker.expect("miss", f"k{number}")

    asyncio.run(test())
