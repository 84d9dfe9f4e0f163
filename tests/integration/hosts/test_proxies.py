"""What other servers make of a proxy's headers before the gateway sees them, as docs/running.md has
it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from bff import create_asgi
from bff.settings import Settings
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import reply

ROUTES = "routes: {/raw: {service: shop, access: public}}\n"
TRUSTING = f"{ROUTES}trusted_proxies: {{addresses: [unix], hops: 1}}\n"
REQUEST = (
    b"GET /raw/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\nConnection: close\r\n\r\n"
)


@contextmanager
def uvicorn_at(edge: Any, **options: Any) -> Iterator[uvicorn.Server]:
    server = uvicorn.Server(uvicorn.Config(edge, log_config=None, ws="none", **options))
    thread = threading.Thread(target=asyncio.run, args=[server.serve()])
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.005)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(WAIT_BUDGET_SECONDS)


def client_of(family: socket.AddressFamily, address: Any, upstream: WireServer) -> str | None:
    """Who the service is told has sent a request, which says that it came from elsewhere."""
    with socket.socket(family) as client:
        client.settimeout(WAIT_BUDGET_SECONDS)
        client.connect(address)
        client.sendall(REQUEST)
        assert client.recv(12) == b"HTTP/1.1 200"
    return upstream.requests[-1].header("x-forwarded-for")


def project(folder: Path, upstream: WireServer, gateway: str) -> Path:
    services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
    return write_project(folder, services=services, gateway=gateway)


@pytest.mark.parametrize(
    ("options", "client"), [({}, "203.0.113.7"), ({"proxy_headers": False}, "127.0.0.1")]
)
def test_uvicorn_believes_whoever_connects_from_its_own_machine_unless_it_is_told_not_to(
    tmp_path: Path, options: dict[str, Any], client: str
) -> None:
    with WireServer(reply(200)) as upstream:
        edge = create_asgi(project(tmp_path, upstream, ROUTES), Settings(log_level="warning"))
        with uvicorn_at(edge, host="127.0.0.1", port=0, **options) as server:
            address = server.servers[0].sockets[0].getsockname()
            assert client_of(socket.AF_INET, address, upstream) == client


@pytest.mark.parametrize(("gateway", "client"), [(TRUSTING, "203.0.113.7"), (ROUTES, None)])
def test_proxy_at_a_unix_socket_is_believed_where_it_is_named(
    tmp_path: Path, gateway: str, client: str | None
) -> None:
    with WireServer(reply(200)) as upstream:
        edge = create_asgi(project(tmp_path, upstream, gateway), Settings(log_level="warning"))
        path = str(tmp_path / "s")
        with uvicorn_at(edge, uds=path, proxy_headers=False):
            assert client_of(socket.AF_UNIX, path, upstream) == client
