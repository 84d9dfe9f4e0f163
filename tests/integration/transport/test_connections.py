"""Connections over their lifetime: idle ones that are gone, many at once, and slow uploads."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed
from bff.upstream.ports import Transport, UpstreamStream
from bff.upstream.transports import TransportName, open_transport
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.transports import NAMES, fetched, get, run, streamed, whole_body
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import chunk, head, never, reply, then_close

every_transport = pytest.mark.parametrize("name", NAMES)

WHOLE = head(200, [("Content-Length", "2")]) + b"ok"


@every_transport
def test_idle_connection_that_the_server_closed_is_not_used_again(name: TransportName) -> None:
    """Writes among them: none is sent twice, and none is lost."""

    async def scenario(transport: Transport) -> None:
        with WireServer(then_close(WHOLE)) as server:
            for count in range(1, 11):
                request = UpstreamRequest("POST", server.url + "/", (), b"{}")
                outcome = await fetched(transport, request, timeout_seconds=5, byte_cap=100)
                assert isinstance(outcome, UpstreamReply), outcome
                assert len(server.requests) == count
                await asyncio.to_thread(
                    server.wait_until, lambda server: server.open_connections == 0
                )

    run(name, scenario)


@every_transport
def test_idle_connection_is_dropped_after_its_time(name: TransportName) -> None:
    async def main() -> None:
        transport = open_transport(name, idle_seconds=0.05)
        with WireServer(reply()) as server:
            await fetched(transport, get(server.url + "/"), timeout_seconds=5, byte_cap=100)
            await asyncio.sleep(0.2)  # the time itself is what is tested
            await fetched(transport, get(server.url + "/"), timeout_seconds=5, byte_cap=100)
            assert server.accepted == 2
        await transport.close()

    asyncio.run(main())


@every_transport
def test_closing_the_transport_closes_its_connections(name: TransportName) -> None:
    async def main() -> None:
        transport = open_transport(name)
        with WireServer(reply()) as server:
            await fetched(transport, get(server.url + "/"), timeout_seconds=5, byte_cap=100)
            async with streamed(transport, get(server.url + "/"), timeout_seconds=5) as upstream:
                assert isinstance(upstream, UpstreamStream)
                assert await whole_body(upstream) == b""
            await transport.close()
            del transport
            await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)

    asyncio.run(main())


@every_transport
def test_concurrent_requests_are_all_in_flight_at_once(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        def script(exchange: Exchange) -> None:
            exchange.server.wait_for_requests(50)
            exchange.send(WHOLE)

        with WireServer(script) as server:
            request = get(server.url + "/")
            outcomes = await asyncio.gather(
                *(fetched(transport, request, timeout_seconds=5, byte_cap=9) for _ in range(50))
            )
            assert all(isinstance(outcome, UpstreamReply) for outcome in outcomes)

    run(name, scenario)


@every_transport
def test_slow_upload_is_not_the_upstreams_silence(name: TransportName) -> None:
    """The client takes longer for its body than the upstream may take for its head."""

    async def scenario(transport: Transport) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"slow"
            await asyncio.sleep(1.2)  # the slowness itself is what is tested
            yield b"slow"

        with WireServer(reply(body=b"thanks")) as server:
            request = UpstreamRequest("POST", server.url + "/", (), body())
            async with streamed(transport, request, timeout_seconds=0.8) as upstream:
                assert isinstance(upstream, UpstreamStream), upstream
                assert await whole_body(upstream) == b"thanks"
            assert server.requests[0].body == b"slow" * 2

    run(name, scenario)


@every_transport
def test_upload_whose_reply_never_comes_ends_at_the_timeout(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"all of it"

        with WireServer(never()) as server:
            request = UpstreamRequest("POST", server.url + "/", (), body())
            async with streamed(transport, request, timeout_seconds=0.3) as upstream:
                assert isinstance(upstream, Failed)

    run(name, scenario)


def test_http1_gives_the_reply_while_the_request_is_still_being_sent() -> None:
    """Each side speaks only after it has heard the other; httpx sends first and reads after."""
    heard = threading.Event()

    def echo(exchange: Exchange) -> None:
        assert exchange.receive()
        exchange.send(head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"one"))
        exchange.hold(heard)
        while b"0\r\n\r\n" not in exchange.receive():
            pass
        exchange.send(chunk(b"two") + chunk(b""))

    async def scenario(transport: Transport) -> bytes:
        answered = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b"question"
            await answered.wait()
            heard.set()
            yield b"follow-up"

        with WireServer(echo) as server:
            request = UpstreamRequest("POST", server.url + "/", (), body())
            async with streamed(transport, request, timeout_seconds=5) as upstream:
                assert isinstance(upstream, UpstreamStream), upstream
                pieces = upstream.pieces()
                first = await anext(pieces)
                answered.set()
                return first + b"".join([part async for part in pieces])

    assert run("http1", scenario) == b"onetwo"
