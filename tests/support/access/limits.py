"""Limits as the compiler makes them, and workers that count for them over one Redis."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bff.limits.meters import Meters
from bff.limits.ports import Admitted, Meter, Verdict
from bff.plan.model.limits import Limit
from bff.redis.health import store_breaker
from bff.redis.store import SharedStore
from bff.telemetry.metrics.families import Metrics
from tests.support.fake_time import Clock

CALM_SECONDS = 2.0


def limit(**fields: Any) -> Limit:
    """A limit of a hundred requests that come back within a day, by address."""
    given: dict[str, Any] = {
        "name": "address",
        "by": "address",
        "key": None,
        "count": 100,
        "per_seconds": 86400,
        "counting": "leased",
        "without_redis": "local",
        "place": "",
        "digest": "tests",
    } | fields
    return Limit(**{"burst": given["count"], **given})


async def take(meter: Meter, key: str = "caller") -> Verdict:
    """Count one request, whether that takes waiting or not."""
    verdict = meter.take(key)
    return await verdict if isinstance(verdict, Awaitable) else verdict


async def admitted_of(meter: Meter, requests: int, key: str = "caller") -> int:
    """How many of so many requests at once are admitted."""
    verdicts = await asyncio.gather(*(take(meter, key) for _ in range(requests)))
    return sum(isinstance(verdict, Admitted) for verdict in verdicts)


def with_workers(
    url: str,
    counted: Limit,
    test: Callable[..., Awaitable[None]],
    workers: int = 1,
    *,
    seconds: float = CALM_SECONDS,
    metrics: Metrics | None = None,
) -> None:
    """Run the test with a meter of each worker; all are closed at the end. They count in
    `metrics`."""

    async def run() -> None:
        stores = [
            SharedStore(url, use="tests", seconds=seconds, breaker=store_breaker(Clock(0.0)))
            for _ in range(workers)
        ]
        books = [Meters(store, workers, metrics or Metrics()) for store in stores]
        try:
            await test(*(book.of(counted) for book in books))
        finally:
            for book in books:
                await book.close()
            for store in stores:
                await store.close()

    asyncio.run(run())
