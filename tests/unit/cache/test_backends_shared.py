"""A cache over a store of bytes that knows neither leads nor tags: a dict for a backend."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bff.cache.cache import Cache
from bff.cache.entries import Entry
from bff.cache.results import CacheResult
from bff.cache.shared.envelope import decode, encode
from bff.cache.shared.store import EntryStore
from bff.cache.shared.store_clients import StoreClient
from tests.support.cache.memory_caches import WINDOWS, land_all, run_quietly
from tests.support.cache.payload_runs import FAILURE, NOT_FOUND, Runs, payload, payload_with
from tests.support.cache.worker import TTL, job
from tests.support.fake_time import Clock

OLD, NEW = b'"old"', b'"new"'


class Bytes(dict[str, bytes]):
    """A backend."""

    def set(self, key: str, value: bytes, timeout: int) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)

    def entry(self) -> Entry | None:
        value = self.get("k")
        return None if value is None else decode(value, "k")


class Worker:
    """A cache over the backend; what another worker stored is there already."""

    def __init__(self, held: bytes | None = OLD) -> None:
        self.clock = Clock()
        self.backend = Bytes()
        if held is not None:
            at = self.clock()
            self.backend["k"] = encode(Entry("k", held, {}, at, TTL, at))
        self.cache = Cache(
            lambda **told: EntryStore(StoreClient(self.backend), clock=self.clock, **told),
            clock=self.clock,
            dice=lambda: 0.0,
        )

    async def ask(self, runs: Runs, **wish: bool) -> CacheResult:
        return await self.cache.get(job("k", runs, WINDOWS), **wish)


def at_work(test: Callable[[Worker], Awaitable[None]], held: bytes | None = OLD) -> None:
    async def main() -> None:
        worker = Worker(held)
        await test(worker)
        await worker.cache.close()

    run_quietly(main)


def body(served: CacheResult) -> bytes | None:
    return None if served.entry is None else served.entry.body


def test_what_another_worker_stored_is_a_hit_and_then_in_memory() -> None:
    async def test(worker: Worker) -> None:
        runs = Runs()
        served = await worker.ask(runs)
        assert (served.how, body(served), runs.count) == ("hit", OLD, 0)
        assert worker.cache.lookup("k") is served.entry

    at_work(test)


def test_what_another_worker_stored_is_served_stale_and_made_anew() -> None:
    async def test(worker: Worker) -> None:
        worker.clock.now += TTL
        runs = Runs(payload(NEW))
        served = await worker.ask(runs)
        assert (served.how, body(served), runs.count) == ("stale", OLD, 0)
        await asyncio.wait_for(runs.started.wait(), 5)
        await land_all()
        again = await worker.ask(runs)
        assert (again.how, body(again), runs.count) == ("hit", NEW, 1)

    at_work(test)


def test_what_another_worker_stored_stands_in_for_trouble() -> None:
    async def test(worker: Worker) -> None:
        worker.clock.now += TTL + 30
        runs = Runs(FAILURE)
        for _ in range(2):
            served = await worker.ask(runs)
            assert (served.how, body(served), served.outcome) == ("error", OLD, FAILURE)
        assert runs.count == 1

    at_work(test)


def test_who_wants_nothing_stale_gets_what_is_made_anew_though_the_store_has_some() -> None:
    async def test(worker: Worker) -> None:
        worker.clock.now += TTL
        served = await worker.ask(Runs(payload(NEW)), accepts_stale=False)
        assert (served.how, body(served)) == ("miss", NEW)

    at_work(test)


def test_answer_that_is_a_failure_ends_what_the_store_has() -> None:
    async def test(worker: Worker) -> None:
        worker.clock.now += TTL + 30
        served = await worker.ask(Runs(NOT_FOUND))
        assert (served.how, served.entry, served.outcome) == ("miss", None, NOT_FOUND)
        await worker.cache.close()
        assert worker.backend == {}

    at_work(test)


def test_trouble_leaves_what_the_store_has() -> None:
    async def test(worker: Worker) -> None:
        worker.clock.now += TTL + 30
        await worker.ask(Runs(FAILURE))
        await worker.cache.close()
        entry = worker.backend.entry()
        assert entry is not None
        assert entry.body == OLD

    at_work(test)


@pytest.mark.parametrize(("tags", "held"), [(frozenset(), True), (frozenset({"a"}), False)])
def test_what_has_tags_is_not_given_to_a_store_that_can_not_purge_it(
    tags: frozenset[str], held: bool
) -> None:
    async def test(worker: Worker) -> None:
        served = await worker.ask(Runs(payload_with(tags=tags)))
        assert (served.how, served.stored) == ("miss", held)
        assert (worker.cache.lookup("k") is not None) is held
        await worker.cache.close()
        assert ("k" in worker.backend) is held

    at_work(test, None)
