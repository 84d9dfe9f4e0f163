"""A worker and the launcher, on a socket pair: what is counted arrives, and nobody hangs."""

import asyncio
import gc
import logging
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

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
from bff.telemetry.metrics.exposition import Rendition
from bff.telemetry.metrics.families import Metrics
from tests.support.fake_time import Clock

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


def test_every_worker_that_asks_gets_the_numbers_of_all() -> None:
    async def main() -> None:
        collector = MetricsCollector(Metrics())
        async with worker_of(collector) as first, worker_of(collector) as second:
            first.calls[0] += 3
            second.calls[0] += 4
            assert await first.link.render(TEXT) is not None
            body = await second.link.render(TEXT)
            assert body is not None
            assert b'bff_step_calls_total{composition="home",step="user"} 7.0\n' in body
            packed = await second.link.render(Rendition("openmetrics", "gzip"))
            assert packed is not None
            assert packed[:2] == b"\x1f\x8b"
            second.calls[0] += 1
            body = await second.link.render(TEXT)
            assert body is not None
            assert b'bff_step_calls_total{composition="home",step="user"} 8.0\n' in body

    asyncio.run(main())


def test_numbers_arrive_without_a_question_again_and_again_and_the_last_ones_at_the_end() -> None:
    async def main() -> None:
        collector, metrics = MetricsCollector(Metrics()), Metrics()
        streams = await asyncio.open_unix_connection(sock=collector.link())
        link = MetricsLink(metrics, *streams, each_seconds=0.01)
        counted = metrics.counter(STEP_CALLS).at("home", "user")

        async def have_come() -> bool:
            return await calls(collector) == counted[0]

        for _ in range(3):
            counted[0] += 1
            await until(have_come)
        counted[0] += 1
        await link.close()
        await until(have_come)

    asyncio.run(main())


def test_numbers_that_can_not_be_read_are_reported_once_and_end_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        def read() -> float:
            raise ZeroDivisionError

        collector, metrics = MetricsCollector(Metrics()), Metrics()
        metrics.gauge(WORKER_SILENCE).watch((), read)
        streams = await asyncio.open_unix_connection(sock=collector.link())
        link = MetricsLink(metrics, *streams, each_seconds=0.0)

        async def is_reported() -> bool:
            return bool(caplog.messages)

        await until(is_reported)
        await asyncio.sleep(0)
        assert caplog.messages == ["this worker's metrics are not sent any more"]
        assert await calls(collector) == 0
        await link.close()

    asyncio.run(main())


def test_equal_questions_at_once_are_answered_by_one_and_outlive_who_asked_first() -> None:
    async def main() -> None:
        collector = MetricsCollector(Metrics())
        async with worker_of(collector) as worker:
            asked = [asyncio.create_task(worker.link.render(TEXT)) for _ in range(100)]
            await asyncio.sleep(0)
            asked[0].cancel()
            bodies = await asyncio.gather(*asked[1:])
            assert len({id(body) for body in bodies}) == 1  # one answer, passed on

    asyncio.run(main())


def test_crowd_that_asks_the_launcher_costs_one_rendition_that_is_none_begun_before() -> None:
    async def main() -> None:
        metrics = Metrics()
        collector = MetricsCollector(metrics)
        cell = metrics.counter(STEP_CALLS).at("home", "user")
        first = asyncio.create_task(collector.render(TEXT))
        for _ in range(3):
            await asyncio.sleep(0)  # it has its numbers by now
        cell[0] = 7
        crowd = [asyncio.create_task(collector.render(TEXT)) for _ in range(30)]
        await asyncio.sleep(0)
        first.cancel()
        crowd.pop(0).cancel()  # it ends nothing for the others
        answers = await asyncio.gather(*crowd)
        assert len({id(each) for each in answers}) == 1
        assert await calls(collector) == 7
        assert re.findall(rb"bff_step_calls_total\{.*\} (\S+)", answers[0]) == [b"7.0"]

    asyncio.run(main())


def test_launcher_that_does_not_answer_costs_a_bounded_wait_and_bounded_memory() -> None:
    async def main() -> None:
        launcher, of_worker = socket.socketpair()
        metrics = Metrics()
        streams = await asyncio.open_unix_connection(sock=of_worker)
        link = MetricsLink(metrics, *streams, answer_seconds=0.05)
        with launcher:  # nothing reads there
            for number in range(20_000):
                metrics.counter(STEP_CALLS).at("home", "x" * 100 + str(number))
            for _ in range(3):
                assert await link.render(TEXT) is None
            assert streams[1].transport.get_write_buffer_size() < 1_000_000
        await link.close()

    asyncio.run(main())


def test_questions_have_no_answer_once_the_link_is_broken() -> None:
    async def main() -> None:
        launcher, of_worker = socket.socketpair()
        link = await MetricsLink.open(Metrics(), of_worker)
        asked = asyncio.create_task(link.render(TEXT))
        await asyncio.sleep(0)
        launcher.close()
        assert await asked is None
        assert await link.render(TEXT) is None
        await link.close()

    asyncio.run(main())


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
