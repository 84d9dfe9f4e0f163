"""Tunnels of our own server: their times and bounds, the server's end, their log lines."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import flask
import pytest

from bff.settings import Settings
from bff.web.applications import create_server
from tests.support.gateway.hosts import Host, http1_server
from tests.support.gateway.websockets import (
    Client,
    connected,
    echo,
    handshake,
    live,
    live_project,
    opened,
    switching,
)
from tests.support.telemetry.log_lines import written
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import flood, never, reply

# ---------------------------------------------------------------------------- times and bounds


def test_idle_tunnel_is_closed_at_both_ends(tmp_path: Path) -> None:
    script = switching(Exchange.wait_until_peer_leaves)
    with (
        live(tmp_path, script, websocket_idle_seconds=0.3) as (host, upstream),
        opened(host) as client,
    ):
        assert client.read_all() == b""
        upstream.wait_until(lambda server: server.peers_left == 1)


@pytest.mark.parametrize("talker", ["client", "service"])
def test_tunnel_in_which_something_comes_is_not_idle(tmp_path: Path, talker: str) -> None:
    paused = threading.Event()

    def talk(send: Callable[[bytes], None]) -> None:
        for _ in range(20):  # twice as long as an idle tunnel lasts
            send(b"x")
            paused.wait(0.1)

    def script(exchange: Exchange) -> None:
        if talker == "service":
            talk(exchange.send)
            exchange.send(b"end")
        else:
            echo(exchange)

    with (
        live(tmp_path, switching(script), websocket_idle_seconds=1) as (host, _),
        opened(host) as client,
    ):
        if talker == "client":
            talk(client.send)
            client.send(b"end")
        assert client.read(23) == b"x" * 20 + b"end"


def test_peer_that_reads_nothing_holds_an_ended_tunnel_for_two_seconds_only(tmp_path: Path) -> None:
    script = flood(b"", 20_000_000)
    with (
        live(tmp_path, switching(script), websocket_idle_seconds=0.5, websockets=1) as (host, _),
        opened(host),
    ):
        wait_until_one_opens(host)


def wait_until_one_opens(host: Host) -> None:
    """A tunnel's place comes free a moment after both its ends."""
    for _ in range(100):
        with connected(host) as client:
            client.send(handshake())
            if client.read_head().startswith(b"HTTP/1.1 101 "):
                return
        threading.Event().wait(0.1)
    pytest.fail("the place of the tunnel did not come free")


def test_more_than_the_bound_are_refused_until_one_ends(tmp_path: Path) -> None:
    script = {"/chat": switching(echo), "/x": reply(body=b"ok")}
    with live(tmp_path, script, websockets=2, requests_in_flight=1) as (host, _):
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
        wait_until_one_opens(host)


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
    then = Exchange.wait_until_peer_leaves if reads else flood(b"", 50_000_000)
    with WireServer(switching(then)) as upstream, ExitStack() as stack:
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
        switching(Exchange.wait_until_peer_leaves)(exchange)

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
            exchange.wait_until_peer_leaves()

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
    (line,) = written(capfdbinary, "access")
    assert line["http.response.status_code"] == 101
    assert (line["http.response.body.bytes"], line["bff.received_bytes"]) == (10, 5)
    assert (line["bff.closed_by"], line["bff.route"]) == (closed_by, "/live")
    assert line["event.duration"] > (500_000_000 if closed_by == "idle" else 0)
