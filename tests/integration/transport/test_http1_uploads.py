"""The gateway's own transport: how uploads go out, and what ends them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.http1.transport import Http1Transport
from bff.upstream.ports import BrokenStream, UpstreamStream
from tests.support.upstream.http1_transport import LOOPS, run_http1
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.transports import streamed, whole_body
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import (
    head,
)


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[..., None]:
    return partial(run_http1, request.param)


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
            yield b"x" * 20_000_000  # more than the sockets' buffers hold

        with WireServer(script) as server:
            request = UpstreamRequest("POST", server.url + "/", (), body())
            async with streamed(transport, request, timeout_seconds=1) as upstream:
                assert isinstance(upstream, UpstreamStream), upstream
                with pytest.raises(BrokenStream) as broke:
                    async with asyncio.timeout(10):
                        await whole_body(upstream)
            assert broke.value.failure.reason is Reason.TIMEOUT

    run(scenario)


def test_reply_of_an_upstream_that_resets_the_upload_is_not_lost(run: Callable[..., None]) -> None:
    """It came before the next piece, whose sending fails; the loop is held, and has not read it."""
    is_held, is_closed = threading.Event(), threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.hold(is_held)
        exchange.send(head(413, [("Content-Length", "5")]) + b"large")
        exchange.close()  # with a reset, since some of the request is unread
        is_closed.set()

    async def scenario(transport: Http1Transport) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"x" * 10_000
            for _ in range(3):  # turns of the loop, in which it goes out
                await asyncio.sleep(0)
            is_held.set()
            assert is_closed.wait(10)
            yield b"x"

        with WireServer(script) as server:
            request = UpstreamRequest("POST", server.url + "/", (), body())
            async with streamed(transport, request, timeout_seconds=5) as upstream:
                assert isinstance(upstream, UpstreamStream), upstream
                assert (upstream.status, await whole_body(upstream)) == (413, b"large")

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
