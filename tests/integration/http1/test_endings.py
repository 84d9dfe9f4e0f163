"""How connections to our own server end: what is whole arrives, what is half never looks whole."""

import socket
import threading
import time
from pathlib import Path

import pytest

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.gateway.http1_server import (
    LAST,
    connected,
    read_all,
    read_until,
    server,
)
from tests.support.upstream.wire import Exchange
from tests.support.upstream.wire_scripts import (
    chunk,
    head,
    held,
    json_reply,
    raw,
    reply,
    stall_after,
)

UNFINISHED = b"POST /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc"


@pytest.mark.parametrize("request_bytes", [LAST + b"G", UNFINISHED], ids=["behind", "unfinished"])
def test_client_that_reads_late_gets_the_whole_reply_though_it_sent_too_much(
    tmp_path: Path, request_bytes: bytes
) -> None:
    """A reset after the time for what still comes would take the reply from its socket."""
    body = b"x" * 500_000
    early = raw(head(200, [("Content-Length", str(len(body)))]) + body)

    def script(exchange: Exchange) -> None:
        exchange._body_read = True  # it answers before the body is there
        early(exchange)

    with server(tmp_path, script, connections=1) as (host, upstream), connected(host) as connection:
        connection.sendall(request_bytes)
        upstream.wait_for_requests(1)
        end = time.monotonic() + WAIT_BUDGET_SECONDS
        while host.get("/healthz").status == 503:  # until there is room again: it is closed
            assert time.monotonic() < end
        assert read_all(connection).endswith(b"\r\n\r\n" + body)


def test_client_that_closes_its_side_in_mid_reply_gets_no_half_for_the_whole(
    tmp_path: Path,
) -> None:
    """An HTTP/1.0 body without a length ends with the connection."""
    script = stall_after(head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"half"))
    with server(tmp_path, script) as (host, upstream), connected(host) as connection:
        connection.sendall(b"GET /raw/x HTTP/1.0\r\n\r\n")
        read_until(connection, b"half")
        connection.shutdown(socket.SHUT_WR)
        upstream.wait_until(lambda up: up.peers_left == 1)
        with pytest.raises(ConnectionResetError):
            read_all(connection)


def test_client_that_closes_its_side_gets_what_memory_answers(tmp_path: Path) -> None:
    with server(tmp_path, json_reply('{"id": 1, "first_name": "%s"}' % ("x" * 500_000))) as (
        host,
        _,
    ):
        assert host.get("/cached/1").status == 200
        with connected(host) as connection:
            connection.sendall(b"GET /cached/1 HTTP/1.1\r\nHost: a\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            assert read_all(connection).endswith(b'"customer"}}')


def test_client_that_is_not_asked_for_its_body_is_not_slow(tmp_path: Path) -> None:
    """Nobody reads the body of a GET to a composition; so its client waits for the reply."""
    gate = threading.Event()
    script = held(gate, reply(200, [("Content-Type", "application/json")], b'{"id": 1}'))
    limits = {"speed_seconds": 0.3}
    with server(tmp_path, script, **limits) as (host, upstream), connected(host) as connection:
        connection.sendall(
            b"GET /home/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        upstream.wait_for_requests(1)
        connection.settimeout(1)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        gate.set()
        connection.settimeout(WAIT_BUDGET_SECONDS)
        assert not connection.recv(100).startswith(b"HTTP/1.1 408 ")
