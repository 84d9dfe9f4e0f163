"""Our own server before one scripted upstream, in this process, and raw connections to it.

with server(tmp_path, script, head_seconds=0.3) as (host, upstream), connected(host) as connection:
    connection.sendall(GET)
    assert read_all(connection).startswith(b"HTTP/1.1 408 ")
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask

from bff.settings import Settings
from bff.web.applications import create_server
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host, http1_server
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import Script, WireServer
from tests.support.upstream.wire_scripts import json_reply

ANN = json_reply('{"id": 1, "first_name": "Ann"}')
ROUTES = "routes: {/raw: {service: shop, strip: true}}\n"
HIT = b"GET /cached/1 HTTP/1.1\r\nHost: a\r\n\r\n"
GET = b"GET /raw/x HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /raw/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@contextmanager
def server(folder: Path, script: Script | dict[str, Script], **limits: Any) -> Iterator[Any]:
    """Our server before one upstream; gives both."""
    with WireServer(script) as upstream:
        project(folder, upstream)
        settings = Settings(log_level="error", **limits)
        made = create_server(folder, settings)
        with http1_server(made) as port:
            yield Host("http1", port, flask.Flask("elsewhere")), upstream


def project(folder: Path, upstream: WireServer) -> Path:
    services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url) + "timeout: 15s\n"}
    cached = HOME.replace("/home/", "/cached/") + "cache: {ttl: 5m}\n"
    return write_project(
        folder, {"home": HOME, "cached": cached}, services=services, gateway=ROUTES
    )


@contextmanager
def connected(host: Host) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", host.port), WAIT_BUDGET_SECONDS) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def read_until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        data = connection.recv(65536)
        assert data, received
        received += data
    return received
