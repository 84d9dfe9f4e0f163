"""What a transport puts on the wire: the request target, headers and body that it was given."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.ports import Transport, UpstreamStream
from bff.upstream.transports import TransportName
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.transports import NAMES, fetch, get, run, streamed, whole_body
from tests.support.upstream.wire import Exchange, RecordedRequest, WireServer
from tests.support.upstream.wire_scripts import reply

every_transport = pytest.mark.parametrize("name", NAMES)


def sent(name: TransportName, request: UpstreamRequest) -> RecordedRequest:
    """The request as the server saw it; `request.url` is the part after the origin."""
    with WireServer(reply()) as server:
        outcome = fetch(
            name,
            UpstreamRequest(
                request.method, server.url + request.url, request.headers, request.body
            ),
        )
        assert not isinstance(outcome, Failed), outcome
        return server.requests[0]


@every_transport
@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/users/1?limit=10&limit=20",
        "/a%2Fb/%2f/%5c%C3%A9%zz/%252ee/c",
        "/a//b///",
        "//double.example/at/the/start",
        "/a?",
        "/a;v=1/b,c:d@e!f$g&h(i)*+~_-.=|[x]",
        "/.well-known/a.b/..x/x..",
        "/?path=/../..&plus=+%20&dots=./.",
        "/?name='x'",
        '/?wide="<>`{}^|[]',
        "/braces{}^`",
        "/quotes'",
    ],
)
def test_request_target_goes_out_byte_for_byte(name: TransportName, target: str) -> None:
    assert sent(name, get(target)).line == f"GET {target} HTTP/1.1"


@every_transport
@pytest.mark.parametrize(
    "target",
    [
        "/a/../b",
        "/..",
        "/.",
        "/a/%2e%2E/b",
        "/a/.%2e?x=1",
        "/a/%2e",
        "/a/..%2fb",
        "/a%2f..%2Fb",
        "/a/..;x=1/b",
        "/a/..%3bx/b",
        "/a%5c..",
        "/a\\..\\b",
        "/a\\b",
        "/blank here",
        "/tab\there",
        "/line\r\nHost: elsewhere",
        "/é",
        "/a#fragment",
        "/nul\0",
    ],
)
def test_target_that_the_next_hop_might_read_differently_is_refused_before_it_is_sent(
    name: TransportName, target: str
) -> None:
    with WireServer(reply()) as server:
        outcome = fetch(name, get(server.url + target))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.was_sent) == (Reason.BAD_INPUT, False)
    assert server.requests == []


@every_transport
@pytest.mark.parametrize(
    "header",
    [
        ("x", "a\r\nInjected: 1"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("x", "\x7f"),
        ("x", " blank first"),
        ("x", "blank last "),
        ("x y", "a"),
        ("x:", "a"),
        ("", "a"),
        ("é", "a"),
    ],
)
def test_header_that_http_does_not_allow_is_refused_before_it_is_sent(
    name: TransportName, header: tuple[str, str]
) -> None:
    with WireServer(reply()) as server:
        outcome = fetch(name, UpstreamRequest("GET", server.url + "/", [as_bytes(header)]))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.was_sent) == (Reason.BAD_INPUT, False)
    assert server.requests == []


def as_bytes(header: tuple[str, str]) -> tuple[bytes, bytes]:
    return header[0].encode("latin-1"), header[1].encode("latin-1")


@every_transport
def test_nothing_is_added_but_framing_and_the_two_headers_that_mean_no_preference(
    name: TransportName,
) -> None:
    request = sent(name, get("/"))
    host = request.header("host")
    assert sorted(request.headers) == [
        ("accept", "*/*"),
        ("host", host),
        ("user-agent", "bff"),
    ]


@every_transport
def test_headers_keep_their_values_and_order_and_names_go_out_in_lower_case(
    name: TransportName,
) -> None:
    """Headers of one name may move together (RFC 9110 §5.3 gives their own order alone meaning)."""
    given = [
        ("x-b", "1"),
        ("accept", "application/json"),
        ("x-a", "2, 3"),
        ("x-empty", ""),
        ("user-agent", "someone/1.0"),
        ("x-b", "0"),
        ("x-tab", "a\tb"),
    ]
    request = sent(name, UpstreamRequest("GET", "/", [as_bytes(each) for each in given]))
    received = [pair for pair in request.raw_headers if pair[0].lower() != "host"]
    assert sorted(received) == sorted(given)
    assert [value for key, value in received if key == "x-b"] == ["1", "0"]
    first_seen = list(dict.fromkeys(key for key, _ in received))
    assert first_seen == list(dict.fromkeys(key for key, _ in given))


@every_transport
def test_header_bytes_above_ascii_go_out_as_they_are(name: TransportName) -> None:
    request = sent(name, UpstreamRequest("GET", "/", [(b"x", b"caf\xe9 \xc3\xa9")]))
    assert b"x: caf\xe9 \xc3\xa9\r\n" in request.head.lower()


@every_transport
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "DELETE", "PURGE", "get"])
def test_method_goes_out_as_given(name: TransportName, method: str) -> None:
    request = sent(name, UpstreamRequest(method, "/"))
    assert request.method == method
    assert request.header("content-length") is None
    assert request.header("transfer-encoding") is None


@every_transport
def test_method_that_is_no_token_is_refused_before_it_is_sent(name: TransportName) -> None:
    with WireServer(reply()) as server:
        outcome = fetch(name, UpstreamRequest("GET /x", server.url + "/"))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.was_sent) == (Reason.BAD_INPUT, False)
    assert server.requests == []


@every_transport
@pytest.mark.parametrize("body", [b"{}", bytes(range(256)) * 1000])
def test_body_of_bytes_goes_out_with_its_length(name: TransportName, body: bytes) -> None:
    request = sent(name, UpstreamRequest("POST", "/", [(b"content-type", b"x/y")], body))
    assert request.wire_body == body
    assert request.header("content-length") == str(len(body))
    assert request.header("content-type") == "x/y"


@every_transport
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("body", [None, b""])
def test_write_without_a_body_says_that_its_length_is_zero(
    name: TransportName, method: str, body: bytes | None
) -> None:
    request = sent(name, UpstreamRequest(method, "/", body=body))
    assert [value for key, value in request.headers if key == "content-length"] == ["0"]
    assert request.header("transfer-encoding") is None


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@every_transport
def test_streamed_body_goes_out_chunked_and_an_empty_chunk_does_not_end_it(
    name: TransportName,
) -> None:
    request = sent(name, UpstreamRequest("POST", "/", body=pieces(b"ab", b"", b"cde")))
    assert request.header("transfer-encoding") == "chunked"
    assert request.header("content-length") is None
    assert request.body == b"abcde"


@every_transport
def test_streamed_body_whose_length_is_given_goes_out_with_that_length(
    name: TransportName,
) -> None:
    request = sent(
        name, UpstreamRequest("PUT", "/", [(b"content-length", b"5")], pieces(b"ab", b"cde"))
    )
    assert request.wire_body == b"abcde"
    assert request.header("transfer-encoding") is None


@every_transport
@pytest.mark.parametrize("length", ["1", "9"])
def test_streamed_body_that_is_not_as_long_as_it_says_fails_and_is_never_taken_for_whole(
    name: TransportName, length: str
) -> None:
    with WireServer(reply()) as server:
        body = pieces(b"ab", b"c")
        outcome = fetch(
            name,
            UpstreamRequest("PUT", server.url + "/", [(b"content-length", length.encode())], body),
        )
        server.wait_until(lambda server: server.open_connections == 0)
        assert [request.body for request in server.requests] in ([], [b""])
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.BAD_INPUT


@every_transport
def test_chunks_reach_the_upstream_before_the_next_ones_exist(name: TransportName) -> None:
    """The second chunk is made only after the server has received the first."""
    received = asyncio.Event()

    async def scenario(transport: Transport) -> bytes:
        loop = asyncio.get_running_loop()

        def read_in_parts(exchange: Exchange) -> None:
            first = exchange.receive()
            assert b"first" in first
            loop.call_soon_threadsafe(received.set)
            rest = first
            while b"0\r\n\r\n" not in rest:
                rest += exchange.receive()
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            await received.wait()
            yield b"second"

        with WireServer(read_in_parts) as server:
            request = UpstreamRequest("POST", server.url + "/", body=body())
            async with streamed(transport, request, timeout_seconds=5) as upstream:
                assert isinstance(upstream, UpstreamStream), upstream
                return await whole_body(upstream)

    assert run(name, scenario) == b"ok"


@every_transport
def test_error_in_the_body_stream_is_raised_and_the_upstream_sees_a_broken_request(
    name: TransportName,
) -> None:
    class ClientGone(Exception):
        pass

    async def body(server: WireServer) -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.to_thread(server.wait_for_requests, 1)
        raise ClientGone

    async def scenario(transport: Transport) -> None:
        with WireServer(reply()) as server:
            request = UpstreamRequest("POST", server.url + "/", body=body(server))
            with pytest.raises(ClientGone):
                async with streamed(transport, request, timeout_seconds=5):
                    pass
            await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)
            assert server.requests[0].body == b""

    run(name, scenario)
