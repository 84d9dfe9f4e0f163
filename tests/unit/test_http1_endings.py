"""When connections to our own server end, in a time that takes none."""

import asyncio
from pathlib import Path

from bff.settings import Settings
from bff.web.gateway import load_gateway
from bff.web.hosts.behind import Scope, Send
from bff.web.hosts.http1.protocol import Connection
from bff.web.hosts.http1.service import Service
from tests.support.fake_time import run_in_fake_time
from tests.support.http1 import EchoApp, PiecewiseTransport
from tests.support.projects import write_project

HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}


class SlowApp(EchoApp):
    """Begins a reply at once, and ends it five seconds later."""

    async def __call__(self, scope: Scope, send: Send) -> None:
        await send({**HEAD})
        await send({"type": "http.response.body", "body": b"o", "more_body": True})
        await asyncio.sleep(5)
        await send({"type": "http.response.body", "body": b"k"})


def test_connection_whose_reply_began_before_the_server_closes_ends_soon_after_it(
    tmp_path: Path,
) -> None:
    """That reply's head had no `Connection: close` yet."""

    async def scene() -> None:
        gateway = load_gateway(write_project(tmp_path), Settings(log_level="error"))
        await gateway.open()
        loop = asyncio.get_running_loop()
        service = Service(gateway, SlowApp(), gateway.settings, loop)
        connection, transport = Connection(service), PiecewiseTransport(loop)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        began = loop.time()
        transport.bring(b"GET /raw/x HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(1)
        await service.close_connections(60)
        assert b"connection: close" not in transport.written
        assert transport.written.endswith(b"ok")
        assert 5 <= loop.time() - began < 8
        service.wheel.stop()
        await gateway.close()

    run_in_fake_time(scene())
