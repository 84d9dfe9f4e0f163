"""A loop that is held, and a collection of garbage, are seen by how long they hold others up."""

import asyncio
import gc
import time
from bisect import bisect_left

import pytest
import uvloop

from bff.telemetry.metrics.definitions.process import COLLECTIONS, LONGEST_LOOP_LAG, LOOP_LAG
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.process_watch import LOOK_SECONDS, ProcessWatch

HELD_SECONDS = 0.3


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_loop_that_is_held_is_as_late(run) -> None:  # type: ignore[no-untyped-def]
    metrics = Metrics()

    async def main() -> float:
        began = time.perf_counter()
        watch = ProcessWatch(asyncio.get_running_loop(), metrics)
        time.sleep(LOOK_SECONDS + HELD_SECONDS)  # noqa: ASYNC251  (holds the loop, as it is to)
        await asyncio.sleep(0.01)
        watch.stop()
        return time.perf_counter() - began - LOOK_SECONDS

    held = run(main())
    (cell,) = metrics.histogram(LOOP_LAG).series.values()
    assert sum(cell[:-1]) == 1
    assert cell[bisect_left(LOOP_LAG.bounds, cell[-1])] == 1
    longest = metrics.gauge(LONGEST_LOOP_LAG)
    longest.read_all()
    assert longest.at()[0] == pytest.approx(cell[-1])
    assert HELD_SECONDS - 0.01 < cell[-1] <= held


def test_loop_without_work_is_hardly_late() -> None:
    metrics = Metrics()

    async def main() -> float:
        began = time.perf_counter()
        watch = ProcessWatch(asyncio.get_running_loop(), metrics)
        await asyncio.sleep(LOOK_SECONDS + 0.05)
        watch.stop()
        return time.perf_counter() - began - LOOK_SECONDS

    late = asyncio.run(main())
    (cell,) = metrics.histogram(LOOP_LAG).series.values()
    assert sum(cell[:-1]) == 1
    assert cell[-1] <= late


def test_collections_count_by_generation_until_the_watch_stops() -> None:
    metrics = Metrics()

    async def main() -> None:
        gc.disable()
        watch = ProcessWatch(asyncio.get_running_loop(), metrics)
        gc.collect(0)
        gc.collect()
        gc.collect()
        other = ProcessWatch(asyncio.get_running_loop(), Metrics())
        watch.abandon()  # as a forked child does
        gc.collect()
        watch.stop()
        other.stop()
        gc.enable()

    asyncio.run(main())
    series = metrics.histogram(COLLECTIONS).series
    assert {labels: sum(cell[:-1]) for labels, cell in series.items()} == {("0",): 1, ("2",): 2}
    assert series[("2",)][-1] > 0
