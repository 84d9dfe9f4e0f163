"""Pass-through that ends early: services that break off, clients that leave."""

import asyncio
import threading

import pytest

from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.passthrough.passthrough import ForwardedReply, Refused
from bff.upstream.ports import BrokenStream, Transport
from bff.upstream.transports import TransportName
from tests.support.upstream.routes import body_of, open_route
from tests.support.upstream.transports import NAMES, run
from tests.support.upstream.wire import Exchange, Script, WireServer
from tests.support.upstream.wire_scripts import (
    chunk,
    flood,
    head,
    never,
    raw,
    refusing_url,
    stall_after,
    then_close,
    then_reset,
)

every_transport = pytest.mark.parametrize("name", NAMES)


@every_transport
@pytest.mark.parametrize(
    "script",
    [
        then_close(head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"abc")),
        then_reset(head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"abc")),
        then_close(head(200, [("Content-Length", "100000")]) + b"abc"),
        then_reset(head(200, [("Content-Length", "100000")]) + b"abc"),
    ],
)
def test_stream_that_the_service_breaks_off_is_broken_for_the_client(
    name: TransportName, script: Script
) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(script) as server:
            outcome = await open_route(transport, server.url)
            assert isinstance(outcome, ForwardedReply)
            with pytest.raises(BrokenStream) as broke:
                await body_of(outcome)
            assert broke.value.failure.reason is Reason.INCOMPLETE

    run(name, scenario)


@every_transport
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (then_close(b""), Reason.DISCONNECTED),
        (then_close(head(200, [("Content-Length", "10")]) + b"abc"), Reason.INCOMPLETE),
        (then_close(head(200, [("Content-Length", "100000")])), Reason.INCOMPLETE),
        (then_reset(head(200, [("Transfer-Encoding", "chunked")])), Reason.INCOMPLETE),
        (raw(head(200, [("Transfer-Encoding", "chunked")]) + b"ZZ\r\n"), Reason.PROTOCOL),
        (raw(b"garbage\r\n\r\n"), Reason.PROTOCOL),
        (raw(head(101, [("Upgrade", "websocket")])), Reason.PROTOCOL),
    ],
)
def test_failure_before_anything_went_out_is_a_value(
    name: TransportName, script: Script, reason: Reason
) -> None:
    async def scenario(transport: Transport) -> ForwardedReply | Refused | Failed:
        with WireServer(script) as server:
            return await open_route(transport, server.url)

    outcome = run(name, scenario)
    assert isinstance(outcome, Failed)
    assert outcome.reason is reason


@every_transport
@pytest.mark.parametrize("script", [never(), stall_after(head(200, [("Content-Length", "10")]))])
def test_service_that_is_silent_for_the_routes_timeout_before_its_body_is_a_value(
    name: TransportName, script: Script
) -> None:
    async def scenario(transport: Transport) -> ForwardedReply | Refused | Failed:
        with WireServer(script) as server:
            outcome = await open_route(transport, server.url, timeout_seconds=0.1)
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)
            return outcome

    outcome = run(name, scenario)
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TIMEOUT


@every_transport
def test_silence_of_the_routes_timeout_in_the_body_breaks_it(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        script = stall_after(head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"abc"))
        with WireServer(script) as server:
            outcome = await open_route(transport, server.url, timeout_seconds=0.1)
            assert isinstance(outcome, ForwardedReply)
            with pytest.raises(BrokenStream) as broke:
                await body_of(outcome)
            assert broke.value.failure.reason is Reason.TIMEOUT
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)

    run(name, scenario)


@every_transport
def test_body_in_a_transfer_coding_that_only_the_hop_understands_is_not_passed_on(
    name: TransportName,
) -> None:
    async def scenario(transport: Transport) -> ForwardedReply | Refused | Failed:
        data = head(200, [("Transfer-Encoding", "gzip, chunked")]) + chunk(b"abc") + chunk(b"")
        with WireServer(raw(data)) as server:
            return await open_route(transport, server.url)

    outcome = run(name, scenario)
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.PROTOCOL


@every_transport
def test_service_that_is_not_there_is_a_value(name: TransportName) -> None:
    with refusing_url() as url:
        outcome = run(name, lambda transport: open_route(transport, url))
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.REFUSED


@every_transport
def test_client_that_leaves_in_mid_reply_lets_go_of_the_service_at_once(
    name: TransportName,
) -> None:
    async def scenario(transport: Transport) -> None:
        script = stall_after(head(200, [("Content-Length", "1000000")]) + b"abc")
        with WireServer(script) as server:
            for count, leave in enumerate(("aclose", "cancel"), 1):
                outcome = await open_route(transport, server.url)
                assert isinstance(outcome, ForwardedReply)
                assert not isinstance(outcome.body, bytes)
                assert await anext(outcome.body) == b"abc"
                if leave == "aclose":
                    await outcome.body.aclose()
                else:
                    reading = asyncio.ensure_future(anext(outcome.body))
                    await asyncio.sleep(0)
                    reading.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await reading
                await asyncio.to_thread(
                    server.wait_until, lambda server, count=count: server.peers_left == count
                )

    run(name, scenario)


@every_transport
def test_client_that_leaves_before_the_head_ends_the_exchange(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(never()) as server:
            opening = asyncio.create_task(open_route(transport, server.url, timeout_seconds=60.0))
            await asyncio.to_thread(server.wait_for_requests, 1)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)

    run(name, scenario)


@every_transport
def test_reply_that_nobody_reads_is_held_back_at_the_service(name: TransportName) -> None:
    """50 MB for a client that takes one chunk: the service can send what the buffers hold."""

    async def scenario(transport: Transport) -> None:
        with WireServer(flood(head(200, [("Content-Length", "50000000")]), 50_000_000)) as server:
            outcome = await open_route(transport, server.url)
            assert isinstance(outcome, ForwardedReply)
            assert not isinstance(outcome.body, bytes)
            assert await anext(outcome.body)
            with pytest.raises(AssertionError):
                await asyncio.to_thread(
                    server.wait_until, lambda server: server.sent_bytes > 20_000_000, 0.5
                )
            await outcome.body.aclose()

    run(name, scenario)


@every_transport
def test_client_that_leaves_while_a_small_reply_is_gathered_ends_the_exchange(
    name: TransportName,
) -> None:
    async def scenario(transport: Transport) -> None:
        sent = threading.Event()

        def script(exchange: Exchange) -> None:
            exchange.send(head(200, [("Content-Length", "10")]) + b"abc")
            sent.set()
            exchange.wait_until_peer_leaves()

        with WireServer(script) as server:
            opening = asyncio.create_task(open_route(transport, server.url, timeout_seconds=60.0))
            await asyncio.to_thread(sent.wait)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)

    run(name, scenario)
