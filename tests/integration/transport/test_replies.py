"""What a transport makes of an upstream's replies: statuses, headers, bodies, streams."""

import asyncio
import gzip
import threading
from pathlib import Path

import pytest

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.ports import Transport, UpstreamStream
from bff.upstream.transports import TransportName
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.transports import NAMES, fetch, fetched, get, run, streamed, whole_body
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import (
    chunk,
    chunked,
    head,
    in_turn,
    json_reply,
    raw,
    reply,
    then_close,
)

every_transport = pytest.mark.parametrize("name", NAMES)

CHUNKED = head(200, [("Transfer-Encoding", "chunked")])


def replied(name: TransportName, data: bytes, *, method: str = "GET") -> UpstreamReply:
    """What the transport makes of these bytes, after which the connection is closed."""
    with WireServer(then_close(data)) as server:
        outcome = fetch(name, UpstreamRequest(method, server.url + "/"))
    assert isinstance(outcome, UpstreamReply), outcome
    return outcome


@every_transport
@pytest.mark.parametrize("status", [200, 201, 206, 299, 400, 404, 410, 429, 500, 503, 599, 999])
def test_status_and_body_come_back_as_they_are(name: TransportName, status: int) -> None:
    outcome = replied(name, head(status, [("Content-Length", "3")]) + b"abc")
    assert (outcome.status, outcome.body) == (status, b"abc")


@every_transport
@pytest.mark.parametrize("status", [204, 304])
def test_status_without_a_body_has_none_even_where_a_length_is_given(
    name: TransportName, status: int
) -> None:
    length = [("Content-Length", "10")] if status == 304 else []
    outcome = replied(name, head(status, [*length, ("ETag", '"x"')]))
    assert (outcome.status, outcome.body, outcome.header(b"etag")) == (status, b"", '"x"')


@every_transport
def test_reply_to_head_has_the_length_and_no_body(name: TransportName) -> None:
    outcome = replied(name, head(200, [("Content-Length", "5000000")]), method="HEAD")
    assert (outcome.header(b"content-length"), outcome.body) == ("5000000", b"")


@every_transport
def test_informational_replies_are_passed_over(name: TransportName) -> None:
    early = head(100) + head(103, [("Link", "</style.css>")])
    outcome = replied(name, early + head(200, [("Content-Length", "2")]) + b"ok")
    assert (outcome.status, outcome.body, outcome.header(b"link")) == (200, b"ok", None)


@every_transport
def test_switch_of_protocols_that_nobody_asked_for_is_a_protocol_error(
    name: TransportName,
) -> None:
    with WireServer(raw(head(101, [("Upgrade", "other")]) + b"other")) as server:
        outcome = fetch(name, get(server.url + "/"))
        server.wait_until(lambda server: server.open_connections == 0)
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.PROTOCOL


