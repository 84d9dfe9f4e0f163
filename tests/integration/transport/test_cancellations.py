"""Callers that leave: the upstream's connection ends, and the transport is as good as new."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from bff.engine.ports import UpstreamReply
from bff.upstream.ports import Transport, UpstreamStream
from bff.upstream.transports import TransportName
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.transports import NAMES, fetched, get, run, streamed
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import chunk, head, held, never, raw, reply, stall_after

every_transport = pytest.mark.parametrize("name", NAMES)


async def cancelled(task: asyncio.Task[object]) -> None:
    """Cancel the task and wait for its end, which must be the cancellation."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@every_transport
def test_caller_that_leaves_while_the_body_comes_closes_the_upstream_at_once(
    name: TransportName,
) -> None:
    async def scenario(transport: Transport) -> None:
        started = asyncio.Event()

        async def read(url: str) -> None:
            async with streamed(transport, get(url), timeout_seconds=60) as upstream:
                assert isinstance(upstream, UpstreamStream)
                async for _ in upstream.pieces():
                    started.set()

        with WireServer(stall_after(head(200, [("Content-Length", "900000")]) + b"abc")) as server:
            task: asyncio.Task[object] = asyncio.create_task(read(server.url + "/"))
            await started.wait()
            await cancelled(task)
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)

    run(name, scenario)


@every_transport
def test_caller_that_leaves_while_a_large_body_is_fetched_closes_the_upstream_at_once(
    name: TransportName,
) -> None:
    """20 MB fit in no socket's buffers: once they are sent, the fetch is in mid-body."""
    sent = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.send(head(200, [("Content-Length", "50000000")]) + b"x" * 20_000_000)
        sent.set()
        exchange.wait_until_peer_leaves()

    async def scenario(transport: Transport) -> None:
        with WireServer(script) as server:
            fetching: asyncio.Task[object] = asyncio.create_task(
                fetched(transport, get(server.url + "/"), timeout_seconds=60, byte_cap=50_000_000)
            )
            assert await asyncio.to_thread(sent.wait, 10)
            await cancelled(fetching)
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)

    run(name, scenario)


@every_transport
def test_caller_that_leaves_while_its_own_body_goes_out_breaks_the_upstream_request_at_once(
    name: TransportName,
) -> None:
    async def scenario(transport: Transport) -> None:
        more = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            await more.wait()

        async def send(url: str) -> None:
            request = UpstreamRequest("POST", url, (), body())
            async with streamed(transport, request, timeout_seconds=60):
                pass

        with WireServer(never()) as server:
            task: asyncio.Task[object] = asyncio.create_task(send(server.url + "/"))
            await asyncio.to_thread(server.wait_for_requests, 1)
            await cancelled(task)
            await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)
            assert server.requests[0].body == b""

    run(name, scenario)


@every_transport
def test_caller_that_leaves_before_the_head_closes_the_upstream(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(never()) as server:
            request = get(server.url + "/")
            fetching: asyncio.Task[object] = asyncio.create_task(
                fetched(transport, request, timeout_seconds=60, byte_cap=9)
            )
            await asyncio.to_thread(server.wait_for_requests, 1)
            await cancelled(fetching)
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)

    run(name, scenario)


@every_transport
def test_transport_is_as_good_as_new_after_two_hundred_cancellations(
    name: TransportName,
) -> None:
    """Nothing but the cancellation ends them: a busy machine takes long to open 200 connections."""

    async def scenario(transport: Transport) -> None:
        with WireServer({"/never": never(), "/fine": reply(body=b"fine")}) as server:
            hanging = get(server.url + "/never")
            tasks: list[asyncio.Task[object]] = [
                asyncio.create_task(fetched(transport, hanging, timeout_seconds=60, byte_cap=9))
                for _ in range(200)
            ]
            await asyncio.to_thread(server.wait_for_requests, 1)  # some are still connecting
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)
            fine = get(server.url + "/fine")
            outcomes = await asyncio.gather(
                *(fetched(transport, fine, timeout_seconds=5, byte_cap=9) for _ in range(50))
            )
            assert all(isinstance(outcome, UpstreamReply) for outcome in outcomes)

    run(name, scenario, connect_timeout_seconds=60)


@every_transport
def test_cancellation_that_comes_with_the_reply_is_not_lost(name: TransportName) -> None:
    """The loop is held until the reply is there, so that both come at once."""

    async def scenario(transport: Transport) -> None:
        gate = threading.Event()

        def answer(exchange: Exchange) -> None:
            raw(head(200, [("Transfer-Encoding", "chunked")]))(exchange)
            held(gate, raw(chunk(b"first") + chunk(b"")))(exchange)
            exchange.server.note_peer_left()  # stands for: answered

        async def stream(url: str) -> None:
            async with streamed(transport, get(url), timeout_seconds=5) as upstream:
                assert isinstance(upstream, UpstreamStream)
                async for _ in upstream.pieces():
                    pass
                await asyncio.Event().wait()

        async def fetch(url: str) -> None:
            await fetched(transport, get(url), timeout_seconds=5, byte_cap=1000)
            await asyncio.Event().wait()

        with WireServer(answer) as server:
            for count in range(1, 41):
                gate.clear()
                task = asyncio.create_task((fetch if count % 2 else stream)(server.url + "/"))
                await asyncio.to_thread(server.wait_for_requests, count)
                await asyncio.sleep(0.005)  # most often it waits for the body then
                gate.set()
                server.wait_until(lambda server: server.peers_left == count)  # noqa: B023
                time.sleep(0.002)  # noqa: ASYNC251 - holds the loop; most often the body is there then
                await asyncio.wait_for(cancelled(task), 5)

    run(name, scenario)
