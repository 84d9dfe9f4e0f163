"""What our own server does in the very callback that brought a request."""

import asyncio
from pathlib import Path

from bff.settings import Settings
from bff.web.gateway import load_gateway
from bff.web.hosts.http1.protocol import Connection
from bff.web.hosts.http1.service import Service
from tests.integration.test_http1_garbage import Behind
from tests.support.hosts import WAIT_BUDGET_SECONDS
from tests.support.http1 import PiecewiseTransport
from tests.support.http1_server import ANN, GET, HIT, project
from tests.support.wire import WireServer


def test_reply_of_memory_goes_out_and_a_call_on_a_known_connection_too(tmp_path: Path) -> None:
    """Nobody runs the loop between the request and what is looked at."""

    async def scene(upstream: WireServer) -> None:
        gateway = load_gateway(project(tmp_path, upstream), Settings(log_level="error"))
        await gateway.open()
        loop = asyncio.get_running_loop()
        service = Service(gateway, Behind(), gateway.settings, loop)
        connection, transport = Connection(service), PiecewiseTransport(loop)
        transport.set_protocol(connection)
        connection.connection_made(transport)

        async def first(data: bytes) -> None:
            transport.written = b""
            transport.bring(data)
            async with asyncio.timeout(WAIT_BUDGET_SECONDS):
                while b"\r\n\r\n" not in transport.written:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)

        try:
            await first(HIT)
            transport.written = b""
            transport.bring(HIT)
            assert transport.written.startswith(b"HTTP/1.1 200 OK\r\n")
            await first(GET)
            sent, tasks = len(upstream.requests), asyncio.all_tasks()
            transport.bring(GET)
            upstream.wait_for_requests(sent + 1)  # of its own threads: the loop stands still
            assert asyncio.all_tasks() == tasks
        finally:
            service.wheel.stop()
            transport.close()
            await gateway.close()

    with WireServer(ANN) as upstream:
        asyncio.run(scene(upstream))
