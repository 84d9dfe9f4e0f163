"""Every bound of the cache is a bound, by what the process holds: memory, threads, log lines."""

import asyncio
import gc
import logging
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bff.cache.cache import Cache
from bff.cache.entries import Entry
from bff.cache.memory import MemoryLayer
from bff.cache.shared.owed_purges import OwedTags
from bff.cache.shared.store import EntryStore
from bff.cache.shared.store_clients import StoreClient
from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    Degradation,
    StepTiming,
)
from bff.plan.model.caching import EVERYTHING, MOST_TAGS
from bff.web.compositions.variants import Variant
from bff.web.http.replies import SharedHeaders
from tests.support.cache.memory_caches import WINDOWS, memory_cache, run_quietly
from tests.support.cache.payload_runs import FAILURE, Runs, degraded, payload, payload_with
from tests.support.cache.worker import job
from tests.support.fake_time import Clock

MIB = 1024 * 1024
BOUND = 4 * MIB


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """What was allocated since, and is still there, in bytes."""
    gc.collect()
    tracemalloc.start()

    def held() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    yield held
    tracemalloc.stop()


def plain(number: int) -> Entry:
    return Entry(f"{number:040x}", bytes(2000), {}, 1000.0, 30.0, 1000.0)


def tagged(number: int) -> Entry:
    tags = frozenset(f"product:{number}-{tag}" for tag in range(100))
    return replace_tags(plain(number), tags)


def replace_tags(entry: Entry, tags: frozenset[str]) -> Entry:
    return Entry(
        entry.key, entry.body, entry.views, entry.stored_at, entry.ttl_seconds,
        entry.observed_at, tags,
    )  # fmt: skip


def with_views(number: int) -> Entry:
    views = {f"view{view}-{number}": b'"%d"' % view for view in range(30)}
    return Entry(f"{number:040x}", b"{}", views, 1000.0, 30.0, 1000.0)


def empty(number: int) -> Entry:
    return Entry(f"{number:040x}", b"", {}, 1000.0, 30.0, 1000.0)


@pytest.mark.parametrize("make", [plain, tagged, with_views, empty])
def test_memory_holds_no_more_than_its_bound_of_any_kind_of_entry(
    make: Callable[[int], Entry], traced: Callable[[], int]
) -> None:
    memory = MemoryLayer(BOUND)
    for number in range(6000):
        memory.put(make(number))
    assert BOUND / 8 < traced() <= 1.1 * BOUND
    assert memory.size_bytes <= BOUND


def test_memory_holds_no_more_than_its_bound_of_finished_replies(
    traced: Callable[[], int],
) -> None:
    memory = MemoryLayer(BOUND)
    standing = SharedHeaders([(b"cache-control", b"public, max-age=30"), (b"vary", b"any")])
    for number in range(1000):
        entry = plain(number)
        memory.put(entry)
        for form in range(20):
            entry.keep((f"?fields=f{form}-{number}", "identity"), Variant(b'"%d"' % form, standing))
    assert BOUND / 8 < traced() <= 1.1 * BOUND


def big_failure() -> CompositionFailure:
    failures = tuple(
        Degradation(f"step{n}", "timeout", "http_response_timeout", None, "x" * 2000)
        for n in range(40)
    )
    timings = tuple(StepTiming(f"step{n}", 0.1 * n, 0.3 * n, 1, "failed") for n in range(40))
    return replace(FAILURE, failures=failures, timings=timings, detail="y" * 20_000)


def big_degraded(number: int) -> CompositionPayload:
    return degraded(b"%d" % number * 20_000)._replace(
        degraded=big_failure().failures, timings=big_failure().timings
    )


