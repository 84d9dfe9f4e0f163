"""Runs a project in each of its hosts, behind a real server, and asks them the same way.

    with serving("edge", project_folder) as host:
        status, headers, body = host.request("GET", "/screens/home/1")

`edge` is the ASGI edge on granian, `flask` the plain Flask application on werkzeug's threaded
server, `http1` our own server on uvloop, as `bff serve` has it. All live in this process, on
threads of their own, so that a test may hold gates that upstreams wait for. `HOSTS` is what to
parametrise a test over.
"""

import asyncio
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from flask import Flask
from granian.constants import Interfaces
from granian.server.embed import Server
from werkzeug.serving import WSGIRequestHandler, make_server

from bff import Gateway, create_app, create_asgi
from bff.identity.ports import IdentityProvider
from bff.plan.compiler.project import compile_project
from bff.settings import Settings
from bff.web import gateway as core
from bff.web.applications import create_server
from bff.web.hosts.asgi.edge import Edge
from bff.web.hosts.behind import AppBehind
from bff.web.hosts.http1.server import Http1Server
from tests.support.ports import free_port

HOSTS = ("edge", "flask", "http1")
LOOP_HOSTS = ("edge", "http1")  # those with an app behind them

WAIT_BUDGET_SECONDS = 20.0  # how long a test waits before it is a failure

Header = tuple[str, str]


class Answer(NamedTuple):
    """A reply as it came; header names in lower case, order kept."""

    status: int
    headers: list[Header]
    body: bytes

    def header(self, name: str) -> str | None:
        """The values of a header, joined as HTTP allows; None where it is absent."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None

    def json(self) -> Any:
        return json.loads(self.body)


class Host:
    """A running host. Every request has a connection of its own."""

    def __init__(self, name: str, port: int, app: Flask) -> None:
        self.name = name
        self.port = port
        self.app = app

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(
        self,
        method: str,
        target: str,
        headers: Iterable[Header] = (),
        body: bytes | Iterable[bytes] | None = None,
    ) -> Answer:
        """Send exactly this target and these headers (with `Host` and the body's length), and
        read the whole reply. Raises `http.client.HTTPException` or `OSError` where it breaks off.
        A body of several chunks goes out chunked."""
        with self.connect() as connection:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            chunked = body is not None and not isinstance(body, bytes)
            if isinstance(body, bytes):
                connection.putheader("Content-Length", str(len(body)))
            elif chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders(body, encode_chunked=chunked)
            reply = connection.getresponse()
            return Answer(
                reply.status,
                [(name.lower(), value) for name, value in reply.getheaders()],
                reply.read(),
            )

    def get(self, target: str, **headers: str) -> Answer:
        """GET, with headers by their names in Python's spelling: `if_none_match=…`."""
        return self.request("GET", target, _spelled(headers))

    def post(self, target: str, value: Any, **headers: str) -> Answer:
        """POST a value as JSON."""
        sent = [("Content-Type", "application/json"), *_spelled(headers)]
        return self.request("POST", target, sent, json.dumps(value).encode())

    @contextmanager
    def connect(self) -> Iterator[http.client.HTTPConnection]:
        """A connection of one's own, for tests that leave early or read piece by piece."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_BUDGET_SECONDS)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def serving(
    name: str,
    project: Path,
    *,
    settings: Settings | None = None,
    app: Flask | None = None,
    identity: IdentityProvider | None = None,
    clock: Callable[[], float] | None = None,
) -> Iterator[Host]:
    """The project in the host called `name`, until the context is left.

    `app` is a Flask application that a `Gateway` is mounted in already; `identity` identifies
    callers; the age of what is cached goes by `clock`, which returns seconds since the epoch.
    """
    settings = settings or Settings(log_level="warning")
    if clock is not None:
        app = Flask("clocked", static_folder=None)
        Gateway().attach(
            app, core.Gateway(compile_project(project), settings, clock=clock, identity=identity)
        )
    app = app or create_app(project, settings, identity=identity)
    if name == "edge":
        with _granian(create_asgi(app=app)) as port:
            yield Host(name, port, app)
    elif name == "http1":
        with http1_server(create_server(app=app)) as port:
            yield Host(name, port, app)
    else:
        with flask_server(app) as port:
            yield Host(name, port, app)
        app.extensions["bff"].close()


@contextmanager
def serving_before(
    name: str, gateway: core.Gateway, behind: AppBehind, app: Flask
) -> Iterator[Host]:
    """A host of `LOOP_HOSTS` before this app behind, which is `app`, until the context is left."""
    if name == "edge":
        with _granian(Edge(gateway, behind)) as port:
            yield Host(name, port, app)
    else:
        with http1_server(Http1Server(gateway, behind)) as port:
            yield Host(name, port, app)


@contextmanager
def _granian(edge: Edge) -> Iterator[int]:
    port = free_port()
    ended: list[BaseException] = []
    stop: list[Any] = []

    async def main() -> None:
        server = Server(
            edge,
            address="127.0.0.1",
            port=port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
        )
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(server.stop))
        await server.serve()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run, name="granian")
    try:
        thread.start()
        _wait_until_it_listens(port, thread, ended)
        yield port
    finally:
        if stop and thread.is_alive():
            stop[0]()
        thread.join(WAIT_BUDGET_SECONDS)
        assert not thread.is_alive(), "granian did not stop"


@contextmanager
def http1_server(
    server: Http1Server, grace_seconds: float = 1.0, *, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """The server on a loop and a thread of its own; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def main() -> None:
        stop = asyncio.Event()
        server.gateway.log.take_library_lines()
        try:
            await server.start(sock=listener, tls=tls)
            started.set_result((asyncio.get_running_loop(), stop))
            await stop.wait()
            await server.close(grace_seconds)
        finally:
            server.gateway.log.leave_library_lines()
            server.gateway.log.flush()

    thread = threading.Thread(target=lambda: uvloop.run(main()), name="http1")
    thread.start()
    try:
        loop, stop = started.result(WAIT_BUDGET_SECONDS)
        yield port
    finally:
        if started.done():
            loop.call_soon_threadsafe(stop.set)
        thread.join(WAIT_BUDGET_SECONDS)
        assert not thread.is_alive(), "the server did not stop"


@contextmanager
def flask_server(app: Flask) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join(WAIT_BUDGET_SECONDS)
        server.server_close()


class _Silent(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # for chunked replies

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def _wait_until_it_listens(port: int, thread: threading.Thread, ended: list[BaseException]) -> None:
    for _ in range(int(WAIT_BUDGET_SECONDS / 0.005)):
        if ended:
            raise ended[0]
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        thread.join(0.005)
    raise AssertionError("granian does not listen")


def _spelled(headers: dict[str, str]) -> list[Header]:
    return [(name.replace("_", "-"), value) for name, value in headers.items()]
