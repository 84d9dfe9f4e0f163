"""Connections over their lifetime: idle ones that are gone, and callers that leave."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from bff.engine.outcomes import Failed
from bff.engine.ports import Transport, UpstreamReply, UpstreamRequest, UpstreamStream
from bff.upstream.transports import TransportName, open_transport
from tests.support.transports import NAMES, get, run
from tests.support.wire import Exchange, WireServer
from tests.support.wire_scripts import chunk, head, held, never, raw, reply, stall_after, then_close

every_transport = pytest.mark.parametrize("name", NAMES)

WHOLE = head(200, [("Content-Length", "2")]) + b"ok"


async def cancelled(task: asyncio.Task[object]) -> None:
    """Cancel the task and wait for its end, which must be the cancellation."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@every_transport
def test_idle_connection_that_the_server_closed_is_not_used_again(name: TransportName) -> None:
    """Writes among them: none is sent twice, and none is lost."""

    async def scenario(transport: Transport) -> None:
        with WireServer(then_close(WHOLE)) as server:
            for count in range(1, 11):
                request = UpstreamRequest("POST", server.url + "/", (), b"{}")
                outcome = await transport.fetch(request, timeout_seconds=5, byte_cap=100)
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
            await transport.fetch(get(server.url + "/"), timeout_seconds=5, byte_cap=100)
            await asyncio.sleep(0.2)  # the time itself is what is tested
            await transport.fetch(get(server.url + "/"), timeout_seconds=5, byte_cap=100)
            assert server.accepted == 2
        await transport.close()

    asyncio.run(main())


@every_transport
def test_closing_the_transport_closes_its_connections(name: TransportName) -> None:
    async def main() -> None:
        transport = open_transport(name)
        with WireServer(reply()) as server:
            await transport.fetch(get(server.url + "/"), timeout_seconds=5, byte_cap=100)
            async with transport.stream(get(server.url + "/"), timeout_seconds=5) as upstream:
                assert isinstance(upstream, UpstreamStream)
                assert [part async for part in upstream.chunks] == []
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
                *(transport.fetch(request, timeout_seconds=5, byte_cap=9) for _ in range(50))
            )
            assert all(isinstance(outcome, UpstreamReply) for outcome in outcomes)

    run(name, scenario)


@every_transport
def test_caller_that_leaves_while_the_body_comes_closes_the_upstream_at_once(
    name: TransportName,
) -> None:
    async def scenario(transport: Transport) -> None:
        started = asyncio.Event()

        async def read(url: str) -> None:
            async with transport.stream(get(url), timeout_seconds=60) as upstream:
                assert isinstance(upstream, UpstreamStream)
                async for _ in upstream.chunks:
                    started.set()

        with WireServer(stall_after(head(200, [("Content-Length", "9")]) + b"abc")) as server:
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
                transport.fetch(get(server.url + "/"), timeout_seconds=60, byte_cap=50_000_000)
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
            async with transport.stream(request, timeout_seconds=60):
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
    """httpx closes at once; pyreqwest can't, and closes at the exchange's own timeout."""
    timeout_seconds = {"httpx": 60.0, "pyreqwest": 0.5}[name]

    async def scenario(transport: Transport) -> None:
        with WireServer(never()) as server:
            request = get(server.url + "/")
            fetching: asyncio.Task[object] = asyncio.create_task(
                transport.fetch(request, timeout_seconds=timeout_seconds, byte_cap=9)
            )
            await asyncio.to_thread(server.wait_for_requests, 1)
            await cancelled(fetching)
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)

    run(name, scenario)


@every_transport
def test_transport_is_as_good_as_new_after_two_hundred_cancellations(
    name: TransportName,
) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer({"/never": never(), "/fine": reply(body=b"fine")}) as server:
            hanging = get(server.url + "/never")
            tasks: list[asyncio.Task[object]] = [
                asyncio.create_task(transport.fetch(hanging, timeout_seconds=1, byte_cap=9))
                for _ in range(200)
            ]
            await asyncio.to_thread(server.wait_for_requests, 1)  # some are still connecting
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)
            fine = get(server.url + "/fine")
            outcomes = await asyncio.gather(
                *(transport.fetch(fine, timeout_seconds=5, byte_cap=9) for _ in range(50))
            )
            assert all(isinstance(outcome, UpstreamReply) for outcome in outcomes)

    run(name, scenario)


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
            async with transport.stream(get(url), timeout_seconds=5) as streamed:
                assert isinstance(streamed, UpstreamStream)
                async for _ in streamed.chunks:
                    pass
                await asyncio.Event().wait()

        async def fetch(url: str) -> None:
            await transport.fetch(get(url), timeout_seconds=5, byte_cap=1000)
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
            async with transport.stream(request, timeout_seconds=0.8) as upstream:
                assert isinstance(upstream, UpstreamStream), upstream
                assert b"".join([part async for part in upstream.chunks]) == b"thanks"
            assert server.requests[0].body == b"slow" * 2

    run(name, scenario)


@every_transport
def test_upload_whose_reply_never_comes_ends_at_the_timeout(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"all of it"

        with WireServer(never()) as server:
            request = UpstreamRequest("POST", server.url + "/", (), body())
            async with transport.stream(request, timeout_seconds=0.3) as upstream:
                assert isinstance(upstream, Failed)

    run(name, scenario)


def test_pyreqwest_gives_the_reply_while_the_request_is_still_being_sent() -> None:
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
            async with transport.stream(request, timeout_seconds=5) as upstream:
                assert isinstance(upstream, UpstreamStream), upstream
                first = await anext(upstream.chunks)
                answered.set()
                return first + b"".join([part async for part in upstream.chunks])

    assert run("pyreqwest", scenario) == b"onetwo"
