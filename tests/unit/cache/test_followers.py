"""Those who wait for another's flight: for how long, and what they do then. In fake time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bff.cache.cache import Cache
from bff.cache.engine_results import payload_result
from bff.cache.results import CacheResult, Run, RunResult
from bff.deadline import Deadline
from bff.engine.values.freshness import Freshness
from bff.engine.values.results import CompositionResult
from tests.support.cache.memory_caches import WINDOWS, memory_cache
from tests.support.cache.payload_runs import FAILURE, NOT_FOUND, degraded, payload, payload_with
from tests.support.cache.worker import job
from tests.support.fake_time import Clock, run_in_fake_time

SLOW, QUICK = payload(b'"slow"'), payload(b'"quick"')


class Slow:
    """Runs that take one time after the other, and are told how long they may."""

    def __init__(self, *takes: tuple[float, CompositionResult]) -> None:
        self._takes = iter(takes)
        self.began: list[tuple[float, float]] = []  # when, and the seconds that were left

    async def __call__(self, deadline: Deadline) -> RunResult:
        self.began.append((now(), round(deadline.seconds_left(), 6)))
        seconds, outcome = next(self._takes)
        await asyncio.sleep(seconds)
        return payload_result(outcome, "public")


def now() -> float:
    """Seconds since the test began."""
    return round(asyncio.get_running_loop().time() - 1000.0, 6)


async def ask(
    cache: Cache, run: Run, *, at: float = 0.0, deadline: float = 5.0
) -> tuple[float, str, bytes | None]:
    """When the answer came, how, and what it was."""
    await asyncio.sleep(at)
    served: CacheResult = await cache.get(job("k", run, WINDOWS, deadline))
    made = served.outcome if served.entry is None else served.entry
    return now(), served.how, getattr(made, "body", None)


def in_fake_time(test: Callable[[Cache, Clock], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = Clock()
        await test(memory_cache(clock), clock)

    run_in_fake_time(main())


def test_follower_waits_two_seconds_and_then_flies_with_what_time_is_left() -> None:
    async def test(cache: Cache, _: Clock) -> None:
        slow = Slow((4.0, SLOW), (0.5, QUICK))
        leader, follower = await asyncio.gather(ask(cache, slow), ask(cache, slow, at=1.0))
        assert slow.began == [(0.0, 5.0), (3.0, 3.0)]
        assert follower == (3.5, "miss", b'"quick"')
        assert leader == (4.0, "miss", b'"slow"')

    in_fake_time(test)


def test_follower_with_little_time_keeps_half_of_it_for_a_flight_of_its_own() -> None:
    async def test(cache: Cache, _: Clock) -> None:
        slow = Slow((4.0, SLOW), (0.25, QUICK))
        _, follower = await asyncio.gather(ask(cache, slow), ask(cache, slow, deadline=1.0))
        assert slow.began[1] == (0.5, 0.5)
        assert follower == (0.75, "miss", b'"quick"')

    in_fake_time(test)


def test_followers_who_are_late_share_one_second_flight() -> None:
    async def test(cache: Cache, _: Clock) -> None:
        slow = Slow((4.5, SLOW), (1.0, QUICK))
        callers = [ask(cache, slow), *(ask(cache, slow) for _ in range(20))]
        leader, second, *others = await asyncio.gather(*callers)
        assert len(slow.began) == 2
        assert second == (3.0, "miss", b'"quick"')
        assert others == [(3.0, "collapsed", b'"quick"')] * 19
        assert leader[1] == "miss"

    in_fake_time(test)


def test_follower_is_served_when_the_flight_lands_in_time() -> None:
    async def test(cache: Cache, _: Clock) -> None:
        slow = Slow((1.9, SLOW))
        both = await asyncio.gather(ask(cache, slow), ask(cache, slow))
        assert both == [(1.9, "miss", b'"slow"'), (1.9, "collapsed", b'"slow"')]

    in_fake_time(test)


def test_leader_that_leaves_does_not_shorten_the_flight_of_its_follower() -> None:
    async def test(cache: Cache, _: Clock) -> None:
        slow = Slow((1.5, SLOW))
        leader = asyncio.create_task(ask(cache, slow))
        follower = asyncio.create_task(ask(cache, slow))
        await asyncio.sleep(0.5)
        leader.cancel()
        assert await follower == (1.5, "collapsed", b'"slow"')

    in_fake_time(test)


def test_flight_that_fails_after_a_later_one_has_landed_leaves_its_value_alone() -> None:
    async def test(cache: Cache, clock: Clock) -> None:
        for late in (FAILURE, degraded()):
            first = Slow((0.0, payload(b'"old"')))
            await ask(cache, first)
            clock.now += 45.0  # good where making it anew fails
            slow = Slow((4.0, late), (0.5, QUICK))
            leader, follower = await asyncio.gather(ask(cache, slow), ask(cache, slow))
            assert follower[1:] == ("miss", b'"quick"')
            assert leader[1:] == ("collapsed", b'"quick"')
            entry = cache.lookup("k")
            assert entry is not None
            assert entry.body == b'"quick"'
            clock.now += 100.0

    in_fake_time(test)


def test_degraded_flight_that_lands_after_a_complete_one_is_not_kept_in_its_place() -> None:
    async def test(cache: Cache, _: Clock) -> None:
        slow = Slow((4.0, degraded()), (0.5, QUICK))
        await asyncio.gather(ask(cache, slow), ask(cache, slow))
        entry = cache.lookup("k")
        assert entry is not None
        assert (entry.body, entry.flaw) == (b'"quick"', None)

    in_fake_time(test)


@pytest.mark.parametrize(
    "before",
    [
        payload_with(tags=frozenset({"a"})),
        payload_with(Freshness(0.0), frozenset({"a"})),
        payload_with(Freshness(is_private=True), frozenset({"a"})),
        payload_with(tags=None),
        degraded()._replace(tags=frozenset({"a"})),
        NOT_FOUND,
        FAILURE,
    ],
    ids=["stored", "no-store", "private", "too many tags", "degraded", "404", "trouble"],
)
def test_caller_after_a_purge_gets_nothing_of_a_flight_from_before_it(
    before: CompositionResult,
) -> None:
    async def test(cache: Cache, clock: Clock) -> None:
        slow = Slow((1.0, before), (0.5, QUICK))
        leader = asyncio.create_task(ask(cache, slow))
        await asyncio.sleep(0.3)
        clock.now += 0.3
        await cache.purge(("a",))
        clock.now += 0.1
        followers = await asyncio.gather(*(ask(cache, slow) for _ in range(3)))
        assert [body for _, _, body in followers] == [QUICK.body] * 3
        assert len(slow.began) == 2
        await leader

    in_fake_time(test)


def test_caller_before_any_purge_shares_what_is_not_stored() -> None:
    async def test(cache: Cache, _: Clock) -> None:
        await cache.purge(("a",))
        slow = Slow((1.0, degraded()))
        _, follower = await asyncio.gather(ask(cache, slow), ask(cache, slow))
        assert follower == (1.0, "collapsed", degraded().body)

    in_fake_time(test)
