"""The gateway's own transport: which connection a request goes out on, and how each ends."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.http1.pool import Limits
from bff.upstream.http1.transport import Http1Transport
from bff.upstream.ports import BrokenStream, UpstreamRequest, UpstreamStream
from tests.support.raw_replies import ROWS, Row, Whole
from tests.support.transports import fetched, get, streamed, whole_body
from tests.support.wire import Exchange, WireServer
from tests.support.wire_scripts import (
    drip,
    head,
    held,
    in_turn,
    never,
    reply,
    then_close,
    then_reset,
    unreachable_url,
)

LIMITS = Limits(connect_seconds=0.5, idle_seconds=4.0)
OK = reply(body=b"ok")

Scenario = Callable[[Http1Transport], Awaitable[None]]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Runs a scenario on each kind of loop, with a transport that is closed after it."""

    def run(scenario: Scenario, limits: Limits = LIMITS) -> None:
        async def main() -> None:
            transport = Http1Transport(limits)
            try:
                await asyncio.wait_for(scenario(transport), 20)
            finally:
                await transport.close()

        (uvloop.run if request.param == "uvloop" else asyncio.run)(main())

    return run


async def fetch(
    transport: Http1Transport, url: str, method: str = "GET", seconds: float = 5
) -> UpstreamReply | Failed:
    request = UpstreamRequest(method, url)
    return await fetched(transport, request, timeout_seconds=seconds, byte_cap=1_000)


# ---------------------------------------------------------------------------- found dead


@pytest.mark.parametrize("end", [then_close, then_reset])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
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


# ---------------------------------------------------------------------------- the pool


