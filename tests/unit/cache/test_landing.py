"""What becomes of a run's result, by what it is and by what is there beside it."""

import asyncio
import math

import pytest

from bff.cache.entries import FAILING_SECONDS, Entry
from bff.cache.freshness import Verdict
from bff.cache.landing import (
    Forget,
    Landing,
    PassOn,
    ServeNewer,
    ServeOlder,
    Store,
    StoreDegraded,
    decide_landing,
    entry_of,
)
from bff.cache.results import RunResult
from bff.engine.values.freshness import Freshness
from tests.support.cache.payload_runs import Runs
from tests.support.cache.worker import job, policy

FRESH, STALE, IF_ERROR, MISS = Verdict
NEW = Entry("k", b"new", {}, 1000.0, 30.0, 999.0)
OLD = Entry("k", b"old", {}, 900.0, 30.0, 899.0)
COMPLETE, TROUBLE = RunResult("made", b"new"), RunResult("failed", failed=True)


@pytest.mark.parametrize(
    ("result", "entry", "older", "verdict", "was_purged", "landing"),
    [
        (COMPLETE, NEW, None, MISS, False, Store(NEW)),
        (COMPLETE, NEW, OLD, IF_ERROR, False, Store(NEW)),
        (COMPLETE, NEW, None, MISS, True, PassOn(NEW)),
        (COMPLETE, NEW, OLD, STALE, True, PassOn(NEW)),
        (COMPLETE, None, None, MISS, False, Forget()),
        (COMPLETE, None, OLD, IF_ERROR, False, Forget()),
        (TROUBLE, None, None, MISS, False, PassOn(None)),
        (TROUBLE, None, OLD, FRESH, False, ServeNewer(OLD)),
        (TROUBLE, None, OLD, STALE, False, ServeOlder(OLD)),
        (TROUBLE, None, OLD, IF_ERROR, False, ServeOlder(OLD)),
        (TROUBLE, None, OLD, MISS, False, PassOn(None)),
        (TROUBLE, NEW, None, MISS, False, StoreDegraded(NEW)),
        (TROUBLE, NEW, OLD, IF_ERROR, False, ServeOlder(OLD)),
        (TROUBLE, NEW, OLD, IF_ERROR, True, ServeOlder(OLD)),
        (TROUBLE, NEW, None, MISS, True, PassOn(None)),
    ],
)
def test_result_lands(
    result: RunResult,
    entry: Entry | None,
    older: Entry | None,
    verdict: Verdict,
    was_purged: bool,
    landing: Landing,
) -> None:
    assert decide_landing(result, entry, older, verdict, was_purged=was_purged) == landing


@pytest.mark.parametrize(
    ("result", "chance", "ttl"),
    [
        (RunResult(1, b"x"), 0.0, 30.0),
        (RunResult(1, b"x"), 0.5, 28.5),
        (RunResult(1, b"x"), math.nextafter(1, 0), pytest.approx(27.0)),
        (RunResult(1, b"x", freshness=Freshness(7.0)), 0.5, 7.0),
        (RunResult(1, b"x", freshness=Freshness(31.0)), 0.0, 30.0),
        (RunResult(1, b"x", failed=True), 0.0, FAILING_SECONDS),
        (RunResult(1, b"x", failed=True, freshness=Freshness(0.5)), 0.0, 0.5),
        (RunResult(1), 0.0, None),
        (RunResult(1, b"x", freshness=Freshness(0.0)), 0.0, None),
    ],
)
def test_entry_of_a_result_is_good_for_the_shortest_of_its_times(
    result: RunResult, chance: float, ttl: float | None
) -> None:
    async def test() -> None:
        one = job("k", Runs(), policy(30.0))
        made = entry_of(result, one, began_at=990.0, now=1000.0, chance=chance)
        assert (None if made is None else made.ttl_seconds) == ttl

    asyncio.run(test())


def test_entry_counts_as_observed_when_its_oldest_part_was() -> None:
    async def test() -> None:
        one = job("k", Runs())
        for observed_at, began_at in ((950.0, 950.0), (995.0, 990.0)):
            result = RunResult(1, b"x", freshness=Freshness(observed_at=observed_at))
            made = entry_of(result, one, began_at=990.0, now=1000.0, chance=0.0)
            assert made is not None
            assert made.observed_at == began_at

    asyncio.run(test())
