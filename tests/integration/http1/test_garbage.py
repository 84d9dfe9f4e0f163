"""What a request leaves to Python's garbage collector in our own server: nothing."""

import asyncio
from pathlib import Path

import pytest

from bff.settings import Settings
from bff.web.gateway import Gateway, load_gateway
from bff.web.hosts.http1.protocol import Connection
from bff.web.hosts.http1.service import Service
from tests.integration.hosts.test_garbage import cycles_of
from tests.support.gateway.http1 import EchoApp, PiecewiseTransport
from tests.support.gateway.websockets import HANDSHAKE, ORIGIN, echo, switching
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import Exchange, Script, WireServer
from tests.support.upstream.wire_scripts import json_reply, never, reply, then_reset

ANN = json_reply('{"id": 1, "first_name": "Ann"}')
OFFER = "".join(f"{name}: {value}\r\n" for name, value in [*HANDSHAKE.items()][1:])
CHUNKS = "Transfer-Encoding: chunked\r\n"


def echo_once(exchange: Exchange) -> None:
    exchange.send(exchange.receive())


class Behind(EchoApp):
    """Takes what is below /app alone."""

    def takes(self, request: object) -> bool:
        return getattr(request, "raw_path", "").startswith("/app")


async def send(service: Service, data: bytes, *, leaves: bool) -> None:
    """Bring a request to a connection of its own, which ends with its reply, or before."""
    loop = asyncio.get_running_loop()
    connection, transport = Connection(service), PiecewiseTransport(loop)
    transport.set_protocol(connection)
    connection.connection_made(transport)
    connection.data_received(data)
    if leaves:
        await asyncio.sleep(0.05)
        transport.close()
    while service.connections:
        await asyncio.sleep(0.005)
        if b"\r\n\r\n" in transport.written and transport.ended:
            transport.close()  # as the client does, once the server has
    assert leaves or transport.written.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    ("data", "script", "leaves"),
    [
        ("GET /cached/1 HTTP/1.1\r\n\r\n", ANN, False),
        ("GET /home/1 HTTP/1.1\r\n\r\n", ANN, False),
        ("GET /home/1 HTTP/1.1\r\n\r\n", never(), True),
        ("GET /raw/x HTTP/1.1\r\n\r\n", ANN, False),
        ("GET /raw/x HTTP/1.1\r\n\r\n", never(), True),
        ("GET /raw/x HTTP/1.1\r\n\r\n", reply(200, body=bytes(3_000_000)), False),
        ("GET /raw/x HTTP/1.1\r\n\r\n", then_reset(b""), False),
        ("POST /raw/x HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", ANN, False),
        (f"POST /raw/x HTTP/1.1\r\n{CHUNKS}\r\n2\r\nab\r\n0\r\n\r\n", ANN, False),
        (f"POST /raw/x HTTP/1.1\r\n{CHUNKS}\r\n2\r\nab\r\n", ANN, True),
        (f"POST /raw/x HTTP/1.1\r\n{CHUNKS}\r\n2\r\nabc\r\n", ANN, False),
        ("POST /app HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", ANN, False),
        ("GET /app HTTP/2.0\r\n\r\n", ANN, False),
        (f"GET /raw/x HTTP/1.1\r\n{OFFER}\r\nhello", switching(echo_once), False),
        (f"GET /raw/x HTTP/1.1\r\n{OFFER}\r\nhello", switching(echo), True),
        (f"GET /raw/x HTTP/1.1\r\n{OFFER}\r\n", never(), True),
        (f"GET /raw/x HTTP/1.1\r\n{OFFER}\r\n", ANN, False),
    ],
    ids=[
        "hit", "screen", "screen-left", "route", "route-left", "large-route", "route-reset",
        "length", "chunks", "chunks-left", "chunks-broken", "app", "refused",
        "tunnel", "tunnel-left", "handshake-left", "handshake-refused",
    ],
)  # fmt: skip
def test_a_request_and_its_connection_leave_no_cycles_behind(
    tmp_path: Path, data: str, script: Script, leaves: bool
) -> None:
    line, _, rest = data.partition("\r\n")
    request = f"{line}\r\nHost: a\r\nConnection: close\r\n{rest}".encode()

    async def scenario(gateway: Gateway) -> list[str]:
        await gateway.open()
        service = Service(gateway, Behind(), gateway.settings, asyncio.get_running_loop())

        async def work() -> None:
            await asyncio.gather(*(send(service, request, leaves=leaves) for _ in range(3)))
            await asyncio.sleep(0.1)

        try:
            await work()  # what is made once
            return await cycles_of(work)
        finally:
            service.wheel.stop()
            await gateway.close()

    with WireServer(script) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        cached = HOME.replace("/home/", "/cached/") + "cache: {ttl: 5m}\n"
        gateway = f"""
            routes: {{/raw: {{service: shop, websocket: true}}}}
            cors: {{origins: ["{ORIGIN}"]}}
            """
        compositions = {"home": HOME, "cached": cached}
        write_project(tmp_path, compositions, services=services, gateway=gateway)
        settings = Settings(log_level="error")
        assert asyncio.run(scenario(load_gateway(tmp_path, settings))) == []
