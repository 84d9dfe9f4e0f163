"""Large bodies through a route under `bff serve`: a slow end holds the fast one back, so that the
worker's memory stays."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.gateway.serving import Serving, gateways, on_linux, started
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import chunk, head, reply

pytestmark = on_linux

SIZE = 64 * 1024 * 1024
PIECE = bytes(1024 * 1024)
MOST_GROWTH_KIB = 12 * 1024
SLOW_BYTES = 16 * 1024  # what the slow end takes at a time

CHUNKED = [("Transfer-Encoding", "chunked")]

gate = threading.Event()


def send_all(exchange: Exchange) -> None:
    """A reply in chunks, as fast as it is taken."""
    exchange.send(head(200, CHUNKED))
    for _ in range(SIZE // len(PIECE)):
        exchange.send(chunk(PIECE))
    exchange.send(chunk(b""))


def take_all(exchange: Exchange) -> None:
    """A request's chunked body, once the gate is open; the reply is how many bytes came."""
    exchange.hold(gate)
    taken, end = 0, b""
    while not end.endswith(b"\r\n0\r\n\r\n"):
        data = bytes(exchange.left_over) or exchange.socket.recv(SLOW_BYTES)
        exchange.left_over.clear()
        assert data
        taken, end = taken + len(data), (end + data)[-16:]
    body = str(taken).encode()
    exchange.send(head(200, [("Content-Length", str(len(body)))]) + body)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("large")
    scripts = {"/down": send_all, "/up": take_all, "/small": reply(body=b"small")}
    with WireServer(scripts) as upstream, gateways(folder) as serve:
        service = SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)
        write_project(
            folder, {}, services={"shop": service}, gateway="routes: {/raw: {service: shop}}"
        )
        yield started(serve, workers=1)


def peak_kib(serving: Serving) -> int:
    """The most memory that the worker ever had."""
    (worker,) = serving.workers()
    status = Path(f"/proc/{worker}/status").read_text()
    (line,) = (each for each in status.splitlines() if each.startswith("VmHWM:"))
    return int(line.split()[1])


def connected(serving: Serving) -> socket.socket:
    return socket.create_connection(("127.0.0.1", serving.port), WAIT_BUDGET_SECONDS)


def test_download_that_is_read_slowly_leaves_memory_as_it_is(serving: Serving) -> None:
    assert serving.host.get("/raw/small").body == b"small"
    before = peak_kib(serving)
    with connected(serving) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BYTES)
        client.sendall(b"GET /raw/down HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = sum(map(len, iter(lambda: client.recv(SLOW_BYTES), b"")))
    assert received > SIZE
    assert peak_kib(serving) - before < MOST_GROWTH_KIB


def test_upload_that_is_taken_slowly_leaves_memory_as_it_is(serving: Serving) -> None:
    assert serving.host.get("/raw/small").body == b"small"
    before = peak_kib(serving)
    with connected(serving) as client:
        client.sendall(b"PUT /raw/up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        body = memoryview(chunk(PIECE) * (SIZE // len(PIECE)) + chunk(b""))
        sent = 0
        client.settimeout(0.5)
        with suppress(TimeoutError):
            while sent < len(body):
                sent += client.send(body[sent : sent + len(PIECE)])
        gate.set()
        client.settimeout(WAIT_BUDGET_SECONDS)
        client.sendall(body[sent:])
        answer = client.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert int(answer.rpartition(b"\r\n\r\n")[2]) > SIZE
    assert peak_kib(serving) - before < MOST_GROWTH_KIB