def test_connection_that_was_used_last_is_used_first(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        gates = {"/0": threading.Event(), "/1": threading.Event()}
        scripts = {path: held(gate, OK) for path, gate in gates.items()}
        with WireServer({**scripts, "/": OK}) as server:
            for order in (["/0", "/1"], ["/1", "/0"]):
                fetches = {
                    path: asyncio.create_task(fetch(transport, server.url + path)) for path in gates
                }
                for path in order:
                    gates[path].set()
                    await fetches[path]
                used = {each.path: each.connection for each in server.requests}
                await fetch(transport, server.url + "/")
                assert server.requests[-1].connection == used[order[-1]]
                for gate in gates.values():
                    gate.clear()
            assert server.accepted == 2

    run(scenario)


def test_requests_beyond_the_bound_on_connections_wait_for_their_turn(
    run: Callable[..., None],
) -> None:
    async def scenario(transport: Http1Transport) -> None:
        gate = threading.Event()
        with WireServer(held(gate, OK)) as server:
            fetches = [
                asyncio.create_task(fetch(transport, f"{server.url}/{place}")) for place in range(6)
            ]
            await asyncio.to_thread(server.wait_for_requests, 2)
            gate.set()
            assert all(isinstance(each, UpstreamReply) for each in await asyncio.gather(*fetches))
            assert server.accepted == 2
            assert sorted(each.path for each in server.requests[:2]) == ["/0", "/1"]

    run(scenario, LIMITS._replace(connections=2))


def test_wait_for_a_connection_is_a_part_of_the_timeout(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(never()) as server:
            first = asyncio.create_task(fetch(transport, server.url + "/"))
            await asyncio.to_thread(server.wait_for_requests, 1)
            outcome = await fetch(transport, server.url + "/", seconds=0.2)
            assert isinstance(outcome, Failed)
            assert (outcome.reason, outcome.was_sent) == (Reason.TIMEOUT, False)
            first.cancel()

    run(scenario, LIMITS._replace(connections=1))


def test_line_for_connections_is_bounded(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        gate = threading.Event()
        with WireServer(held(gate, OK)) as server:
            fetches = [asyncio.create_task(fetch(transport, server.url + "/")) for _ in range(2)]
            await asyncio.to_thread(server.wait_for_requests, 1)
            outcome = await fetch(transport, server.url + "/")
            assert isinstance(outcome, Failed)
            assert (outcome.reason, outcome.was_sent) == (Reason.TIMEOUT, False)
            gate.set()
            assert all(isinstance(each, UpstreamReply) for each in await asyncio.gather(*fetches))

    run(scenario, LIMITS._replace(connections=1, waiting=1))


@pytest.mark.parametrize("keeps", [True, False], ids=["connection", "place"])
def test_turn_of_somebody_who_leaves_goes_to_the_next(
    run: Callable[..., None], keeps: bool
) -> None:
    """Whether the turn is a connection that came free, or the place of one that was closed; and
    whether the leave comes before the turn or together with it."""

    async def scenario(transport: Http1Transport) -> None:
        gate = threading.Event()
        body = head(
            200,
            [("Content-Length", "0")]
            if keeps
            else [("Content-Length", "0"), ("Connection", "close")],
        )
        with WireServer(held(gate, lambda exchange: exchange.send(body))) as server:
            first = asyncio.create_task(fetch(transport, server.url + "/"))
            await asyncio.to_thread(server.wait_for_requests, 1)
            early, late, last = (
                asyncio.create_task(fetch(transport, server.url + "/")) for _ in range(3)
            )
            await asyncio.sleep(0)
            early.cancel()
            first.add_done_callback(lambda _: late.cancel())
            gate.set()
            assert isinstance(await last, UpstreamReply)
            assert early.cancelled()
            assert len(server.requests) <= 3

    run(scenario, LIMITS._replace(connections=1))


def test_whole_line_hears_that_no_connection_can_be_opened(run: Callable[..., None]) -> None:
    """They don't try one after the other, each for the time that connecting may take."""

    async def scenario(transport: Http1Transport) -> None:
        with unreachable_url() as dead:
            began = time.monotonic()
            fetches = [asyncio.create_task(fetch(transport, dead + "/")) for _ in range(20)]
            for outcome in await asyncio.gather(*fetches):
                assert isinstance(outcome, Failed)
                assert (outcome.reason, outcome.was_sent) == (Reason.CONNECT_TIMEOUT, False)
            assert time.monotonic() - began < 1.5

    run(scenario, LIMITS._replace(opening=2))


def test_connection_that_the_upstream_keeps_for_no_time_is_not_used_again(
    run: Callable[..., None],
) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(reply(headers=[("Keep-Alive", "timeout=0")])) as server:
            for _ in range(2):
                await fetch(transport, server.url + "/")
            assert server.accepted == 2

    run(scenario)


def test_connection_that_has_reached_its_age_is_not_used_again(run: Callable[..., None]) -> None:
    slow = drip(head(200, [("Content-Length", "3")]), b"old", every_seconds=0.05)

    async def scenario(transport: Http1Transport) -> None:
        with WireServer(slow) as server:
            for _ in range(2):
                assert isinstance(await fetch(transport, server.url + "/"), UpstreamReply)
            assert server.accepted == 2
            await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)

    run(scenario, LIMITS._replace(age_seconds=0.05))


def test_idle_connections_are_closed_without_another_request(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(OK) as server:
            await fetch(transport, server.url + "/")
            await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)
            assert not transport._pools  # a pool without connections is dropped

    run(scenario, LIMITS._replace(idle_seconds=0.05))


def test_closing_the_transport_ends_what_is_in_flight(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(never()) as server:
            fetches = [asyncio.create_task(fetch(transport, server.url + "/")) for _ in range(2)]
            await asyncio.to_thread(server.wait_for_requests, 1)
            await transport.close()
            for outcome in await asyncio.gather(*fetches):
                assert isinstance(outcome, Failed)
                assert outcome.reason is Reason.DISCONNECTED

    run(scenario, LIMITS._replace(connections=1))


# ---------------------------------------------------------------------------- uploads


def test_upload_waits_for_an_upstream_that_reads_slowly(run: Callable[..., None]) -> None:
    """Of 200 MB, the source gives what the sockets' buffers hold."""

    async def scenario(transport: Http1Transport) -> None:
        given = 0

        async def body() -> AsyncIterator[bytes]:
            nonlocal given
            for _ in range(200):
                given += 1
                yield b"x" * 1_000_000

        def script(exchange: Exchange) -> None:
            exchange.server.stopping.wait()

        with WireServer(script) as server:
            request = UpstreamRequest("POST", server.url + "/", (), body())
            async with streamed(transport, request, timeout_seconds=0.5) as upstream:
                assert isinstance(upstream, Failed)
                assert upstream.reason is Reason.TIMEOUT
            assert given < 20

    run(scenario)


def test_upstream_that_neither_reads_nor_speaks_after_its_first_byte_breaks_the_stream(
    run: Callable[..., None],
) -> None:
    """The upload waits for it, and so does the reader."""
    is_sent = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.hold(is_sent)
        exchange.send(head(200, [("Content-Length", "100000")]) + b"first")
        exchange.server.stopping.wait()

    async def scenario(transport: Http1Transport) -> None:
        async def body() -> AsyncIterator[bytes]:
            asyncio.get_running_loop().call_soon(is_sent.set)
            yield b"x" * 50_000_000  # more than the sockets' buffers hold

        with WireServer(script) as server:
            request = UpstreamRequest("POST", server.url + "/", (), body())
            async with streamed(transport, request, timeout_seconds=0.5) as upstream:
                assert isinstance(upstream, UpstreamStream), upstream
                with pytest.raises(BrokenStream) as broke:
                    async with asyncio.timeout(5):
                        await whole_body(upstream)
            assert broke.value.failure.reason is Reason.TIMEOUT

    run(scenario)


def test_reply_that_comes_before_the_upload_is_done_ends_it_and_the_connection(
    run: Callable[..., None],
) -> None:
    async def scenario(transport: Http1Transport) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.Event().wait()

        def script(exchange: Exchange) -> None:
            exchange.send(head(413, [("Content-Length", "0")]))
            exchange.wait_until_peer_leaves()

        with WireServer(script) as server:
            request = UpstreamRequest("POST", server.url + "/", (), body())
            async with streamed(transport, request, timeout_seconds=5) as upstream:
                assert isinstance(upstream, UpstreamStream), upstream
                assert (upstream.status, await whole_body(upstream)) == (413, b"")
            assert len(asyncio.all_tasks()) == 2  # this one, and the one that waits for it
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)

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
