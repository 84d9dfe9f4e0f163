"""When connections to our own server end, in a time that takes none."""

import asyncio
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from bff.settings import Settings
from bff.web.gateway import load_gateway
from bff.web.hosts.behind import Scope, Send
from bff.web.hosts.http1.protocol import Connection
from bff.web.hosts.http1.service import Service, Writer
from tests.support.fake_time import run_in_fake_time
from tests.support.gateway.http1 import EchoApp, PiecewiseTransport
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


class WaitingTransport(PiecewiseTransport):
    """One of a real socket; what was written to it waits to go out."""

    def __init__(self, loop: asyncio.AbstractEventLoop, raw: socket.socket) -> None:
        super().__init__(loop)
        self.holds = True
        self._raw = raw

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._raw if name == "socket" else super().get_extra_info(name, default)


@pytest.mark.parametrize(("is_lost", "resets"), [(False, True), (True, False)])
def test_closing_connection_whose_client_does_not_read_the_rest_is_reset(
    is_lost: bool, resets: bool
) -> None:
    """An end in good order would make what has gone out of an HTTP/1.0 body look whole."""

    async def scene(raw: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        writer = Writer(WaitingTransport(loop, raw), loop)
        writer.transport.close()
        if is_lost:  # its descriptor may be another connection's by now
            writer.lose()
        writer.abort()
        lingers, seconds = struct.unpack(
            "ii", raw.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        )
        assert (bool(lingers), seconds) == (resets, 0)

    with socket.socket() as raw:
        asyncio.run(scene(raw))
