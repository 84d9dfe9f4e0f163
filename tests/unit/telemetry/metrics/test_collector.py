"""The launcher's end: malformed frames, many workers, and those that end, die or hang."""

import asyncio
import gc
import logging
import os

import pytest

from bff.cli.serving.metrics.collector import MetricsCollector
from bff.cli.serving.metrics.link import (
    ASK,
    EACH_SECONDS,
    MOST_NUMBERS_BYTES,
    NUMBERS,
    MetricsLink,
    frame,
)
from bff.telemetry.metrics.definitions.process import WORKER_SILENCE
from bff.telemetry.metrics.definitions.screens import REQUESTS_IN_FLIGHT, STEP_CALLS
from bff.telemetry.metrics.families import Metrics
from tests.support.fake_time import Clock
from tests.support.telemetry.metrics_workers import (
    TEXT,
    calls,
    raw_worker,
    until,
    worker_of,
)


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        (frame(NUMBERS, b"no message"), "Expected `array`"),
        (frame(ASK, b"no question"), "a malformed question"),
        (frame(ASK, b"\x92\xa1\xff\xa1x"), "a malformed question"),
        (frame(7, b""), "a frame of kind 7"),
        ((MOST_NUMBERS_BYTES + 1).to_bytes(4, "big") + b"\0", "a frame of 8388609 bytes"),
    ],
    ids=["numbers", "question", "encoding", "kind", "too-long"],
)
def test_frame_that_is_none_ends_the_link_with_one_line_and_leaves_the_others(
    sent: bytes, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        collector = MetricsCollector(Metrics())
        async with worker_of(collector) as worker, raw_worker(collector) as (reader, writer):
            worker.calls[0] += 3
            writer.write(sent + b"more" * 1000)
            assert await reader.read() == b""  # closed
            assert await worker.link.render(TEXT) is not None
            assert await calls(collector) == 3

    with caplog.at_level(logging.WARNING, "bff"):
        asyncio.run(main())
    (line,) = caplog.messages
    assert line.startswith(f"a worker's metrics are ignored from now on: it sent {what}")


def test_project_of_a_hundred_thousand_steps_has_metrics() -> None:
    """Their names alone are more than a frame may hold."""
    steps = frozenset((f"{number:050}", f"{number:050}") for number in range(100_000))
    assert sum(len(name) + len(step) for name, step in steps) > MOST_NUMBERS_BYTES

    async def main() -> None:
        collector = MetricsCollector(Metrics())
        metrics = Metrics()
        metrics.retain({("composition", "step"): steps})
        metrics.counter(STEP_CALLS).at(*min(steps))[0] += 3
        link = await MetricsLink.open(metrics, collector.link())
        assert await link.render(TEXT) is not None
        assert await calls(collector) == 3
        await link.close()

    asyncio.run(main())


def tasks_that_are_held() -> int:
    gc.collect()
    return sum(isinstance(each, asyncio.Task) for each in gc.get_objects())


def test_hundreds_of_links_that_ended_leave_their_counts_and_no_descriptor_and_no_task() -> None:
    async def main() -> None:
        collector = MetricsCollector(Metrics())
        before, held_before = len(os.listdir("/dev/fd")), tasks_that_are_held()
        for _ in range(300):
            async with worker_of(collector) as worker:
                worker.calls[0] += 1
                assert await worker.link.render(TEXT) is not None

        async def have_ended() -> bool:
            return len(os.listdir("/dev/fd")) == before

        await until(have_ended)
        assert await calls(collector) == 300
        assert tasks_that_are_held() < held_before + 100

    asyncio.run(main())


def test_what_a_worker_has_at_work_ends_with_it() -> None:
    async def main() -> None:
        collector, metrics = MetricsCollector(Metrics()), Metrics()
        link = await MetricsLink.open(metrics, collector.link())
        metrics.gauge(REQUESTS_IN_FLIGHT).at("composition")[0] = 5.0
        shown = b'bff_requests_in_flight{kind="composition"} 5.0\n'
        assert shown in (await link.render(TEXT) or b"")
        await link.close()

        async def has_ended() -> bool:
            return b"bff_requests_in_flight" not in await collector.render(TEXT)

        await until(has_ended)

    asyncio.run(main())


def test_worker_that_is_killed_loses_a_second_at_most() -> None:
    assert EACH_SECONDS <= 1.0


def test_silence_is_that_of_the_worker_that_sent_nothing_for_longest_and_ends_with_it() -> None:
    async def main() -> None:
        own, clock = Metrics(), Clock()
        collector = MetricsCollector(own, clock)

        def silence() -> float:
            own.read_all()
            return own.gauge(WORKER_SILENCE).at()[0]

        assert silence() == 0.0
        async with worker_of(collector) as sends:
            async with worker_of(collector) as hangs:
                collector.link().close()  # one that only starts
                await hangs.link.render(TEXT)
                clock.now += 7.0
                sends.calls[0] += 1
                await sends.link.render(TEXT)
                assert silence() == 7.0

            async def has_ended() -> bool:
                return silence() == 0.0

            await until(has_ended)

    asyncio.run(main())


def test_worker_that_dies_in_a_frame_leaves_what_it_had_sent() -> None:
    async def main() -> None:
        collector = MetricsCollector(Metrics())
        async with worker_of(collector) as worker:
            worker.calls[0] += 3
            await worker.link.render(TEXT)
        async with raw_worker(collector) as (_, writer):
            writer.write(frame(NUMBERS, b"x" * 1000)[:500])

        async def has_come() -> bool:
            return await calls(collector) == 3

        await until(has_come)

    asyncio.run(main())
