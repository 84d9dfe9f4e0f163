"""The gateway's own transport: which connection a request goes out on, and how each ends."""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trustme
import uvloop

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Link
from bff.tls import TlsFiles
from bff.upstream.http1.transport import Http1Transport
from bff.upstream.ports import UpstreamStream
from tests.support.upstream.http1_transport import LIMITS, LOOPS, OK, fetch, run_http1
from tests.support.upstream.raw_replies import ROWS, Row, Whole
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.tls_servers import ca_file
from tests.support.upstream.transports import fetched, get, streamed, whole_body
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import (
    head,
    in_turn,
    reply,
    then_close,
    then_reset,
)


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[..., None]:
    return partial(run_http1, request.param)


# ---------------------------------------------------------------------------- found dead


@pytest.mark.parametrize("end", [then_close, then_reset])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "QUERY"])
def test_safe_request_on_a_connection_that_ends_without_a_byte_goes_out_once_more(
    run: Callable[..., None], method: str, end: Callable[[bytes], Callable[[Exchange], None]]
) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(in_turn(OK, end(b""), reply(204))) as server:
            await fetch(transport, server.url + "/")
            outcome = await fetch(transport, server.url + "/", method)
            assert isinstance(outcome, UpstreamReply), outcome
            assert [request.connection for request in server.requests] == [0, 0, 1]

    run(scenario)


def test_stream_on_a_connection_that_ends_without_a_byte_goes_out_once_more(
    run: Callable[..., None],
) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(in_turn(OK, then_close(b""), OK)) as server:
            await fetch(transport, server.url + "/")
            async with streamed(transport, get(server.url + "/"), timeout_seconds=5) as upstream:
                assert isinstance(upstream, UpstreamStream), upstream
                assert await whole_body(upstream) == b"ok"

    run(scenario)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_write_is_never_sent_twice(run: Callable[..., None], method: str) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(in_turn(OK, then_close(b""), OK)) as server:
            await fetch(transport, server.url + "/")
            outcome = await fetch(transport, server.url + "/", method)
            assert isinstance(outcome, Failed)
            assert (outcome.reason, outcome.was_sent) == (Reason.DISCONNECTED, True)
            assert len(server.requests) == 2

    run(scenario)


