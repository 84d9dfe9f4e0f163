"""Connections to our own server: their order, their bounds, their times, their end."""

import http.client
import resource
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import flask
import pytest

from bff import Gateway
from bff.settings import Settings
from bff.web.applications import create_server
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, http1_server, serving
from tests.support.gateway.http1_server import (
    ANN,
    GET,
    HIT,
    LAST,
    connected,
    project,
    read_all,
    read_until,
    server,
)
from tests.support.projects import write_project
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import (
    chunk,
    flood,
    head,
    held,
    json_reply,
    never,
    raw,
    reply,
    then_close,
    then_reset,
)


def resident_bytes() -> int:
    """What this process, and so the server, has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


# Order and back-pressure.


def test_pipelined_requests_are_answered_in_order_and_one_is_at_work(tmp_path: Path) -> None:
    gate = threading.Event()
    scripts = {"/x": held(gate, reply(200, [], b"first")), "/last": reply(200, [], b"second")}
    with server(tmp_path, scripts) as (host, upstream), connected(host) as connection:
        connection.sendall(GET + LAST)
        upstream.wait_until(lambda up: any(each.path == "/x" for each in up.requests))
        assert all(each.path != "/last" for each in upstream.requests)
        gate.set()
        received = read_all(connection)
        assert received.index(b"first") < received.index(b"second")


def test_head_that_comes_again_by_itself_waits_for_its_own_body(tmp_path: Path) -> None:
    again = b"POST /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
    with server(tmp_path, reply(200, [], b"taken")) as (host, upstream):
        with connected(host) as connection:
            for body in (b"one", b"two", b"six"):
                connection.sendall(again)
                connection.sendall(body)
                read_until(connection, b"taken")
        assert [each.body for each in upstream.requests] == [b"one", b"two", b"six"]


def test_pipelined_hits_that_nobody_reads_leave_memory_flat(tmp_path: Path) -> None:
    """256 KiB of requests for 64 KB each would be 400 MB of replies."""
    user = json_reply('{"id": 1, "first_name": "%s"}' % ("x" * 64_000))
    with server(tmp_path, user) as (host, _), connected(host) as connection:
        assert host.get("/cached/1").status == 200
        before = resident_bytes()
        connection.settimeout(1)
        with suppress(TimeoutError):  # it stops reading, or has room for all
            connection.sendall(HIT * (256 * 1024 // len(HIT)))
        assert host.get("/cached/1").status == 200  # after it has done what it does
        assert resident_bytes() - before < 30_000_000


def test_hits_go_on_when_the_client_reads_again(tmp_path: Path) -> None:
    count = 2000
    with server(tmp_path, ANN) as (host, _), connected(host) as connection:
        assert host.get("/cached/1").status == 200
        connection.sendall(HIT * count + LAST)
        assert read_all(connection).count(b"HTTP/1.1 200 OK\r\n") == count + 1


def test_upload_that_the_upstream_does_not_read_is_held_back(tmp_path: Path) -> None:
    gate = threading.Event()

    def slow(exchange: Exchange) -> None:
        exchange.hold(gate)
        raw(head(200, [("Content-Length", "0")]))(exchange)

    size = 64 * 1024 * 1024
    with server(tmp_path, slow) as (host, upstream), connected(host) as connection:
        connection.sendall(b"PUT /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        upstream.wait_for_requests(1)
        connection.settimeout(0.5)
        sent = 0
        with suppress(TimeoutError):
            while sent < size:
                sent += connection.send(bytes(65536))
        assert sent < size // 2
        gate.set()
        connection.settimeout(WAIT_BUDGET_SECONDS)
        connection.sendall(bytes(size - sent))
        assert b" 200 " in read_until(connection, b"\r\n\r\n")
    assert len(upstream.requests[0].body) == size


def test_download_that_the_client_does_not_read_is_held_back(tmp_path: Path) -> None:
    size = 64 * 1024 * 1024
    script = flood(head(200, [("Content-Length", str(size))]), size)
    with server(tmp_path, script) as (host, upstream), connected(host) as connection:
        connection.sendall(GET)
        with pytest.raises(AssertionError):
            upstream.wait_until(lambda up: up.sent_bytes > size // 2, 0.5)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


# Bodies.


def test_client_that_waits_with_its_body_is_asked_for_it(tmp_path: Path) -> None:
    with server(tmp_path, reply(200, [], b"done")) as (host, upstream):
        with connected(host) as connection:
            connection.sendall(
                b"POST /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                b"Expect: 100-continue\r\n\r\n"
            )
            assert read_until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"hello")
            assert read_until(connection, b"done").startswith(b"HTTP/1.1 200 ")
        assert upstream.requests[0].body == b"hello"
        assert upstream.requests[0].header("expect") is None


def test_client_whose_body_nobody_wants_is_not_asked_for_it(tmp_path: Path) -> None:
    with server(tmp_path, ANN) as (host, _), connected(host) as connection:
        connection.sendall(
            b"POST /raw/../x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        received = read_all(connection)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close\r\n" in received


def test_refusal_reaches_a_client_that_sends_on(tmp_path: Path) -> None:
    """A reset would take it from the client; so what still comes is dropped for a while."""
    with server(tmp_path, ANN) as (host, _), connected(host) as connection:
        connection.sendall(
            b"POST /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
        )
        connection.sendall(bytes(1_000_000))
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")


def test_small_body_that_nobody_reads_leaves_the_connection(tmp_path: Path) -> None:
    with server(tmp_path, ANN) as (host, _), connected(host) as connection:
        assert host.get("/cached/1").status == 200
        connection.sendall(HIT[:-2] + b"Content-Length: 1000\r\n\r\n")
        assert b"HTTP/1.1 200 OK" in read_until(connection, b"}")
        connection.sendall(bytes(1000) + LAST)
        assert read_all(connection).startswith(b"HTTP/1.1 200 OK")


def test_stream_to_an_http_1_0_client_ends_with_the_connection(tmp_path: Path) -> None:
    large = b"x" * 1_000_000  # so that it does not come with its head
    script = raw(head(200, [("Transfer-Encoding", "chunked")]) + chunk(large) + chunk(b""))
    with server(tmp_path, script) as (host, _), connected(host) as connection:
        connection.sendall(b"GET /raw/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head_of_reply, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert body == large
    assert b"connection: close" in head_of_reply
    assert b"transfer-encoding" not in head_of_reply


@pytest.mark.parametrize("end", [then_close, then_reset])
def test_stream_that_breaks_off_breaks_an_http_1_0_connection(tmp_path: Path, end: Any) -> None:
    """To close it in good order would be to say that the body is whole."""
    script = end(head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"half"))
    with server(tmp_path, script) as (host, _), connected(host) as connection:
        connection.sendall(b"GET /raw/x HTTP/1.0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            read_all(connection)


# The end.


def test_client_that_leaves_ends_its_call_at_once(tmp_path: Path) -> None:
    with server(tmp_path, never()) as (host, upstream):
        for count, target in enumerate(("/home/1", "/raw/x"), 1):
            with host.connect() as connection:
                connection.request("GET", target)
                upstream.wait_for_requests(count)
            upstream.wait_until(lambda up, count=count: up.peers_left == count)


def test_server_that_closes_answers_what_is_at_work_and_what_is_on_its_way(tmp_path: Path) -> None:
    gate = threading.Event()
    with WireServer({"/x": held(gate, ANN), "/last": ANN}) as upstream:
        made = create_server(project(tmp_path, upstream), Settings(log_level="error"))
        with ThreadPoolExecutor(1) as pool:
            with http1_server(made, grace_seconds=10) as port:
                at_work = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                resting = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                resting.connect()
                at_work.request("GET", "/raw/x")
                upstream.wait_for_requests(1)

                def go_on() -> tuple[http.client.HTTPResponse, http.client.HTTPResponse]:
                    while True:  # until nobody listens
                        try:
                            socket.create_connection(("127.0.0.1", port), 1).close()
                        except OSError:
                            break
                    resting.request("GET", "/raw/last")
                    late = resting.getresponse()
                    gate.set()
                    return at_work.getresponse(), late

                going_on = pool.submit(go_on)
            for answer in going_on.result(WAIT_BUDGET_SECONDS):
                assert (answer.status, answer.getheader("connection")) == (200, "close")


def test_server_that_closes_breaks_what_does_not_end(tmp_path: Path) -> None:
    with WireServer(never()) as upstream:
        made = create_server(project(tmp_path, upstream), Settings(log_level="error"))
        with http1_server(made, grace_seconds=0.2) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/raw/x")
            upstream.wait_for_requests(1)
        with pytest.raises((http.client.HTTPException, OSError)):
            connection.getresponse()


# The app behind.


def test_view_whose_client_leaves_in_mid_body_gets_no_half_for_the_whole(tmp_path: Path) -> None:
    read: list[bytes] = []
    ended = threading.Event()
    app = flask.Flask("own")

    @app.post("/upload")
    def upload() -> str:
        try:
            read.append(flask.request.get_data())
        finally:
            ended.set()
        return ""

    Gateway(app, project=write_project(tmp_path))
    with serving("http1", tmp_path, settings=Settings(log_level="error"), app=app) as host:
        with connected(host) as connection:
            connection.sendall(
                b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"
            )
        assert ended.wait(WAIT_BUDGET_SECONDS)
    assert read == []


def test_view_whose_reply_is_shorter_than_it_said_breaks_the_connection(tmp_path: Path) -> None:
    app = flask.Flask("own")

    @app.get("/short")
    def short() -> flask.Response:
        return flask.Response(iter([b"half"]), headers={"Content-Length": "10"})

    Gateway(app, project=write_project(tmp_path))
    with serving("http1", tmp_path, settings=Settings(log_level="error"), app=app) as host:
        with pytest.raises((http.client.HTTPException, OSError)):
            host.get("/short")
        assert host.get("/healthz").status == 200


def test_header_of_an_app_that_holds_the_end_of_a_line_is_a_500_and_no_header_more(
    tmp_path: Path,
) -> None:
    """Werkzeug refuses one; what wraps an app is not asked."""
    app = flask.Flask("own")
    inner: Any = app.wsgi_app

    def reflect(environ: Any, start: Any) -> Any:
        def start_more(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            return start(status, [*headers, ("X-Query", unquote(environ["QUERY_STRING"]))], error)

        return inner(environ, start_more)

    app.wsgi_app = reflect  # type: ignore[method-assign]
    Gateway(app, project=write_project(tmp_path))
    with serving("http1", tmp_path, settings=Settings(log_level="error"), app=app) as host:
        assert host.get("/healthz?a%20b").header("x-query") == "a b"
        for end in ("%0d%0a", "%0a", "%0d", "%00"):
            answer = host.get(f"/healthz?a{end}Set-Cookie:%20b=c")
            assert (answer.status, answer.header("set-cookie")) == (500, None)
