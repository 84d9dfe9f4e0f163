"""Purges that Redis was not told of: told in parts, one at a time, off the readers' threads."""

import asyncio
import gc
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from bff.breaker import Breaker
from bff.cache.shared.store import EntryStore
from bff.cache.shared.store_clients import StoreClient
from bff.redis.health import FAILURES, store_breaker
from tests.support.cache.memory_caches import run_quietly
from tests.support.cache.worker import eventually
from tests.support.fake_time import Clock
from tests.support.steady_clock import steady_seconds


class Server(StoreClient):
    """A server that is up or down; a purge waits at the gate, and fails where a tag is refused."""

    def __init__(self) -> None:
        self.is_up = True
        self.gate = threading.Event()
        self.gate.set()
        self.refused: set[str] = set()
        self.told: list[Sequence[str]] = []
        self.at_once = self.most_at_once = self.failed = 0
        self.threads: set[str] = set()
        self.news: Callable[[], None] = lambda: None
        self.reads = 0

    def listen(self, purged: Any, missed: Callable[[], None]) -> None:
        self.news = missed

    def read(self, key: str) -> tuple[None, None]:
        self.reads += 1
        self.gate.wait(5)
        if not self.is_up:
            raise ConnectionError("down")
        return None, None

    def purge(self, tags: Sequence[str]) -> int:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        self.threads.add(threading.current_thread().name)
        self.gate.wait(5)
        self.at_once -= 1
        if not self.is_up or self.refused.intersection(tags):
            self.failed += 1
            raise ConnectionError("down")
        self.told.append(list(tags))
        return len(tags)


def with_store(test: Callable[[Server, EntryStore, Breaker], Awaitable[None]]) -> None:
    async def main() -> None:
        server, breaker = Server(), store_breaker(Clock(0.0))
        store = EntryStore(server, breaker=breaker, seconds=0.05)
        await test(server, store, breaker)
        server.gate.set()
        await store.close()

    run_quietly(main)


async def owe(server: Server, store: EntryStore, tags: Sequence[str]) -> None:
    """Return when the server has failed what it was asked, the first of what is owed included: a
    purge goes on after its caller has its answer."""
    server.is_up = False
    for tag in tags:
        assert await store.purge([tag]) is None
    tries = min(len(tags), FAILURES) + 1
    await eventually(lambda: server.failed >= tries and not store._owed._making)
    server.is_up = True


def test_what_is_owed_is_told_in_parts_one_at_a_time_and_off_the_readers() -> None:
    async def test(server: Server, store: EntryStore, _: Breaker) -> None:
        tags = [f"t{number}" for number in range(800)]
        await owe(server, store, tags)
        server.most_at_once = 0
        for _number in range(20):
            await store.look("k")
        await eventually(lambda: not store._owed)
        assert sorted(tag for part in server.told for tag in part) == sorted(tags)
        assert max(map(len, server.told)) == 100
        assert server.most_at_once == 1
        assert {name.rpartition("_")[0] for name in server.threads} == {"bff-cache-purge"}

    with_store(test)


def test_a_part_that_fails_is_owed_again_and_the_others_are_told_once() -> None:
    async def test(server: Server, store: EntryStore, _: Breaker) -> None:
        server.refused = {"t7"}
        tags = [f"t{number}" for number in range(240)]
        await owe(server, store, tags)
        server.news()  # or it waits for its pauses
        await eventually(lambda: sum(map(len, server.told)) >= 140)
        server.refused = set()
        server.news()
        await eventually(lambda: not store._owed)
        assert sorted(tag for part in server.told for tag in part) == sorted(tags)

    with_store(test)


def test_what_is_owed_is_told_without_any_request() -> None:
    async def test(server: Server, store: EntryStore, _: Breaker) -> None:
        await owe(server, store, ["t"])
        await eventually(lambda: server.told == [["t"]])
        assert server.reads == 0

    with_store(test)


def test_what_is_owed_is_told_at_once_when_the_channel_of_purges_is_back() -> None:
    async def test(server: Server, store: EntryStore, _: Breaker) -> None:
        await owe(server, store, ["t"])
        assert server.told == []
        server.news()
        assert await eventually(lambda: server.told == [["t"]]) < 0.5  # the pause is 1 s

    with_store(test)


def test_what_is_owed_is_told_at_close_where_redis_answers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test(server: Server, store: EntryStore, _: Breaker) -> None:
        await owe(server, store, ["t", "u"])
        await store.close()
        assert server.told == [["t", "u"]]

    with_store(test)
    assert "purged, later than requested: 2 tags" in [each.getMessage() for each in caplog.records]


def test_what_can_not_be_told_at_close_holds_nobody_and_is_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)

    async def test(server: Server, store: EntryStore, _: Breaker) -> None:
        await owe(server, store, ["t", "u"])
        server.is_up = False
        began = steady_seconds()
        await store.close()
        assert steady_seconds() - began < 0.5
        assert server.told == []

    with_store(test)
    assert (
        caplog.records[0]
        .getMessage()
        .startswith("not purged in Redis, which does not answer: 2 tags")
    )


def test_purges_that_take_long_are_no_outage_and_end_all_the_same() -> None:
    async def test(server: Server, store: EntryStore, breaker: Breaker) -> None:
        server.gate.clear()
        for number in range(2 * FAILURES):
            assert await store.purge([f"t{number}"]) is None
        assert not breaker.is_open
        server.gate.set()
        await eventually(lambda: not store._owed)
        told = sorted(tag for part in server.told for tag in part)
        assert told == sorted(f"t{number}" for number in range(2 * FAILURES))

    with_store(test)


def test_purge_whose_caller_has_gone_is_made_all_the_same() -> None:
    async def test(server: Server, store: EntryStore, _: Breaker) -> None:
        server.gate.clear()
        callers = [asyncio.create_task(store.purge([f"t{n}"], 5.0)) for n in range(4)]
        await eventually(lambda: server.at_once == 2)
        for caller in callers:
            caller.cancel()
        server.gate.set()
        await eventually(lambda: len(server.told) == 4)

    with_store(test)


# ---------------------------------------------------------------------------- questions


def test_questions_that_nobody_waits_for_any_longer_are_not_asked() -> None:
    async def test(server: Server, store: EntryStore, _: Breaker) -> None:
        server.gate.clear()
        await asyncio.gather(*(store.look(f"k{number}") for number in range(100)))
        server.gate.set()
        store._questions.threads.shutdown()
        assert server.reads == 4  # one for each reader

    with_store(test)


def test_questions_whose_callers_have_gone_are_not_asked() -> None:
    async def test(server: Server, store: EntryStore, _: Breaker) -> None:
        server.gate.clear()
        callers = [asyncio.create_task(store.look(f"k{number}")) for number in range(100)]
        await eventually(lambda: server.reads == 4)
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        server.gate.set()
        store._questions.threads.shutdown()
        assert server.reads == 4

    with_store(test)


def test_answer_that_fails_after_everybody_has_gone_is_nothing_to_complain_of() -> None:
    async def test(server: Server, store: EntryStore, _: Breaker) -> None:
        server.gate.clear()
        server.is_up = False
        await asyncio.gather(*(store.look(f"k{number}") for number in range(3)))
        server.gate.set()
        store._questions.threads.shutdown()
        await asyncio.sleep(0.01)  # what the threads told the loop comes through
        gc.collect()

    with_store(test)