def test_post_that_is_declared_to_read_goes_out_once_more(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(in_turn(OK, then_close(b""), reply(204))) as server:
            await fetch(transport, server.url + "/")
            request = UpstreamRequest("POST", server.url + "/", body=b"{}", reads=True)
            outcome = await fetched(transport, request, timeout_seconds=5, byte_cap=1000)
            assert isinstance(outcome, UpstreamReply)
            assert [each.body for each in server.requests] == [b"", b"{}", b"{}"]

    run(scenario)


@pytest.mark.parametrize("scripts", [[then_close(b"")], [OK, then_close(b"HTTP")]])
def test_request_is_not_repeated_after_a_byte_of_a_reply_nor_on_a_fresh_connection(
    run: Callable[..., None], scripts: list[Callable[[Exchange], None]]
) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(in_turn(*scripts, OK)) as server:
            outcomes = [await fetch(transport, server.url + "/") for _ in scripts]
            assert isinstance(outcomes[-1], Failed)
            assert outcomes[-1].reason is Reason.DISCONNECTED
            assert len(server.requests) == len(scripts)

    run(scenario)


def test_request_is_repeated_once_at_most(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(in_turn(OK, then_close(b""))) as server:
            await fetch(transport, server.url + "/")
            assert isinstance(await fetch(transport, server.url + "/"), Failed)
            assert len(server.requests) == 3

    run(scenario)


def test_idle_connection_over_tls_that_is_reset_is_found_dead_in_every_turn_of_the_loop(
    run: Callable[..., None], tmp_path: Path
) -> None:
    """TLS loses its socket a turn before the connection hears of that."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    link = Link(TlsFiles(ca_file(tmp_path, authority)))

    async def scenario(transport: Http1Transport) -> None:
        writers: list[asyncio.StreamWriter] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head(204))
            writers.append(writer)

        def reset() -> None:
            writer = writers.pop()
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for turns in range(8):
            for _ in range(2):  # the second finds the connection of the first
                request = UpstreamRequest("GET", url, link=link)
                outcome = await fetched(transport, request, timeout_seconds=5, byte_cap=9)
                assert isinstance(outcome, UpstreamReply), outcome
                reset()
                for _ in range(turns):
                    await asyncio.sleep(0)
        server.close()

    run(scenario)


def test_bytes_that_nobody_waits_for_end_an_idle_connection(run: Callable[..., None]) -> None:
    """A 408 before the connection is closed, for example: it is no reply to the next request."""

    async def scenario(transport: Http1Transport) -> None:
        gate = threading.Event()

        def script(exchange: Exchange) -> None:
            OK(exchange)
            exchange.hold(gate)
            exchange.send(head(408, [("Content-Length", "0")]))
            exchange.wait_until_peer_leaves()

        with WireServer(in_turn(script, OK)) as server:
            await fetch(transport, server.url + "/")
            gate.set()
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)
            outcome = await fetch(transport, server.url + "/")
            assert isinstance(outcome, UpstreamReply)
            assert (outcome.status, server.accepted) == (200, 2)

    run(scenario)


def test_reply_that_was_planted_before_the_next_request_is_not_read_as_the_reply_to_it(
    run: Callable[..., None],
) -> None:
    """The loop is held meanwhile, so that it has not read it."""
    gate, is_planted = threading.Event(), threading.Event()

    def script(exchange: Exchange) -> None:
        OK(exchange)
        exchange.hold(gate)
        exchange.send(head(200, [("Content-Length", "7")]) + b"planted")
        is_planted.set()
        exchange.wait_until_peer_leaves()

    async def scenario(transport: Http1Transport) -> None:
        with WireServer(in_turn(script, OK)) as server:
            await fetch(transport, server.url + "/")
            gate.set()
            assert is_planted.wait(10)
            outcome = await fetch(transport, server.url + "/")
            assert isinstance(outcome, UpstreamReply)
            assert (outcome.body, server.accepted) == (b"ok", 2)

    run(scenario)


# ---------------------------------------------------------------------------- replies


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_reply_over_a_socket(row: Row) -> None:
    async def main() -> None:
        transport = Http1Transport(LIMITS)
        with WireServer(then_close(row.data)) as server:
            outcome = await fetch(transport, server.url + "/", row.method)
        await transport.close()
        if isinstance(row.expected, Whole):
            assert isinstance(outcome, UpstreamReply), outcome
            assert (outcome.status, outcome.body) == row.expected[:2]
        else:
            assert isinstance(outcome, Failed)
            assert (outcome.reason, outcome.was_sent) == (row.expected, True)

    uvloop.run(main())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_connection_serves_the_next_request_after_a_whole_reply_alone(row: Row) -> None:
    """After a failure, surplus bytes, or an end that the connection marks, there is a new one."""

    def script(exchange: Exchange) -> None:
        exchange.send(row.data)
        if not isinstance(row.expected, Whole) or not row.expected.reusable:
            exchange.socket.shutdown(1)
            exchange.wait_until_peer_leaves()

    async def main() -> None:
        transport = Http1Transport(LIMITS)
        with WireServer(in_turn(script, OK)) as server:
            await fetch(transport, server.url + "/", row.method)
            outcome = await fetch(transport, server.url + "/")
            assert isinstance(outcome, UpstreamReply), outcome
            assert outcome.body == b"ok"
            reusable = isinstance(row.expected, Whole) and row.expected.reusable
            assert server.accepted == (1 if reusable else 2)
        await transport.close()

    uvloop.run(main())
