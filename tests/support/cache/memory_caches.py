"""A worker's cache without anything to share, on clocks that the test moves."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from bff.cache.cache import Cache
from bff.cache.results import CacheResult, Job
from bff.telemetry.metrics.families import Metrics
from tests.support.cache.payload_runs import Runs
from tests.support.cache.worker import job, policy
from tests.support.fake_time import Clock

WINDOWS = policy(stale=10.0, stale_if_error=60.0)


def run_quietly(test: Callable[[], Awaitable[None]]) -> None:
    """Run the test's coroutine; whatever asyncio has to complain of fails it."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        await test()
        gc.collect()

    asyncio.run(watched())
    assert complaints == []


def memory_cache(
    clock: Callable[[], float] = time.time,
    memory_bytes: int = 1 << 20,
    dice: float = 0.0,
    metrics: Metrics | None = None,
) -> Cache:
    """A cache with nothing to share."""
    return Cache(
        lambda **_: None,
        memory_bytes=memory_bytes,
        clock=clock,
        dice=lambda: dice,
        metrics=metrics,
    )


async def start(count: int, cache: Cache, runs: Runs) -> list[asyncio.Task[CacheResult]]:
    """So many callers of one key, all of them waiting for one run behind a closed gate."""
    runs.gate.clear()
    callers = [asyncio.create_task(cache.get(job("k", runs))) for _ in range(count)]
    await runs.started.wait()  # the flight's task was made by the first, and runs after the last
    return callers


async def leave(caller: asyncio.Task[CacheResult]) -> None:
    """The caller goes away."""
    caller.cancel()
    with suppress(asyncio.CancelledError):
        await caller


async def land_all() -> None:
    """Until everything under way has come to its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # what is told of them then


class Turns:
    """A key's value through time: `ask` at moments of the clock, with what its runs come to."""

    def __init__(self, runs: Runs) -> None:
        self.clock = Clock()
        self.cache = memory_cache(self.clock)
        self.runs = runs
        self.job: Job = job("k", runs, WINDOWS)

    async def ask(self, later: float = 0.0) -> tuple[str, bytes | None]:
        """How it came so many seconds later, and what it is; all that it began then ends."""
        self.clock.now += later
        served = await self.cache.get(self.job)
        await land_all()
        return served.how, None if served.entry is None else served.entry.body
