"""WebSockets in tests: a project with a route for them, raw handshakes, services that switch."""

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask

from bff.settings import Settings
from bff.upstream.passthrough.handshake import accept_of
from bff.web.applications import create_server
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host, http1_server
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import Exchange, Script, WireServer

ORIGIN = "https://shop.example"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GATEWAY = f"""
cors: {{origins: ["{ORIGIN}"]}}
routes:
  /live: {{service: shop, websocket: true}}
  /raw: {{service: shop}}
"""
HANDSHAKE = {
    "Host": "gateway.example",
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
    "Origin": ORIGIN,
}


def live_project(folder: Path, url: str, timeout: str = "15s", access: str = "public") -> Path:
    """A project whose route /live has WebSockets, of a service at this address; /raw has none."""
    gateway = f"{GATEWAY}defaults: {{access: {access}}}\n"
    service = SHOP_SERVICE.replace("http://127.0.0.1:9", url) + f"timeout: {timeout}\n"
    return write_project(folder, {}, services={"shop": service}, gateway=gateway)


@contextmanager
def live(
    folder: Path, script: Script | dict[str, Script], **settings: Any
) -> Iterator[tuple[Host, WireServer]]:
    """Our server, and the scripted service behind its route."""
    with WireServer(script) as upstream:
        made = create_server(
            live_project(folder, upstream.url), Settings(**{"log_level": "error", **settings})
        )
        with http1_server(made) as port:
            yield Host("http1", port, flask.Flask("elsewhere")), upstream


def handshake(path: str = "/live/chat", *, line: str = "", **changed: str | None) -> bytes:
    """A handshake as bytes. `line` replaces its first line; headers by their names in Python's
    spelling replace those of `HANDSHAKE`, and None leaves one out."""
    headers = dict(HANDSHAKE)
    for name, value in changed.items():
        spelled = next(
            (each for each in headers if each.lower() == name.replace("_", "-").lower()),
            name.replace("_", "-"),
        )
        headers.pop(spelled, None)
        if value is not None:
            headers[spelled] = value
    lines = [line or f"GET {path} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(key: str = KEY, extra: Iterable[tuple[str, str]] = ()) -> bytes:
    """The head of a 101 that answers a key."""
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_of(key.encode()).decode()}",
        *(f"{name}: {value}" for name, value in extra),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def switching(then: Callable[[Exchange], None], early: bytes = b"") -> Script:
    """A service that accepts a handshake, sends `early` behind it, and goes on with `then`."""

    def script(exchange: Exchange) -> None:
        exchange.send(answer(exchange.request.header("sec-websocket-key") or "") + early)
        then(exchange)
        exchange.close()
        raise ConnectionAbortedError  # nothing on this connection is HTTP any more

    return script


def echo(exchange: Exchange) -> None:
    """Send back whatever comes, until it ends."""
    while data := exchange.receive():
        exchange.send(data)


class Client:
    """The client's end, raw."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._received = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read_head(self) -> bytes:
        """A reply's head, with the empty line."""
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def read(self, length: int) -> bytes:
        """So many bytes."""
        while len(self._received) < length:
            self._receive()
        data, self._received = self._received[:length], self._received[length:]
        return data

    def read_all(self) -> bytes:
        """What comes until the end."""
        data = self._received + b"".join(iter(lambda: self.socket.recv(65536), b""))
        self._received = b""
        return data

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        assert data, self._received
        self._received += data


@contextmanager
def connected(host: Host) -> Iterator[Client]:
    with socket.create_connection(("127.0.0.1", host.port), WAIT_BUDGET_SECONDS) as connection:
        yield Client(connection)


@contextmanager
def opened(host: Host) -> Iterator[Client]:
    """A client whose handshake has been answered by a 101."""
    with connected(host) as client:
        client.send(handshake())
        assert client.read_head().startswith(b"HTTP/1.1 101 ")
        yield client
