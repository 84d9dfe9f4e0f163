"""Purges by tags: what has one is forgotten, and what was begun before one is not kept."""

import asyncio
import tracemalloc

from bff.cache.cache import Cache
from bff.cache.entries import Entry
from bff.cache.purges import Purges
from bff.cache.redis.tag_index import REMEMBERED_SECONDS
from bff.cache.results import CacheResult
from bff.plan.model.caching import EVERYTHING
from tests.support.cache.memory_caches import Turns, memory_cache, run_quietly
from tests.support.cache.payload_runs import Runs, payload_with
from tests.support.cache.worker import job
from tests.support.fake_time import Clock

A, B = frozenset({"a"}), frozenset({"b"})


def entry(tags: frozenset[str], observed_at: float) -> Entry:
    return Entry("k", b"{}", {}, observed_at + 1.0, 30.0, observed_at, tags)


def test_entry_is_void_when_one_of_its_tags_was_purged_since_it_was_begun() -> None:
    purges = Purges()
    purges.note(["a", "c"], 1000.0)
    assert purges.was_purged(entry(A, 999.9))
    assert purges.was_purged(entry(A, 1000.0))
    assert purges.was_purged(entry(A | B, 999.9))
    assert not purges.was_purged(entry(A, 1000.1))
    assert not purges.was_purged(entry(B, 999.9))
    assert not purges.was_purged(entry(frozenset(), 0.0))


def test_latest_purge_of_a_tag_counts_in_whatever_order_they_are_heard_of() -> None:
    purges = Purges()
    purges.note(["a"], 1000.0)
    purges.note(["a"], 500.0)
    assert purges.was_purged(entry(A, 999.0))


def test_purges_are_forgotten_once_no_run_can_be_older() -> None:
    purges = Purges()
    purges.note(["a"], 1000.0)
    purges.note(["b"], 1001.0)
    many = [f"t{n}" for n in range(10_000)]
    purges.note(many, 1000.0 + REMEMBERED_SECONDS)
    assert not purges.was_purged(entry(A, 900.0))
    assert purges.was_purged(entry(B, 900.0))


def test_where_purges_may_have_gone_unheard_all_that_has_tags_and_was_here_is_void() -> None:
    purges = Purges()
    purges.note_unheard(1000.0)
    purges.note_unheard(500.0)
    assert purges.makes_void(entry(A, 0.0), held_since=999.9)
    assert purges.makes_void(entry(B, 0.0), held_since=1000.0)
    assert not purges.makes_void(entry(A, 0.0), held_since=1000.1)
    assert not purges.makes_void(entry(frozenset(), 0.0), held_since=0.0)
    assert not purges.was_purged(entry(A, 999.9))  # where the store has it still


def test_purge_of_everything_makes_all_that_has_tags_and_is_older_void() -> None:
    purges = Purges()
    purges.note(EVERYTHING, 1000.0)
    purges.note(EVERYTHING, 500.0)
    assert purges.was_purged(entry(A, 1000.0))
    assert not purges.was_purged(entry(A, 1000.1))
    assert not purges.was_purged(entry(frozenset(), 0.0))


def test_more_notes_than_the_bound_count_as_a_purge_of_everything_until_the_oldest() -> None:
    purges = Purges()
    purges.note(["a"], 1000.0)
    purges.note(["b"], 1001.0)
    for number in range(60):
        purges.note([f"t{number}-{n}" for n in range(1000)], 1002.0 + number / 100)
    assert len(purges) == 50_000
    assert purges.was_purged(entry(frozenset({"never purged"}), 1002.0))
    assert not purges.was_purged(entry(frozenset({"never purged"}), 1002.5))
    assert purges.was_purged(entry(frozenset({"t59-999"}), 1002.5))