@every_transport
@pytest.mark.parametrize(
    ("data", "body"),
    [
        (head(200, [("Content-Length", "0")]), b""),
        (CHUNKED + chunk(b""), b""),
        (CHUNKED + chunk(b"ab") + chunk(b"c") + chunk(b""), b"abc"),
        (CHUNKED + b"2;x=y\r\nab\r\n0\r\nTrailer: 1\r\n\r\n", b"ab"),
        (head(200) + b"until the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (head(200, [("Content-Length", "2")]) + b"okand what follows", b"ok"),
    ],
    ids=["empty", "empty chunked", "chunked", "extensions, trailers", "close", "1.0", "surplus"],
)
def test_body_ends_where_its_framing_says(name: TransportName, data: bytes, body: bytes) -> None:
    assert replied(name, data).body == body


@every_transport
@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_072, 1_114_112, 3_000_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_large_bodies_arrive_whole(name: TransportName, size: int, framing: str) -> None:
    body = bytes(range(251)) * (size // 251) + b"!" * (size % 251)
    scripts = {"length": reply(body=body), "chunked": chunked([body[:1], body[1:]])}
    with WireServer(scripts[framing]) as server:
        outcome = fetch(name, get(server.url + "/"), byte_cap=size)
    assert isinstance(outcome, UpstreamReply), outcome
    assert outcome.body == body


@every_transport
def test_headers_come_back_in_lower_case_with_duplicates_in_their_order(
    name: TransportName,
) -> None:
    pairs = [("X-B", "1"), ("x-a", "2"), ("X-b", "3"), ("Empty", ""), ("Content-Length", "0")]
    outcome = replied(name, head(200, pairs))
    assert sorted(outcome.headers) == sorted(
        (key.lower().encode(), value.encode()) for key, value in pairs
    )
    assert [value for key, value in outcome.headers if key == b"x-b"] == [b"1", b"3"]
    assert outcome.header(b"x-b") == "1"
    assert outcome.header(b"missing") is None
    assert len(outcome.headers) == 5


@every_transport
def test_header_bytes_above_ascii_come_back_as_they_are(name: TransportName) -> None:
    pairs = [("X-A", "caf\xe9"), ("X-B", "plain"), ("Content-Length", "0")]
    outcome = replied(name, head(200, pairs))
    assert list(outcome.headers) == [
        (key.lower().encode(), value.encode("latin-1")) for key, value in pairs
    ]


@every_transport
def test_compressed_body_comes_back_as_it_came(name: TransportName) -> None:
    body = gzip.compress(b"hello" * 100)
    pairs = [("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))]
    outcome = replied(name, head(200, pairs) + body)
    assert (outcome.body, outcome.header(b"content-encoding")) == (body, "gzip")


@every_transport
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(name: TransportName, status: int) -> None:
    with WireServer({"/": reply(status, [("Location", "/next")]), "/next": reply()}) as server:
        outcome = fetch(name, get(server.url + "/"))
        assert [request.target for request in server.requests] == ["/"]
    assert isinstance(outcome, UpstreamReply)
    assert (outcome.status, outcome.header(b"location")) == (status, "/next")


@every_transport
def test_cookies_are_not_kept(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(reply(headers=[("Set-Cookie", "session=1; Path=/")])) as server:
            for _ in range(2):
                await fetched(transport, get(server.url + "/"), timeout_seconds=5, byte_cap=100)
            assert [request.header("cookie") for request in server.requests] == [None, None]

    run(name, scenario)


@every_transport
def test_proxies_and_credentials_of_the_environment_are_ignored(
    name: TransportName, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with WireServer(reply(body=b"upstream")) as server, WireServer(reply(body=b"proxy")) as proxy:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, proxy.url)
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        outcome = fetch(name, get(server.url + "/"))
        assert proxy.requests == []
        assert server.requests[0].header("authorization") is None
    assert isinstance(outcome, UpstreamReply)
    assert outcome.body == b"upstream"


@every_transport
def test_one_connection_serves_one_request_after_the_other(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(json_reply("{}")) as server:
            for _ in range(3):
                await fetched(transport, get(server.url + "/"), timeout_seconds=5, byte_cap=100)
            assert server.accepted == 1

    run(name, scenario)


@every_transport
def test_stream_gives_the_head_and_each_chunk_as_they_come(name: TransportName) -> None:
    """The upstream sends each part only after the transport has given the one before."""
    first_seen = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.send(head(200, [("Transfer-Encoding", "chunked"), ("X", "y")]))
        exchange.send(chunk(b"first"))
        exchange.hold(first_seen)
        exchange.send(chunk(b"second") + chunk(b""))

    async def scenario(transport: Transport) -> None:
        with WireServer(script) as server:
            async with streamed(transport, get(server.url + "/"), timeout_seconds=5) as upstream:
                assert isinstance(upstream, UpstreamStream)
                assert upstream.status == 200
                assert (b"x", b"y") in upstream.headers
                chunks = upstream.pieces()
                assert await anext(chunks) == b"first"
                first_seen.set()
                assert [part async for part in chunks] == [b"second"]

    run(name, scenario)


@every_transport
def test_stream_that_was_read_to_its_end_leaves_its_connection_to_the_next(
    name: TransportName,
) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(in_turn(chunked([b"a", b"b"]), reply(body=b"c"))) as server:
            for expected in (b"ab", b"c"):
                async with streamed(
                    transport, get(server.url + "/"), timeout_seconds=5
                ) as upstream:
                    assert isinstance(upstream, UpstreamStream)
                    assert await whole_body(upstream) == expected
            assert server.accepted == 1

    run(name, scenario)


@every_transport
def test_stream_that_is_left_early_closes_its_connection(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        start = head(200, [("Content-Length", "1000000")]) + b"begin"

        def script(exchange: Exchange) -> None:
            exchange.send(start)
            exchange.wait_until_peer_leaves()

        with WireServer(script) as server:
            async with streamed(transport, get(server.url + "/"), timeout_seconds=60) as upstream:
                assert isinstance(upstream, UpstreamStream)
                assert await anext(upstream.pieces())
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)

    run(name, scenario)
