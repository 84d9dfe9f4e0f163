"""Tunnels of our own server: bytes both ways, back-pressure, and how each end ends."""

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

import flask
import pytest

from bff.settings import Settings
from bff.web.applications import create_server
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host, http1_server
from tests.support.gateway.websockets import (
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
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import flood, never

MANY = 50_000_000  # bytes: more than all buffers on the way hold together
MOST_BUFFERED = 25_000_000  # what those hold at most, the sockets' own among them

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
        sent = send_until_nobody_takes_more(client)
        assert sent < MOST_BUFFERED
        gate.set()
        assert client.read_head().startswith(b"HTTP/1.1 101 ")
        assert client.read(sent) == bytes(sent)


@pytest.mark.parametrize("length", [1, 2])
def test_answer_may_come_in_pieces(tmp_path: Path, length: int) -> None:
    def script(exchange: Exchange) -> None:
        data = answer() + b"welcome"
        for start in range(0, len(data), length):
            exchange.send(data[start : start + length])
        exchange.wait_until_peer_leaves()

    with live(tmp_path, script) as (host, _), opened(host) as client:
        assert client.read(7) == b"welcome"


def test_informational_reply_before_the_answer_is_passed_over(tmp_path: Path) -> None:
    def script(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + answer())
        exchange.wait_until_peer_leaves()

    with live(tmp_path, script) as (host, _), opened(host):
        pass


# ---------------------------------------------------------------------------- back-pressure


def test_service_is_not_read_while_the_client_reads_nothing(tmp_path: Path) -> None:
    with live(tmp_path, switching(flood(b"", MANY))) as (host, upstream), opened(host) as client:
        sent = wait_until_it_rests(upstream)
        assert sent < MOST_BUFFERED
        assert client.read_all() == b"x" * upstream.sent_bytes


def test_client_is_not_read_while_the_service_reads_nothing(tmp_path: Path) -> None:
    gate = threading.Event()
    received: list[int] = []

    def script(exchange: Exchange) -> None:
        exchange.hold(gate)
        while data := exchange.receive():
            received.append(len(data))
        exchange.send(b"all of it")

    with live(tmp_path, switching(script)) as (host, _), opened(host) as client:
        sent = send_until_nobody_takes_more(client)
        assert sent < MOST_BUFFERED
        gate.set()
        client.send(bytes(MANY - sent))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.read_all() == b"all of it"
        assert sum(received) == MANY


def send_until_nobody_takes_more(client: Client) -> int:
    """How many bytes a client could send."""
    client.socket.settimeout(1)
    sent = 0
    with suppress(TimeoutError):
        while sent < MANY:
            sent += client.socket.send(bytes(50_000))
    client.socket.settimeout(WAIT_BUDGET_SECONDS)
    return sent


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
    with live(tmp_path, switching(Exchange.wait_until_peer_leaves)) as (host, upstream):
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