def test_notes_take_no_more_memory_however_many_purges_there_are() -> None:
    """A note lasts a minute: what many purges leave is what those of the last minute left."""
    purges = Purges()

    def purge_for_an_hour(hour: int) -> int:
        for second in range(3600 * hour, 3600 * (hour + 1)):
            purges.note([f"t{second}-{number}" for number in range(10)], float(second))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first, second = purge_for_an_hour(1), purge_for_an_hour(2)
    finally:
        tracemalloc.stop()
    assert len(purges) == 600
    assert second - first < 20_000


def test_many_purges_within_a_minute_are_not_looked_through_at_each() -> None:
    looked_at = 0

    class Tag(str):
        """Tells of being put into a dict."""

        __slots__ = ()

        def __hash__(self) -> int:
            nonlocal looked_at
            looked_at += 1
            return super().__hash__()

    purges = Purges()
    for number in range(30_000):
        purges.note([Tag(number)], 1000.0)
    assert looked_at < 10 * 30_000


def test_purge_forgets_what_has_the_tag_and_nothing_else() -> None:
    async def test() -> None:
        cache = memory_cache(Clock())
        for key, tags in (("a", A), ("both", A | B), ("b", B), ("none", frozenset[str]())):
            await cache.get(job(key, Runs(payload_with(tags=tags))))
        assert await cache.purge(["a", "nobody's"]) == 0  # there is no store
        assert [key for key in ("a", "both", "b", "none") if cache.lookup(key)] == ["b", "none"]

    run_quietly(test)


async def purged_while_it_runs(cache: Cache, runs: Runs, clock: Clock) -> asyncio.Task[CacheResult]:
    """A caller whose tag was purged a second after its run began, and a second ago; the run waits
    behind the closed gate."""
    runs.gate.clear()
    waiting = asyncio.create_task(cache.get(job("k", runs)))
    await runs.started.wait()
    clock.now += 1.0
    await cache.purge(["a"])
    clock.now += 1.0
    return waiting


def test_run_that_began_before_a_purge_of_its_tag_goes_to_who_began_it_and_is_not_kept() -> None:
    async def test() -> None:
        clock = Clock()
        cache, runs = memory_cache(clock), Runs(payload_with(tags=A))
        waiting = await purged_while_it_runs(cache, runs, clock)
        runs.gate.set()
        served = await waiting
        assert (served.how, served.stored, served.entry is None) == ("miss", False, False)
        assert cache.lookup("k") is None
        assert (await cache.get(job("k", runs))).stored

    run_quietly(test)


def test_who_asks_after_a_purge_does_not_share_what_was_begun_before_it() -> None:
    """A client that has just written must see what it wrote."""

    async def test() -> None:
        clock = Clock()
        cache, runs = memory_cache(clock), Runs(payload_with(tags=A))
        before = await purged_while_it_runs(cache, runs, clock)
        after = [asyncio.create_task(cache.get(job("k", runs))) for _ in range(3)]
        await asyncio.sleep(0)
        runs.gate.set()
        served = await asyncio.gather(before, *after)
        assert [each.how for each in served] == ["miss", "miss", "collapsed", "collapsed"]
        assert [each.stored for each in served] == [False, True, True, True]
        assert runs.count == 2

    run_quietly(test)


def test_run_that_began_before_a_purge_of_another_tag_is_kept() -> None:
    async def test() -> None:
        clock = Clock()
        cache, runs = memory_cache(clock), Runs(payload_with(tags=A))
        runs.gate.clear()
        waiting = asyncio.create_task(cache.get(job("k", runs)))
        await runs.started.wait()
        await cache.purge(["b"])
        runs.gate.set()
        assert (await waiting).stored

    run_quietly(test)


def test_purged_value_is_not_served_stale_and_does_not_stand_in_for_trouble() -> None:
    async def test() -> None:
        turns = Turns(Runs(payload_with(tags=A)))
        await turns.ask()
        await turns.cache.purge(["a"])
        turns.runs.outcome = payload_with(tags=B)
        assert (await turns.ask(35.0))[0] == "miss"

    run_quietly(test)
