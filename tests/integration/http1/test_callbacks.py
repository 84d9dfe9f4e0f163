"""What our own server does in the callbacks that bring a request and its replies."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bff.settings import Settings
from bff.web.gateway import load_gateway
from bff.web.hosts.http1.protocol import Connection
from bff.web.hosts.http1.service import Service
from tests.integration.http1.test_garbage import Behind
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.gateway.http1 import PiecewiseTransport
from tests.support.gateway.http1_server import ANN, GET, HIT, project
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import held

THREE = """
endpoint: GET /three
steps:
  a: {call: shop.get_user, with: {id: 1}}
  b: {call: shop.get_user, with: {id: 2}}
  c: {call: shop.get_user, with: {id: 3}}
response: {names: "${[a.firstName, b.firstName, c.firstName]}"}
"""
GET_THREE = b"GET /three HTTP/1.1\r\nHost: a\r\n\r\n"


@asynccontextmanager
async def connected(folder: Path) -> AsyncIterator[PiecewiseTransport]:
    """A client's connection to the project in this folder."""
    gateway = load_gateway(folder, Settings(log_level="error"))
    await gateway.open()
    loop = asyncio.get_running_loop()
    service = Service(gateway, Behind(), gateway.settings, loop)
    connection, transport = Connection(service), PiecewiseTransport(loop)
    transport.set_protocol(connection)
    connection.connection_made(transport)
    try:
        yield transport
    finally:
        service.wheel.stop()
        transport.close()
        await gateway.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_BUDGET_SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def answered(transport: PiecewiseTransport, data: bytes) -> None:
    transport.written = b""
    transport.bring(data)
    await until(lambda: b"\r\n\r\n" in transport.written)


def test_reply_of_memory_goes_out_and_a_call_on_a_known_connection_too(tmp_path: Path) -> None:
    """Nobody runs the loop between the request and what is looked at."""

    async def scene(upstream: WireServer) -> None:
        async with connected(project(tmp_path, upstream)) as transport:
            await answered(transport, HIT)
            transport.written = b""
            transport.bring(HIT)
            assert transport.written.startswith(b"HTTP/1.1 200 OK\r\n")
            await answered(transport, GET)
            sent, tasks = len(upstream.requests), asyncio.all_tasks()
            transport.bring(GET)
            upstream.wait_for_requests(sent + 1)  # of its own threads: the loop stands still
            assert asyncio.all_tasks() == tasks

    with WireServer(ANN) as upstream:
        asyncio.run(scene(upstream))


def test_steps_take_no_task_beside_that_of_their_request(tmp_path: Path) -> None:
    gate = threading.Event()
    gate.set()

    async def scene(upstream: WireServer) -> None:
        service = SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)
        folder = write_project(tmp_path, {"three": THREE}, services={"shop": service})
        async with connected(folder) as transport:
            await answered(transport, GET_THREE)  # the connections are there from now on
            gate.clear()
            tasks = asyncio.all_tasks()
            transport.written = b""
            transport.bring(GET_THREE)
            await until(lambda: len(upstream.requests) == 6)
            assert len(asyncio.all_tasks() - tasks) == 1
            gate.set()
            await until(lambda: b'["Ann","Ann","Ann"]' in transport.written)

    with WireServer(held(gate, ANN)) as upstream:
        asyncio.run(scene(upstream))
