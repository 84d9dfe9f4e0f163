"""Doors of the hosts in this process, on the loop of the test: each asks a gateway and waits.

async with DOORS["edge"](app) as ask:
    answer = await ask("GET", "/screen", [("X-Tenant", "a")], "127.0.0.1")

`edge` calls the ASGI application, `flask` the WSGI application on a thread, `http1` is a connection
to our server without a socket. The last argument is the address that the request comes from.
"""

import asyncio
import http.client
import io
import sys
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import unquote

from flask import Flask
from werkzeug.test import run_wsgi_app

from bff import create_asgi
from bff.web.hosts.flask.behind import FlaskBehind
from bff.web.hosts.http1.protocol import Connection
from bff.web.hosts.http1.service import Service
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Answer, Header, Host
from tests.support.gateway.http1 import PiecewiseTransport

Headers = Sequence[Header]


class Ask(Protocol):
    """Sends a request, and waits for its reply."""

    def __call__(
        self, method: str, target: str, headers: Headers, address: str, body: bytes = b""
    ) -> Awaitable[Answer]: ...


def length_of(body: bytes, method: str) -> list[tuple[bytes, bytes]]:
    """The length that a request with this body states; nothing where it has none."""
    states = body or method in ("POST", "QUERY")
    return [(b"content-length", str(len(body)).encode())] if states else []


@asynccontextmanager
async def edge_door(app: Flask) -> AsyncIterator[Ask]:
    edge = create_asgi(app=app)
    events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    sent: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    life = asyncio.create_task(edge({"type": "lifespan"}, events.get, sent.put))
    await events.put({"type": "lifespan.startup"})
    assert (await sent.get())["type"] == "lifespan.startup.complete"

    async def ask(
        method: str, target: str, headers: Headers, address: str, body: bytes = b""
    ) -> Answer:
        path, _, query = target.partition("?")
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [
                (b"host", b"gateway.example"), *length_of(body, method),
                *((name.lower().encode(), value.encode("latin-1")) for name, value in headers),
            ],
            "client": (address, 1), "server": ("127.0.0.1", 2),
        }  # fmt: skip
        messages: list[dict[str, object]] = []
        arriving = iter([{"type": "http.request", "body": body}])

        async def receive() -> dict[str, object]:
            found = next(arriving, None)
            return found or await asyncio.Future()  # the client stays

        async def send(message: dict[str, object]) -> None:
            messages.append(message)

        await edge(scope, receive, send)
        head, *bodies = messages
        pairs = [(name.decode(), value.decode("latin-1")) for name, value in head["headers"]]
        return Answer(head["status"], pairs, b"".join(each["body"] for each in bodies))

    try:
        yield ask
    finally:
        await events.put({"type": "lifespan.shutdown"})
        await life


@asynccontextmanager
async def http1_door(app: Flask) -> AsyncIterator[Ask]:
    loop = asyncio.get_running_loop()
    gateway = app.extensions["bff"].core
    behind = FlaskBehind(app.extensions["bff"], gateway.settings.flask_threads)
    behind.start()
    await gateway.open()
    service = Service(gateway, behind, gateway.settings, loop)

    async def ask(
        method: str, target: str, headers: Headers, address: str, body: bytes = b""
    ) -> Answer:
        transport = _Wire(loop, address)
        connection = Connection(service)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        lines = [f"{name}: {value}\r\n" for name, value in headers]
        length = "".join(f"Content-Length: {len(body)}\r\n" for _ in length_of(body, method))
        own = any(name == "Connection" for name, _ in headers)
        closing = "" if own else "Connection: close\r\n"
        head = f"{method} {target} HTTP/1.1\r\nHost: a\r\n{closing}{length}{''.join(lines)}\r\n"
        transport.bring(head.encode("latin-1") + body)
        await transport.answered.wait()
        transport.close()
        raw, _, content = transport.written.partition(b"\r\n\r\n")
        first, *rest = raw.decode("latin-1").split("\r\n")
        pairs = (each.partition(":") for each in rest)
        found = [(name.lower(), value.strip()) for name, _, value in pairs]
        return Answer(int(first.split(" ")[1]), found, content)

    try:
        yield ask
    finally:
        await service.close_connections(1.0)
        await service.tunnels.end(0)
        await service.works.end(0)
        service.wheel.stop()
        await behind.close()
        await gateway.close()


class _Wire(PiecewiseTransport):
    """A client at an address. It has its answer when the connection ends, or switches."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        super().__init__(loop)
        self._address = address
        self.answered = asyncio.Event()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self._address, 1) if name in ("peername", "sockname") else default

    def write(self, data: Any) -> None:
        super().write(data)
        if self.written.startswith(b"HTTP/1.1 101 "):
            self.answered.set()

    def write_eof(self) -> None:
        super().write_eof()
        self.answered.set()  # a refusal; the connection lingers for the client's own end

    def close(self) -> None:
        self.answered.set()
        super().close()

    abort = close


@asynccontextmanager
async def flask_door(app: Flask) -> AsyncIterator[Ask]:
    def call(method: str, target: str, headers: Headers, address: str, body: bytes = b"") -> Answer:
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query, "RAW_URI": target, "REMOTE_ADDR": address, "HTTP_HOST": "a",
            "SERVER_NAME": "a", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr,
            "wsgi.version": (1, 0), "wsgi.multithread": True, "wsgi.multiprocess": False,
            "wsgi.run_once": False, "CONTENT_LENGTH": str(len(body)) if body else "",
        }  # fmt: skip
        for name, value in headers:
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        chunks, status, found = run_wsgi_app(app, environ, buffered=True)
        pairs = [(name.lower(), value) for name, value in found]
        return Answer(int(status.split(" ")[0]), pairs, b"".join(chunks))

    async def ask(
        method: str, target: str, headers: Headers, address: str, body: bytes = b""
    ) -> Answer:
        return await asyncio.to_thread(call, method, target, headers, address, body)

    try:
        yield ask
    finally:
        await asyncio.to_thread(app.extensions["bff"].close)


def door_of(host: Host) -> Ask:
    """The door of a server that runs elsewhere."""

    def call(method: str, target: str, headers: Headers, address: str, body: bytes = b"") -> Answer:
        place = (address, 0)
        connection = http.client.HTTPConnection(
            "127.0.0.1", host.port, timeout=WAIT_BUDGET_SECONDS, source_address=place
        )
        try:
            sent = body if length_of(body, method) else None
            connection.request(method, target, sent, dict(headers))
            reply = connection.getresponse()
            pairs = [(name.lower(), value) for name, value in reply.getheaders()]
            return Answer(reply.status, pairs, reply.read())
        finally:
            connection.close()

    async def ask(
        method: str, target: str, headers: Headers, address: str, body: bytes = b""
    ) -> Answer:
        return await asyncio.to_thread(call, method, target, headers, address, body)

    return ask


DOORS = {"edge": edge_door, "http1": http1_door, "flask": flask_door}
