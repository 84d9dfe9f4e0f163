"""A worker's link: its metrics arrive, its questions are answered, and nobody hangs."""

import asyncio
import re
import socket

import pytest

from bff.cli.serving.metrics.collector import MetricsCollector
from bff.cli.serving.metrics.link import (
    MetricsLink,
)
from bff.telemetry.metrics.definitions.process import WORKER_SILENCE
from bff.telemetry.metrics.definitions.screens import STEP_CALLS
from bff.telemetry.metrics.exposition import Rendition
from bff.telemetry.metrics.families import Metrics
from tests.support.telemetry.metrics_workers import (
    TEXT,
    calls,
    until,
    worker_of,
)


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
