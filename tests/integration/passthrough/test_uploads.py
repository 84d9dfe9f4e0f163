"""Pass-through towards the service: the bodies of requests, streamed within the route's limits."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bff.upstream.passthrough.passthrough import ForwardedReply, Refused
from bff.upstream.ports import Transport
from bff.upstream.transports import TransportName
from tests.support.upstream.routes import STRIPPING, forwarded, open_route
from tests.support.upstream.transports import NAMES, run
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import head, never

every_transport = pytest.mark.parametrize("name", NAMES)


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@every_transport
@pytest.mark.parametrize("size", [0, 5, 65_536, 65_537, 3_000_000])
def test_body_of_known_length_arrives_with_that_length(name: TransportName, size: int) -> None:
    body = b"x" * size
    request = forwarded(
        name,
        lambda transport, base: open_route(
            transport,
            base,
            method="POST",
            headers=[(b"content-length", str(size).encode()), (b"content-type", b"a/b")],
            body=pieces(body[:2], body[2:]),
        ),
    )
    assert request.wire_body == body
    assert [value for key, value in request.headers if key == "content-length"] == [str(size)]
    assert request.header("transfer-encoding") is None
    assert request.header("content-type") == "a/b"


@every_transport
@pytest.mark.parametrize("surplus", [[], [(b"content-length", b"3")]])
def test_chunked_body_arrives_chunked_anew(
    name: TransportName, surplus: list[tuple[bytes, bytes]]
) -> None:
    """A length beside the chunks is overridden by them (RFC 9112 §6.3), and not forwarded."""
    request = forwarded(
        name,
        lambda transport, base: open_route(
            transport,
            base,
            method="POST",
            headers=[*surplus, (b"transfer-encoding", b"chunked")],
            body=pieces(b"abc", b"defg"),
        ),
    )
    assert request.body == b"abcdefg"
    assert request.header("transfer-encoding") == "chunked"
    assert request.header("content-length") is None


@every_transport
def test_body_is_streamed_to_the_service_while_it_still_comes(name: TransportName) -> None:
    received = asyncio.Event()

    async def scenario(transport: Transport) -> None:
        loop = asyncio.get_running_loop()

        def script(exchange: Exchange) -> None:
            data = exchange.receive()
            loop.call_soon_threadsafe(received.set)
            while b"0\r\n\r\n" not in data:
                data += exchange.receive()
            exchange.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            await received.wait()
            yield b"second"

        with WireServer(script) as server:
            outcome = await open_route(
                transport,
                server.url,
                method="POST",
                headers=[(b"transfer-encoding", b"chunked")],
                body=body(),
            )
            assert isinstance(outcome, ForwardedReply)
            assert outcome.status == 201

    run(name, scenario)


@every_transport
@pytest.mark.parametrize("length", [b"9", b"900000", None], ids=["small", "large", "chunked"])
def test_client_that_leaves_in_mid_upload_leaves_no_whole_request_behind(
    name: TransportName, length: bytes | None
) -> None:
    class ClientGone(Exception):
        pass

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        raise ClientGone

    async def scenario(transport: Transport) -> None:
        framing = (b"content-length", length) if length else (b"transfer-encoding", b"chunked")
        with WireServer(never()) as server:
            with pytest.raises(ClientGone):
                await open_route(
                    transport, server.url, method="POST", headers=[framing], body=body()
                )
            await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)
            assert all(request.body == b"" for request in server.requests)

    run(name, scenario)


@every_transport
def test_declared_length_beyond_the_routes_limit_is_refused_before_anything_is_read(
    name: TransportName,
) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError
        yield b""

    with WireServer(never()) as server:
        outcome = run(
            name,
            lambda transport: open_route(
                transport,
                server.url,
                route=replace(STRIPPING, most_body_bytes=100_000),
                method="POST",
                headers=[(b"content-length", b"100001")],
                body=unread(),
            ),
        )
        assert server.accepted == 0
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.reason) == (413, "body_too_large")
    assert "100000" in outcome.detail


@every_transport
def test_chunks_beyond_the_routes_limit_end_the_exchange_before_the_body_is_whole(
    name: TransportName,
) -> None:
    limited = replace(STRIPPING, most_body_bytes=6)
    chunked = [(b"transfer-encoding", b"chunked")]

    async def post(transport: Transport, url: str, *parts: bytes) -> object:
        return await open_route(
            transport, url, route=limited, method="POST", headers=chunked, body=pieces(*parts)
        )

    async def scenario(transport: Transport) -> None:
        def script(exchange: Exchange) -> None:
            exchange.send(head(200) if exchange.read_body() == b"abcdef" else head(500))
            exchange.close()

        with WireServer(script) as server:
            assert isinstance(await post(transport, server.url, b"abc", b"def"), ForwardedReply)
            outcome = await post(transport, server.url, b"abc", b"defg", b"h")
            assert isinstance(outcome, Refused)
            assert outcome.status == 413
            await asyncio.to_thread(
                server.wait_until,
                lambda server: len(server.requests) == 2 and server.open_connections == 0,
            )
            assert [request.body for request in server.requests] == [b"abcdef", b""]

    run(name, scenario)


@every_transport
@pytest.mark.parametrize("length", [b"9", b"900000", b"2"])
def test_body_that_is_not_as_long_as_it_says_is_a_bad_request_and_not_forwarded_as_whole(
    name: TransportName, length: bytes
) -> None:
    with WireServer(never()) as server:
        outcome = run(
            name,
            lambda transport: open_route(
                transport,
                server.url,
                method="POST",
                headers=[(b"content-length", length)],
                body=pieces(b"abc"),
            ),
        )
        assert all(request.body == b"" for request in server.requests)
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.reason) == (400, "bad_request")
