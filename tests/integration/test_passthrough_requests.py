"""Pass-through towards the service: what of a client's request arrives there, byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from bff.plan.model.composition import Route
from bff.upstream.passthrough.passthrough import ForwardedReply, Refused
from bff.upstream.ports import Transport
from bff.upstream.transports import TransportName
from tests.support.routes import KEEPING, STRIPPING, declared_route, open_route
from tests.support.transports import NAMES, run
from tests.support.wire import Exchange, RecordedRequest, WireServer
from tests.support.wire_scripts import head, never, reply

every_transport = pytest.mark.parametrize("name", NAMES)


def forwarded(
    name: TransportName, opening: Callable[[Transport, str], Awaitable[object]], base_path: str = ""
) -> RecordedRequest:
    """The request as the service saw it."""
    with WireServer(reply(body=b"fine")) as server:
        outcome = run(name, lambda transport: opening(transport, server.url + base_path))
        assert isinstance(outcome, ForwardedReply), outcome
        assert outcome.body == b"fine"
        return server.requests[0]


@every_transport
@pytest.mark.parametrize(
    ("route", "base_path", "raw_path", "raw_query", "target"),
    [
        (STRIPPING, "", "/raw/orders", "", "/"),
        (STRIPPING, "", "/raw/orders/", "", "/"),
        (STRIPPING, "", "/raw/orders/7", "", "/7"),
        (STRIPPING, "/v1", "/raw/orders/7", "", "/v1/7"),
        (STRIPPING, "", "/raw/orders//raw/orders/x", "", "//raw/orders/x"),
        (KEEPING, "", "/raw/orders/7", "", "/raw/orders/7"),
        (KEEPING, "/v1", "/raw/orders", "a", "/v1/raw/orders?a"),
        (
            declared_route("", "orders"),
            "",
            "/anything",
            "",
            "/anything",
        ),
        (STRIPPING, "", "/raw/orders/a%2Fb%2f%20+%C3%A9", "", "/a%2Fb%2f%20+%C3%A9"),
        (STRIPPING, "", "/raw/orders/", "q=%2e%2E&q=+&empty=&&flag", "/?q=%2e%2E&q=+&empty=&&flag"),
        (STRIPPING, "", "/raw/orders/o'x{y}", "f='x'|\"<>", "/o'x{y}?f='x'|\"<>"),
        (STRIPPING, "", "/raw/orders/", "next=/../x?y=1", "/?next=/../x?y=1"),
    ],
)
def test_path_and_query_arrive_as_they_came(
    name: TransportName, route: Route, base_path: str, raw_path: str, raw_query: str, target: str
) -> None:
    request = forwarded(
        name,
        lambda transport, base: open_route(
            transport, base, route=route, raw_path=raw_path, raw_query=raw_query
        ),
        base_path,
    )
    assert request.target == target


@every_transport
@pytest.mark.parametrize(
    ("raw_path", "raw_query", "reason"),
    [
        ("/raw/orders/../admin", "", "dot_segment"),
        ("/raw/orders/%2e%2e/admin", "", "dot_segment"),
        ("/raw/orders/..%2fadmin", "", "dot_segment"),
        ("/raw/orders/x%5C..", "", "dot_segment"),
        ("/raw/orders/..;a=b/admin", "", "dot_segment"),
        ("/raw/orders/.", "", "dot_segment"),
        ("/raw/orders/a\\b", "", "bad_path"),
        ("/raw/orders/a b", "", "bad_path"),
        ("/raw/orders/a#b", "", "bad_path"),
        ("/raw/orders/\xe9", "", "bad_path"),
        ("/raw/orders/", "a b", "bad_path"),
        ("/raw/orders/", "a\r\nb", "bad_path"),
    ],
)
def test_path_that_could_be_read_in_two_ways_is_refused(
    name: TransportName, raw_path: str, raw_query: str, reason: str
) -> None:
    with WireServer(reply()) as server:
        outcome = run(
            name,
            lambda transport: open_route(
                transport, server.url, raw_path=raw_path, raw_query=raw_query
            ),
        )
        assert server.accepted == 0
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.reason) == (400, reason)


@every_transport
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
def test_every_method_passes(name: TransportName, method: str) -> None:
    request = forwarded(name, lambda transport, base: open_route(transport, base, method=method))
    assert request.method == method


@every_transport
@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_tunnels_and_echoes_are_refused(name: TransportName, method: str) -> None:
    with WireServer(reply()) as server:
        outcome = run(name, lambda transport: open_route(transport, server.url, method=method))
        assert server.accepted == 0
    assert isinstance(outcome, Refused)
    assert outcome.status == 501


@every_transport
def test_headers_on_the_wire_are_the_allowed_ones_and_the_gateways_own(
    name: TransportName,
) -> None:
    received = [
        (b"host", b"shop.example"),
        (b"accept", b"text/html"),
        (b"authorization", b"Bearer t"),
        (b"connection", b"upgrade, x-forwarded-for, accept-language"),
        (b"upgrade", b"websocket"),
        (b"accept-language", b"de"),
        (b"cookie", b"session=1"),
        (b"x-forwarded-for", b"203.0.113.9"),
        (b"x-user", b"admin"),
        (b"te", b"trailers"),
        (b"expect", b"100-continue"),
        (b"user-agent", b"browser"),
    ]
    request = forwarded(name, lambda transport, base: open_route(transport, base, headers=received))
    assert sorted(request.headers) == [
        ("accept", "text/html"),
        ("authorization", "Bearer t"),
        ("host", request.header("host")),
        ("user-agent", "browser"),
        ("via", "1.1 bff"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "r1"),
    ]
    assert request.header("host") != "shop.example"


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
            await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)
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


@every_transport
def test_header_with_control_characters_is_a_bad_request(name: TransportName) -> None:
    with WireServer(reply()) as server:
        outcome = run(
            name,
            lambda transport: open_route(transport, server.url, headers=[(b"accept", b"a\x01")]),
        )
        assert server.requests == []
    assert isinstance(outcome, Refused)
    assert outcome.status == 400
