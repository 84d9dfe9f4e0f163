"""Tunnels of our own server: bytes both ways, their bounds, their times, their ends."""

import json
import socket
import struct
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import flask
import pytest

from bff.settings import Settings
from bff.web.applications import create_server
from tests.support.hosts import WAIT_BUDGET_SECONDS, Host, http1_server
from tests.support.websockets import (
    Client,
    answer,
    connected,
    echo,
    handshake,
    live,
    live_project,
    opened,
    switching,
)
from tests.support.wire import Exchange, WireServer
from tests.support.wire_scripts import never, reply

MANY = 50_000_000  # more than all buffers on the way hold together
MOST_BUFFERED = 25_000_000  # what those hold at most, the sockets' own among them


def wait_for_end(exchange: Exchange) -> None:
    """Read until the peer ends, and count it."""
    with suppress(OSError):
        while exchange.receive():
            pass
    exchange.server.note_peer_left()


def flood(exchange: Exchange) -> None:
    """Send `MANY` bytes, and count them."""
    piece = bytes(50_000)
    while exchange.server.sent_bytes < MANY:
        exchange.send(piece)
        exchange.server.sent_bytes += len(piece)


# ---------------------------------------------------------------------------- bytes


def test_bytes_go_both_ways_as_they_are(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000 + b"GET / HTTP/1.1\r\n\r\n"
    with live(tmp_path, switching(echo)) as (host, _), opened(host) as client:
        sending = threading.Thread(target=client.send, args=(data,))
        sending.start()
        assert client.read(len(data)) == data
        sending.join()


def test_what_comes_behind_both_heads_goes_first(tmp_path: Path) -> None:
    with (
        live(tmp_path, switching(echo, early=b"welcome ")) as (host, upstream),
        connected(host) as client,
    ):
        early = b"GET /raw/x HTTP/1.1\r\nHost: a\r\n\r\n"
        client.send(handshake() + early)
        assert client.read_head().startswith(b"HTTP/1.1 101 ")
        assert client.read(8 + len(early)) == b"welcome " + early
        assert len(upstream.requests) == 1


def test_what_comes_before_the_answer_waits_within_a_bound(tmp_path: Path) -> None:
    gate = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.hold(gate)
        switching(echo)(exchange)

    with live(tmp_path, script) as (host, upstream), connected(host) as client:
        client.send(handshake())
        upstream.wait_for_requests(1)
        client.socket.settimeout(1)
        sent = 0
        with suppress(TimeoutError):
            while sent < MANY:
                sent += client.socket.send(bytes(50_000))
        assert sent < MOST_BUFFERED
        client.socket.settimeout(WAIT_BUDGET_SECONDS)
        gate.set()
        assert client.read_head().startswith(b"HTTP/1.1 101 ")
        assert client.read(sent) == bytes(sent)


@pytest.mark.parametrize("length", [1, 2])
def test_answer_may_come_in_pieces(tmp_path: Path, length: int) -> None:
    def script(exchange: Exchange) -> None:
        data = answer() + b"welcome"
        for start in range(0, len(data), length):
            exchange.send(data[start : start + length])
        wait_for_end(exchange)

    with live(tmp_path, script) as (host, _), opened(host) as client:
        assert client.read(7) == b"welcome"


def test_informational_reply_before_the_answer_is_passed_over(tmp_path: Path) -> None:
    def script(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + answer())
        wait_for_end(exchange)

    with live(tmp_path, script) as (host, _), opened(host):
        pass


# ---------------------------------------------------------------------------- back-pressure


def test_service_is_not_read_while_the_client_reads_nothing(tmp_path: Path) -> None:
    with live(tmp_path, switching(flood)) as (host, upstream), opened(host) as client:
        sent = wait_until_it_rests(upstream)
        assert sent < MOST_BUFFERED
        assert client.read_all() == bytes(MANY)


def test_client_is_not_read_while_the_service_reads_nothing(tmp_path: Path) -> None:
    gate = threading.Event()
    received: list[int] = []

    def script(exchange: Exchange) -> None:
        exchange.hold(gate)
        while data := exchange.receive():
            received.append(len(data))
        exchange.send(b"all of it")

    with live(tmp_path, switching(script)) as (host, _), opened(host) as client:
        client.socket.settimeout(1)
        sent = 0
        with suppress(TimeoutError):
            while sent < MANY:
                sent += client.socket.send(bytes(50_000))
        assert sent < MOST_BUFFERED
        client.socket.settimeout(WAIT_BUDGET_SECONDS)
        gate.set()
        client.send(bytes(MANY - sent))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.read_all() == b"all of it"
        assert sum(received) == MANY


def wait_until_it_rests(upstream: WireServer) -> int:
    """How much the service could send until its socket took no more."""
    sent = -1
    while sent != upstream.sent_bytes or not sent:
        sent = upstream.sent_bytes
        threading.Event().wait(0.3)
    return sent


# ---------------------------------------------------------------------------- ends


def test_end_of_the_client_is_passed_on_and_the_service_may_still_send(tmp_path: Path) -> None:
    def script(exchange: Exchange) -> None:
        received = b"".join(iter(exchange.receive, b""))
        exchange.send(b"you sent " + received)

    with live(tmp_path, switching(script)) as (host, _), opened(host) as client:
        client.send(b"all")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.read_all() == b"you sent all"


def test_end_of_the_service_is_passed_on_and_the_client_may_still_send(tmp_path: Path) -> None:
    received: list[bytes] = []

    def script(exchange: Exchange) -> None:
        exchange.send(b"bye")
        exchange.socket.shutdown(socket.SHUT_WR)
        received.append(b"".join(iter(exchange.receive, b"")))
        exchange.server.note_peer_left()

    with live(tmp_path, switching(script)) as (host, upstream), opened(host) as client:
        assert client.read_all() == b"bye"
        client.send(b"and you")
        client.socket.shutdown(socket.SHUT_WR)
        upstream.wait_until(lambda server: server.peers_left == 1)
        assert received == [b"and you"]


def test_client_that_resets_ends_the_connection_to_the_service(tmp_path: Path) -> None:
    with live(tmp_path, switching(wait_for_end)) as (host, upstream):
        with opened(host) as client:
            reset = struct.pack("ii", 1, 0)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        upstream.wait_until(lambda server: server.peers_left == 1)


def test_service_that_resets_ends_the_connection_of_the_client(tmp_path: Path) -> None:
    with (
        live(tmp_path, switching(Exchange.reset)) as (host, _),
        opened(host) as client,
        suppress(ConnectionResetError),
    ):
        assert client.read_all() == b""


def test_client_that_leaves_before_the_answer_ends_the_handshake(tmp_path: Path) -> None:
    def script(exchange: Exchange) -> None:
        exchange.wait_until_peer_leaves()

    with live(tmp_path, script) as (host, upstream):
        with connected(host) as client:
            client.send(handshake())
            upstream.wait_for_requests(1)
        upstream.wait_until(lambda server: server.peers_left == 1)


def test_service_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    with WireServer(never()) as upstream:
        made = create_server(
            live_project(tmp_path, upstream.url, timeout="200ms"), Settings(log_level="error")
        )
        with (
            http1_server(made) as port,
            connected(Host("http1", port, flask.Flask("elsewhere"))) as client,
        ):
            client.send(handshake())
            assert client.read_head().startswith(b"HTTP/1.1 504 ")


# ---------------------------------------------------------------------------- times and bounds


def test_idle_tunnel_is_closed_at_both_ends(tmp_path: Path) -> None:
    script = switching(wait_for_end)
    with (
        live(tmp_path, script, websocket_idle_seconds=0.3) as (host, upstream),
        opened(host) as client,
    ):
        assert client.read_all() == b""
        upstream.wait_until(lambda server: server.peers_left == 1)


@pytest.mark.parametrize("talker", ["client", "service"])
def test_tunnel_in_which_something_comes_is_not_idle(tmp_path: Path, talker: str) -> None:
    talked = threading.Event()

    def script(exchange: Exchange) -> None:
        if talker == "client":
            wait_for_end(exchange)
        else:
            for _ in range(20):
                exchange.send(b"x")
                talked.wait(0.1)
            exchange.send(b"end")

    with (
        live(tmp_path, switching(script), websocket_idle_seconds=1) as (host, _),
        opened(host) as client,
    ):
        if talker == "client":
            for _ in range(20):  # twice as long as an idle one lasts
                client.send(b"x")
                talked.wait(0.1)
        else:
            assert client.read_all() == b"x" * 20 + b"end"


def test_peer_that_reads_nothing_holds_an_ended_tunnel_for_two_seconds_only(tmp_path: Path) -> None:
    def script(exchange: Exchange) -> None:
        exchange.server.sent_bytes = MANY - 20_000_000
        flood(exchange)

    with (
        live(tmp_path, switching(script), websocket_idle_seconds=0.5, websockets=1) as (host, _),
        opened(host),
    ):
        for _ in range(100):
            with connected(host) as other:
                other.send(handshake())
                if other.read_head().startswith(b"HTTP/1.1 101 "):
                    return
            threading.Event().wait(0.1)
        pytest.fail("the place of the tunnel did not come free")


def test_more_than_the_bound_are_refused_until_one_ends(tmp_path: Path) -> None:
    script = {"/chat": switching(echo), "/x": reply(body=b"ok")}
    with live(tmp_path, script, websockets=2, requests_in_flight=1) as (host, upstream):
        with ExitStack() as stack:
            clients = [stack.enter_context(opened(host)) for _ in range(2)]
            with connected(host) as client:
                client.send(handshake())
                refused = client.read_all()
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 1\r\n" in refused
            assert b'"reason":"overloaded"' in refused
            assert host.get("/raw/x").body == b"ok", "tunnels take no places of requests"
            for client in clients:
                client.send(b"still here")
                assert client.read(10) == b"still here"
        upstream.wait_until(lambda server: server.open_connections == 1)
        with opened(host):
            pass


def test_handshakes_that_wait_for_an_answer_count_too(tmp_path: Path) -> None:
    with live(tmp_path, never(), websockets=1) as (host, upstream), connected(host) as first:
        first.send(handshake())
        upstream.wait_for_requests(1)
        with connected(host) as second:
            second.send(handshake())
            assert second.read_head().startswith(b"HTTP/1.1 503 ")


# ---------------------------------------------------------------------------- the server's end


@pytest.mark.parametrize("reads", [True, False])
def test_tunnels_are_closed_when_the_server_closes(tmp_path: Path, reads: bool) -> None:
    with WireServer(switching(wait_for_end if reads else flood)) as upstream, ExitStack() as stack:
        made = create_server(live_project(tmp_path, upstream.url), Settings(log_level="error"))
        with http1_server(made, grace_seconds=60) as port:
            host = Host("http1", port, flask.Flask("elsewhere"))
            clients = [stack.enter_context(opened(host)) for _ in range(3)]
        # The server has closed, long before its grace is over.
        upstream.wait_until(lambda server: server.open_connections == 0)
        if reads:
            assert [client.read_all() for client in clients] == [b""] * 3


def test_handshake_that_is_answered_while_the_server_closes_is_closed_at_once(
    tmp_path: Path,
) -> None:
    gate = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.hold(gate)
        switching(wait_for_end)(exchange)

    with WireServer(script) as upstream, ExitStack() as stack:
        made = create_server(live_project(tmp_path, upstream.url), Settings(log_level="error"))
        with http1_server(made, grace_seconds=60) as port:
            host = Host("http1", port, flask.Flask("elsewhere"))
            client = stack.enter_context(connected(host))
            client.send(handshake())
            upstream.wait_for_requests(1)
            threading.Timer(0.2, gate.set).start()
        upstream.wait_until(lambda server: server.peers_left == 1)
        assert client.read_head().startswith(b"HTTP/1.1 101 ")
        assert client.read_all() == b""


# ---------------------------------------------------------------------------- the log


@pytest.mark.parametrize("closed_by", ["client", "service", "idle", "gateway"])
def test_line_at_the_end_has_the_bytes_and_who_closed(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], closed_by: str
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.send(exchange.receive() * 2)
        if closed_by != "service":
            wait_for_end(exchange)

    kept = ExitStack()  # whose client is there until the server has closed
    seconds = 0.5 if closed_by == "idle" else 60
    with (
        live(tmp_path, switching(script), log_level="info", websocket_idle_seconds=seconds) as (
            host,
            upstream,
        ),
        ExitStack() as stack,
    ):
        client: Client = stack.enter_context(opened(host))
        client.send(b"hello")
        assert client.read(10) == b"hellohello"
        match closed_by:
            case "client":
                client.socket.close()
                upstream.wait_until(lambda server: server.peers_left == 1)
            case "service" | "idle":
                assert client.read_all() == b""
            case _:
                kept = stack.pop_all()
    kept.close()
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    (line,) = [line for line in lines if line.get("event") == "request"]
    assert line["status"] == 101
    assert (line["bytes"], line["received_bytes"], line["closed_by"]) == (10, 5, closed_by)
    assert line["route"] == "/live"
    assert line["duration_ms"] > (500 if closed_by == "idle" else 0)
