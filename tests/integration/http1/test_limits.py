"""The limits of our own server: each is a setting, and what is beyond it gets a clean answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from bff.settings import Settings
from bff.web.hosts.http1.protocol import MOST_TURNED_AWAY
from tests.support.gateway.hosts import HOSTS, serving
from tests.support.gateway.http1_server import (
    ANN,
    GET,
    HIT,
    connected,
    read_all,
    read_until,
    server,
)
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import (
    flood,
    head,
    held,
    raw,
)

# Sizes.


LINE = b"GET /raw/%b HTTP/1.1\r\nHost: a\r\n\r\n"
SIZED = b"GET /raw/x HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n"
LINES = b"GET /raw/x HTTP/1.1\r\nHost: a\r\n%b\r\n"


@pytest.mark.parametrize(
    ("limit", "allowed", "beyond", "status"),
    [
        ({"request_line_bytes": 100}, LINE % (b"x" * 82), LINE % (b"x" * 83), 414),
        ({"request_line_bytes": 100}, LINE % b"x", b"GET /" + b"x" * 96, 414),
        ({"header_bytes": 100}, SIZED % (b"x" * 86), SIZED % (b"x" * 87), 431),
        ({"header_bytes": 100}, LINE % b"x", SIZED[:-6] + b"x" * 95, 431),
        ({"header_lines": 3}, LINES % (b"X: y\r\n" * 2), LINES % (b"X: y\r\n" * 3), 431),
    ],
    ids=["line", "line-without-an-end", "headers", "headers-without-an-end", "header-lines"],
)
def test_head_beyond_its_size_is_refused(
    tmp_path: Path, limit: dict[str, int], allowed: bytes, beyond: bytes, status: int
) -> None:
    with server(tmp_path, ANN, **limit) as (host, upstream), connected(host) as connection:
        connection.sendall(allowed)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        connection.sendall(beyond)
        assert read_all(connection).startswith(b"HTTP/1.1 %d " % status)
        assert len(upstream.requests) == 1


def test_head_that_is_larger_than_what_waits_unread_is_read_where_its_limit_allows(
    tmp_path: Path,
) -> None:
    with server(tmp_path, ANN, header_bytes=300_000) as (host, _), connected(host) as connection:
        connection.sendall(SIZED % (b"x" * 250_000))
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("body", [b'{"a": "%b"}' % (b"x" * 100), [b'{"a": "', b"x" * 100, b'"}']])
def test_body_of_a_composition_beyond_its_size_is_413(
    tmp_path: Path, name: str, body: bytes | list[bytes]
) -> None:
    posted = """
        endpoint: POST /posted
        params: {a: {type: string}}
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        """
    with WireServer(ANN) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        folder = write_project(tmp_path, {"posted": posted}, services=services)
        settings = Settings(log_level="error", body_bytes=100)
        with serving(name, folder, settings=settings) as host:
            headers = [("Content-Type", "application/json")]
            answer = host.request("POST", "/posted", headers, body)
            assert (answer.status, answer.json()["reason"]) == (413, "body_too_large")
            assert host.request("POST", "/posted", headers, b'{"a": "b"}').status == 200


# Times.


def test_head_that_does_not_end_is_408(tmp_path: Path) -> None:
    with server(tmp_path, ANN, head_seconds=0.3) as (host, _), connected(host) as connection:
        connection.sendall(b"GET /raw/x HTTP/1.1\r\nHost:")
        assert read_all(connection).startswith(b"HTTP/1.1 408 ")


def test_head_that_trickles_is_408(tmp_path: Path) -> None:
    stop = threading.Event()
    with server(tmp_path, ANN, head_seconds=0.5) as (host, _), connected(host) as connection:

        def trickle() -> None:
            for byte in HIT[:-4] + b"X-A: " + b"x" * 1000:
                if stop.wait(0.02):
                    return
                connection.sendall(bytes([byte]))

        with ThreadPoolExecutor(1) as pool:
            trickling = pool.submit(trickle)
            assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
            stop.set()
            trickling.exception()


@pytest.mark.parametrize("framing", [b"Content-Length: 100000", b"Transfer-Encoding: chunked"])
def test_body_that_trickles_is_408_and_nothing_is_forwarded(tmp_path: Path, framing: bytes) -> None:
    limits = {"speed_seconds": 0.5}
    stop = threading.Event()
    with server(tmp_path, ANN, **limits) as (host, upstream), connected(host) as connection:

        def trickle() -> None:
            connection.sendall(b"POST /raw/x HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n")
            while not stop.wait(0.02):
                connection.sendall(b"1\r\nx\r\n")

        with ThreadPoolExecutor(1) as pool:
            trickling = pool.submit(trickle)
            assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
            stop.set()
            trickling.exception()
        assert all(not each.body for each in upstream.requests)


def test_body_that_the_gateway_is_slow_to_take_is_not_408(tmp_path: Path) -> None:
    """The client has sent what there was room for; that the rest does not come is not its fault."""
    gate = threading.Event()

    def slow(exchange: Exchange) -> None:
        exchange.hold(gate)
        raw(head(200, [("Content-Length", "0")]))(exchange)

    size = 32 * 1024 * 1024
    limits = {"speed_seconds": 0.3, "body_bytes_per_second": 200_000}
    with (
        server(tmp_path, slow, **limits) as (host, upstream),
        connected(host) as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        request = b"PUT /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
        sending = pool.submit(connection.sendall, request + bytes(size))
        upstream.wait_for_requests(1)
        with pytest.raises(TimeoutError):
            sending.result(1.5)
        gate.set()
        assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_client_that_does_not_read_its_reply_is_left(tmp_path: Path) -> None:
    size = 64 * 1024 * 1024
    endless = flood(head(200, [("Content-Length", str(size))]), size)
    limits = {"speed_seconds": 0.3, "reply_bytes_per_second": 200_000}
    with server(tmp_path, endless, **limits) as (host, upstream), connected(host) as connection:
        connection.sendall(GET)
        upstream.wait_until(lambda up: up.peers_left == 1)
        with pytest.raises((ConnectionError, AssertionError)):
            assert len(read_all(connection)) == size


def test_connection_that_rests_is_closed(tmp_path: Path) -> None:
    with server(tmp_path, ANN, idle_seconds=0.3) as (host, _):
        with connected(host) as fresh:
            assert read_all(fresh) == b""
        with connected(host) as used:
            used.sendall(GET)
            assert read_all(used).startswith(b"HTTP/1.1 200 ")


def test_work_that_takes_long_is_no_rest(tmp_path: Path) -> None:
    gate = threading.Event()
    with (
        server(tmp_path, held(gate, ANN), idle_seconds=0.3, speed_seconds=0.3) as (host, upstream),
        connected(host) as connection,
    ):
        connection.sendall(GET)
        with pytest.raises(AssertionError):
            upstream.wait_until(lambda up: up.peers_left == 1, 1.5)
        gate.set()
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


# Bounds.


def test_connection_beyond_the_bound_is_503(tmp_path: Path) -> None:
    with server(tmp_path, ANN, connections=2) as (host, _):
        with connected(host) as one, connected(host) as two:
            for connection in (one, two):
                connection.sendall(GET)
                assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
            with connected(host) as three:
                received = read_all(three)
        assert received.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in received
        assert host.get("/raw/x").status == 200


def test_connection_far_beyond_the_bound_is_closed(tmp_path: Path) -> None:
    with server(tmp_path, ANN, connections=1) as (host, _), ExitStack() as stack:
        for _ in range(1 + MOST_TURNED_AWAY):
            stack.enter_context(connected(host))
        assert read_all(stack.enter_context(connected(host))) == b""


def test_request_beyond_the_bound_is_503_and_health_is_told(tmp_path: Path) -> None:
    gate = threading.Event()
    with (
        server(tmp_path, held(gate, ANN), requests_in_flight=1) as (host, upstream),
        connected(host) as connection,
    ):
        connection.sendall(GET)
        upstream.wait_for_requests(1)
        answer = host.get("/raw/y")
        assert (answer.status, answer.header("retry-after")) == (503, "1")
        assert answer.json()["reason"] == "overloaded"
        assert host.get("/healthz").status == 200
        gate.set()
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert host.get("/raw/y").status == 200
