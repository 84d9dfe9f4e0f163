"""What a gateway does with what it has seen and not yet reported, at its end and in a fork."""

import asyncio
from pathlib import Path
from typing import Any

from bff.plan.compiler.project import compile_project
from bff.settings import Settings
from bff.web.gateway import Gateway
from bff.web.http.requests import GatewayRequest
from bff.web.logs.log import Log
from bff.web.serving.pending import Pending
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.telemetry.collector import Collector
from tests.support.telemetry.log_streams import Recorder
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

ANN = '{"id": 1, "first_name": "Ann"}'


async def asked_twice(folder: Path, upstream: WireServer, log: Log, traces: Any) -> Gateway:
    """A gateway that has answered twice; every step is slow to it, and spans wait long."""
    service = SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)
    project = compile_project(write_project(folder, {"home": HOME}, services={"shop": service}))
    gateway = Gateway(project, Settings(traces=traces, slow_seconds=1e-9), log=log)
    await gateway.open()
    for _ in range(2):
        request = GatewayRequest("GET", "/home/1", "", [(b"host", b"here")])
        gateway.locate(request)
        begun = gateway.begin(request)
        assert isinstance(begun, Pending)
        gateway.telemetry.ended(request, await begun.reply(), 0)
    return gateway


def counts_of_faults(stream: Recorder, log: Log) -> list[int]:
    log.flush()
    return [each["bff.count"] for each in stream.lines() if each["event.dataset"] == "bff.fault"]


def test_at_its_end_it_reports_the_faults_that_it_has_only_counted(tmp_path: Path) -> None:
    stream = Recorder()
    log = Log("info", stream)

    async def main() -> None:
        with WireServer(json_reply(ANN)) as upstream:
            gateway = await asked_twice(tmp_path, upstream, log, None)
            assert counts_of_faults(stream, log) == [1]
            await gateway.close()

    asyncio.run(main())
    assert counts_of_faults(stream, log) == [1, 1]


def test_in_a_fork_it_leaves_faults_and_spans_to_the_parent(tmp_path: Path) -> None:
    stream = Recorder()
    log = Log("info", stream)

    async def main() -> None:
        with WireServer(json_reply(ANN)) as upstream, Collector() as collector:
            settings = collector.settings(OTEL_BSP_SCHEDULE_DELAY="600000")
            gateway = await asked_twice(tmp_path, upstream, log, settings)
            assert gateway.tracer is not None
            assert gateway.tracer.sender.waiting == 2
            resources = gateway.abandon()
            assert gateway.tracer.sender.waiting == 0
            await gateway.open()  # as the child does, which asks again
            await gateway.close()
            assert not collector.spans
            assert resources is not None
            await resources.close()

    asyncio.run(main())
    assert counts_of_faults(stream, log) == [1]