@pytest.mark.parametrize("kind", ["failed", "degraded"])
def test_failures_beside_older_entries_stay_within_the_bound_of_memory(
    kind: str, traced: Callable[[], int]
) -> None:
    async def test() -> None:
        clock = Clock()
        cache = memory_cache(clock, BOUND)
        for number in range(3000):
            await cache.get(job(f"k{number}", Runs(payload(b"old")), WINDOWS))
        clock.now += 45.0
        stood_in = 0
        for number in range(3000):
            trouble = big_failure() if kind == "failed" else big_degraded(number)
            for _ in range(2):  # the second is told of the first one's trouble
                served = await cache.get(job(f"k{number}", Runs(trouble), WINDOWS))
                stood_in += served.how == "error"
        assert stood_in >= 400
        assert traced() <= 1.1 * BOUND

    run_quietly(test)


def test_degraded_payloads_stay_within_the_bound_of_memory(traced: Callable[[], int]) -> None:
    async def test() -> None:
        cache = memory_cache(Clock(), BOUND)
        for number in range(1000):
            await cache.get(job(f"k{number}", Runs(big_degraded(number % 10)), WINDOWS))
        assert traced() <= 1.1 * BOUND

    run_quietly(test)


# ---------------------------------------------------------------------------- tags


def test_payload_with_more_tags_than_the_bound_is_not_stored_and_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        cache = memory_cache(Clock())
        outcome = payload_with(tags=None)._replace(untagged=f"more than {MOST_TAGS} tags")
        for number in range(3):
            served = await cache.get(job(f"k{number}", Runs(outcome)))
            assert (served.how, served.stored, served.outcome) == ("miss", False, outcome)

    caplog.set_level(logging.WARNING)
    run_quietly(test)
    assert caplog.messages == ["home: not stored: more than 1000 tags"]


def test_purge_of_more_tags_than_the_bound_purges_everything_that_has_tags(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        cache = memory_cache(Clock())
        for key, tags in (("tagged", frozenset({"a"})), ("plain", frozenset[str]())):
            await cache.get(job(key, Runs(payload_with(tags=tags))))
        await cache.purge([f"t{number}" for number in range(MOST_TAGS)])
        assert cache.lookup("tagged") is not None
        for _ in range(2):
            await cache.purge([f"t{number}" for number in range(MOST_TAGS + 1)])
        assert cache.lookup("tagged") is None
        assert cache.lookup("plain") is not None

    caplog.set_level(logging.WARNING)
    run_quietly(test)
    assert caplog.messages == [
        "a purge of more than 1000 tags, or of unknown ones: everything that has tags is purged"
    ]


def test_owed_tags_beyond_the_bound_become_everything_that_has_tags() -> None:
    owed = OwedTags()
    owed.add([f"t{number}" for number in range(10_000)])
    assert len(owed) == 10_000
    assert str(owed) == "10000 tags"
    owed.add(["one more"])
    assert str(owed) == "everything that has tags"
    owed.add(["another"])
    assert owed.take() == EVERYTHING
    assert len(owed) == 0


def test_owed_tags_are_taken_in_parts_the_oldest_first() -> None:
    owed = OwedTags()
    owed.add([f"t{number}" for number in range(150)])
    first = owed.take()
    owed.add(first)
    assert first == tuple(f"t{number}" for number in range(100))
    assert owed.take() == tuple(f"t{n}" for n in (*range(100, 150), *range(50)))


# ---------------------------------------------------------------------------- threads


def test_closing_ends_every_thread_that_the_cache_began() -> None:
    class Backend(dict[str, bytes]):
        def set(self, key: str, value: bytes, timeout: int) -> None:
            self[key] = value

        def delete(self, key: str) -> None:
            self.pop(key, None)

    async def test() -> None:
        before = set(threading.enumerate())
        cache = Cache(lambda **news: EntryStore(StoreClient(Backend()), **news))
        await asyncio.gather(*(cache.get(job(f"k{number}", Runs())) for number in range(20)))
        await cache.purge(["t"])
        assert len(set(threading.enumerate()) - before) >= 3
        await cache.close()
        assert set(threading.enumerate()) - before == set()

    run_quietly(test)
