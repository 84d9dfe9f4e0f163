"""A guarded Flask app behind a host: clients that leave, bodies that break off or come slowly.

Each client of a test is one of as many as the app has threads: a thread that is not given back is
seen by the next request.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask
import pytest

from bff import Gateway, create_asgi
from bff.settings import Settings
from bff.web.hosts.asgi.edge import Edge
from bff.web.hosts.flask.behind import FlaskBehind
from tests.support.gateway.hosts import Host, serving, serving_before
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import flood, head, held, json_reply, never

THREADS = 3
SETTINGS = Settings(log_level="error", transport="httpx", flask_threads=THREADS)

BUY = """
endpoint: POST /buy
params:
  user_id: {in: body, type: integer}
steps:
  order: {call: shop.create_order, with: {user_id: "${params.user_id}"}}
"""

ENDLESS = flood(head(200, [("Content-Type", "text/event-stream")]), 1 << 40)


class Shop:
    """The app, and what its own views have seen."""

    def __init__(self, folder: Path, url: str) -> None:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", url) + "timeout: 15s\n"}
        home = HOME + "deadline: 15s\n"
        gateway = "routes: {/raw: {service: shop, strip: true}}\n"
        write_project(folder, {"home": home, "buy": BUY}, services=services, gateway=gateway)
        self.app = flask.Flask("own", static_folder=None)
        self.seen: list[str] = []
        self.changed = threading.Condition()
        self.uploads = threading.Semaphore(0)  # that have begun
        self.app.before_request(lambda: None)
        self.app.add_url_rule("/own", "own", lambda: "mine")
        self.app.add_url_rule("/ticks", "ticks", self._tick, methods=["GET", "POST"])
        self.app.add_url_rule("/upload", "upload", self._upload, methods=["POST"])
        Gateway(self.app, folder, SETTINGS)

    def wait_for(self, *seen: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: sorted(self.seen) == sorted(seen), 20), self.seen

    def note(self, what: str) -> None:
        with self.changed:
            self.seen.append(what)
            self.changed.notify_all()

    def _tick(self) -> flask.Response:
        def ticks() -> Iterator[bytes]:
            try:
                while True:
                    yield b"tick" * 16_384
            finally:
                self.note("closed")

        return flask.Response(ticks())

    def _upload(self) -> bytes:
        self.uploads.release()
        try:
            body = flask.request.get_data()
        except Exception as error:
            self.note(type(error).__name__)
            with pytest.raises(type(error)):  # half a body has no end
                flask.request.environ["wsgi.input"].read()
            raise
        self.note("whole")
        return body


@contextmanager
def guarded(
    loop_host: str, folder: Path, script: Any, body_seconds: float = 15
) -> Iterator[tuple[Host, Shop, Any]]:
    with WireServer(script) as upstream:
        shop = Shop(folder, upstream.url)
        extension = shop.app.extensions["bff"]
        behind = FlaskBehind(extension, THREADS, body_seconds=body_seconds)
        with serving_before(loop_host, extension.core, behind, shop.app) as host:
            yield host, shop, upstream


@contextmanager
def sending(host: Host, data: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", host.port), timeout=20) as client:
        client.sendall(data)
        yield client


def post(path: str, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def test_clients_that_leave_an_endless_route_let_upstream_and_threads_go(
    loop_host: str, tmp_path: Path
) -> None:
    with guarded(loop_host, tmp_path, ENDLESS) as (host, _, upstream):
        for _ in range(2 * THREADS):
            with sending(host, b"GET /raw/events HTTP/1.1\r\nHost: a\r\n\r\n") as client:
                assert client.recv(1000).startswith(b"HTTP/1.1 200")
        upstream.wait_until(lambda server: server.peers_left == 2 * THREADS)
        assert host.get("/own").body == b"mine"


@pytest.mark.parametrize("unread", [b"", b"half of it"])
def test_clients_that_leave_an_endless_view_of_the_app_end_it(
    loop_host: str, tmp_path: Path, unread: bytes
) -> None:
    """Whether or not they announce a body that nobody reads."""
    request = post("/ticks", "Content-Length: 100") if unread else post("/ticks")
    with guarded(loop_host, tmp_path, never()) as (host, shop, _):
        for _ in range(2 * THREADS):
            with sending(host, request + unread) as client:
                assert client.recv(1000).startswith(b"HTTP/1.1 200")
        shop.wait_for(*["closed"] * 2 * THREADS)
        assert host.get("/own").body == b"mine"


def test_clients_that_leave_end_the_calls_made_for_them_alone(
    loop_host: str, tmp_path: Path
) -> None:
    with guarded(loop_host, tmp_path, never()) as (host, _, upstream):
        for count in range(1, THREADS + 1):
            with sending(host, b"GET /home/1 HTTP/1.1\r\nHost: a\r\n\r\n"):
                upstream.wait_for_requests(count)
        upstream.wait_until(lambda server: server.peers_left == THREADS)
        assert host.get("/own").body == b"mine"


def test_write_runs_to_its_end_though_its_client_left(loop_host: str, tmp_path: Path) -> None:
    gate = threading.Event()
    order = json_reply('{"id": 1, "total": 1.5, "items": []}')
    answered: list[str] = []

    def answer(exchange: Exchange) -> None:
        order(exchange)
        answered.append(exchange.request.target)

    scripts = {"/orders": held(gate, answer), "/users/1": never()}
    with guarded(loop_host, tmp_path, scripts) as (host, _, upstream):
        with sending(host, post("/buy", "Content-Length: 14") + b'{"user_id": 1}'):
            upstream.wait_for_requests(1)
        # A reader that left later has been noticed, and so has the writer been by then.
        with sending(host, b"GET /home/1 HTTP/1.1\r\nHost: a\r\n\r\n"):
            upstream.wait_for_requests(2)
        upstream.wait_until(lambda server: server.peers_left == 1)
        gate.set()
    assert answered == ["/orders"]


HALVES = [
    (["Transfer-Encoding: chunked"], b"5\r\nhello\r\n"),
    (["Content-Length: 100000"], b"hello"),
]


@pytest.mark.parametrize(("headers", "half"), HALVES)
def test_upload_that_breaks_off_reaches_no_service_as_a_whole_one(
    loop_host: str, tmp_path: Path, headers: list[str], half: bytes
) -> None:
    ends: list[str] = []
    noted = threading.Event()

    def read(exchange: Exchange) -> None:
        try:
            exchange.read_body()
            ends.append("whole")
        except OSError:
            ends.append("broken off")
        noted.set()

    with guarded(loop_host, tmp_path, read) as (host, _, upstream):
        with sending(host, post("/raw/upload", *headers) + half):
            upstream.wait_for_requests(1)
        assert noted.wait(20)
    assert ends == ["broken off"]


@pytest.mark.parametrize(("headers", "half"), HALVES)
def test_upload_that_breaks_off_is_no_whole_one_to_a_view_of_the_app(
    loop_host: str, tmp_path: Path, headers: list[str], half: bytes
) -> None:
    with guarded(loop_host, tmp_path, never()) as (host, shop, _):
        for _ in range(2 * THREADS):
            with sending(host, post("/upload", *headers) + half):
                assert shop.uploads.acquire(timeout=20)
        shop.wait_for(*["ClientDisconnected"] * 2 * THREADS)
        assert host.post("/upload", [1]).json() == [1]


@pytest.mark.parametrize(("path", "length"), [("/buy", 100), ("/raw/x", 100), ("/raw/x", 100_000)])
def test_body_that_comes_too_slowly_is_408_and_gives_the_thread_back(
    loop_host: str, tmp_path: Path, path: str, length: int
) -> None:
    with guarded(loop_host, tmp_path, never(), body_seconds=0.2) as (host, _, _):
        for _ in range(2 * THREADS):
            with sending(host, post(path, f"Content-Length: {length}") + b"{") as client:
                assert client.recv(1000).startswith(b"HTTP/1.1 408")
        assert host.get("/own").body == b"mine"


def test_body_that_comes_too_slowly_to_a_view_of_the_app_is_408(
    loop_host: str, tmp_path: Path
) -> None:
    with guarded(loop_host, tmp_path, never(), body_seconds=0.2) as (host, shop, _):
        for _ in range(2 * THREADS):
            with sending(host, post("/upload", "Content-Length: 100") + b"{") as client:
                assert client.recv(1000).startswith(b"HTTP/1.1 408")
        assert shop.seen == ["RequestTimeout"] * 2 * THREADS


def test_body_that_comes_in_time_may_be_long_and_is_read_by_lines(
    loop_host: str, tmp_path: Path
) -> None:
    with WireServer(never()) as upstream:
        shop = Shop(tmp_path, upstream.url)
        lines = [b"%d %s\n" % (number, b"x" * 997) for number in range(3000)]

        def count() -> str:
            return str([*flask.request.stream] == lines)

        shop.app.add_url_rule("/count", "count", count, methods=["POST"])
        with serving(loop_host, tmp_path, app=shop.app) as host:
            assert host.request("POST", "/count", body=b"".join(lines)).body == b"True"
            assert host.request("POST", "/count", body=lines).body == b"True"


def test_server_whose_send_fails_for_a_client_that_left_gets_its_threads_back(
    tmp_path: Path,
) -> None:
    """As ASGI asks of servers from 2.4 on; granian's drops what comes."""

    async def visits(edge: Edge) -> list[str]:
        async def receive() -> Any:
            await asyncio.Event().wait()

        async def fail(message: Any) -> None:
            if message.get("more_body"):
                raise OSError("the client left")

        for _ in range(2 * THREADS):
            with pytest.raises(OSError, match="left"):
                await asyncio.wait_for(edge(scope("/raw/events"), receive, fail), 20)
        sent: list[str] = []

        async def note(message: Any) -> None:
            sent.append(message["type"])

        await asyncio.wait_for(edge(scope("/own"), receive, note), 20)
        return sent

    def scope(path: str) -> dict[str, Any]:
        return {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"a")],
        }

    with WireServer(ENDLESS) as upstream:
        edge = create_asgi(app=Shop(tmp_path, upstream.url).app)
        assert asyncio.run(visits(edge))[0] == "http.response.start"
        upstream.wait_until(lambda server: server.peers_left == 2 * THREADS)


def test_requests_during_a_close_are_answered_and_none_waits_for_ever(tmp_path: Path) -> None:
    with WireServer(never()) as upstream:
        app = Shop(tmp_path, upstream.url).app
        answers: list[Any] = []
        clients = [
            threading.Thread(target=lambda: answers.append(app.test_client().get("/home/1")))
            for _ in range(THREADS)
        ]
        for client in clients:
            client.start()
        upstream.wait_for_requests(THREADS)
        app.extensions["bff"].close()
        for client in clients:
            client.join(10)
    assert [(each.status_code, each.headers["Retry-After"]) for each in answers] == [
        (503, "1")
    ] * THREADS
    assert {each.json["reason"] for each in answers} == {"closing"}
