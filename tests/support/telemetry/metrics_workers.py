"""Workers that send metrics to a collector, without processes: on socket pairs, on one loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bff.cli.serving.metrics.collector import MetricsCollector
from bff.cli.serving.metrics.link import (
    MetricsLink,
)
from bff.telemetry.metrics.definitions.screens import STEP_CALLS
from bff.telemetry.metrics.exposition import Rendition
from bff.telemetry.metrics.families import Metrics

TEXT = Rendition()
SECONDS = 20.0


async def until(has_come: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            if await has_come():
                return
            await asyncio.sleep(0.005)


async def calls(collector: MetricsCollector) -> float:
    """The calls of all workers, as they are rendered."""
    text = (await collector.render(TEXT)).decode()
    lines = [each for each in text.splitlines() if each.startswith("bff_step_calls_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


class Worker:
    """What counts, at its end of the link."""

    def __init__(self, link: MetricsLink, metrics: Metrics) -> None:
        self.link = link
        self.calls = metrics.counter(STEP_CALLS).at("home", "user")


@asynccontextmanager
async def worker_of(collector: MetricsCollector) -> AsyncIterator[Worker]:
    metrics = Metrics()
    link = await MetricsLink.open(metrics, collector.link())
    try:
        yield Worker(link, metrics)
    finally:
        await link.close()


@asynccontextmanager
async def raw_worker(
    collector: MetricsCollector,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A worker that sends what it likes."""
    reader, writer = await asyncio.open_unix_connection(sock=collector.link())
    try:
        yield reader, writer
    finally:
        writer.close()
