"""Pass-through towards the client: statuses, headers and bodies of a service."""

import gzip

import pytest

from bff.upstream.passthrough.passthrough import ForwardedReply
from bff.upstream.ports import Transport
from bff.upstream.transports import TransportName
from tests.support.upstream.routes import body_of, open_route
from tests.support.upstream.transports import NAMES, run
from tests.support.upstream.wire import Script, WireServer
from tests.support.upstream.wire_scripts import (
    chunked,
    head,
    raw,
    reply,
    then_close,
)

every_transport = pytest.mark.parametrize("name", NAMES)


def relayed(
    name: TransportName, script: Script, method: str = "GET"
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and whole body of what the service answered."""

    async def scenario(transport: Transport) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        with WireServer(script) as server:
            outcome = await open_route(transport, server.url, method=method)
            assert isinstance(outcome, ForwardedReply), outcome
            return outcome.status, outcome.headers, await body_of(outcome)

    return run(name, scenario)


@every_transport
@pytest.mark.parametrize("status", [200, 201, 206, 301, 400, 401, 404, 416, 429, 500, 502, 504])
def test_status_passes_as_it_is(name: TransportName, status: int) -> None:
    assert relayed(name, reply(status, body=b"x"))[0] == status


@every_transport
@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 2_000_000])
def test_body_of_known_length_passes_whole_with_its_length(name: TransportName, size: int) -> None:
    _, headers, body = relayed(name, reply(body=b"x" * size))
    assert headers == [(b"content-length", str(size).encode())]
    assert body == b"x" * size


@every_transport
def test_body_of_unknown_length_passes_without_framing_of_the_services(
    name: TransportName,
) -> None:
    """Where all of it is there already, it has its length instead."""
    for script in (chunked([b"ab", b"c"]), then_close(head(200) + b"abc")):
        _, headers, body = relayed(name, script)
        assert headers in ([], [(b"content-length", b"3")])
        assert body == b"abc"


@every_transport
@pytest.mark.parametrize(
    ("method", "status", "length", "expected"),
    [
        ("HEAD", 200, "5000000", [(b"content-length", b"5000000")]),
        ("HEAD", 200, None, []),
        ("GET", 304, "10", [(b"content-length", b"10")]),
        ("GET", 204, None, []),
    ],
)
def test_reply_without_a_body_passes_without_one(
    name: TransportName,
    method: str,
    status: int,
    length: str | None,
    expected: list[tuple[bytes, bytes]],
) -> None:
    pairs = [] if length is None else [("Content-Length", length)]
    assert relayed(name, raw(head(status, pairs)), method) == (status, expected, b"")


@every_transport
@pytest.mark.parametrize(
    ("method", "script"),
    [
        ("HEAD", raw(head(200, [("Content-Length", "10")]))),
        ("GET", raw(head(204))),
        ("GET", raw(head(304, [("ETag", '"1"')]))),
        ("GET", reply(body=b"small")),
        ("GET", reply(body=b"x" * 100_000)),
        ("GET", chunked([b"a", b"b"])),
    ],
    ids=["HEAD", "204", "304", "small", "large", "chunked"],
)
def test_connection_serves_the_next_request_after_a_whole_reply(
    name: TransportName, method: str, script: Script
) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(script) as server:
            for _ in range(3):
                outcome = await open_route(transport, server.url, method=method)
                assert isinstance(outcome, ForwardedReply)
                await body_of(outcome)
            assert server.accepted == 1

    run(name, scenario)


@every_transport
def test_compressed_body_passes_as_it_came(name: TransportName) -> None:
    body = gzip.compress(b"hello" * 50)
    _, headers, passed = relayed(name, reply(headers=[("Content-Encoding", "gzip")], body=body))
    assert (b"content-encoding", b"gzip") in headers
    assert passed == body


@every_transport
def test_headers_pass_but_for_those_of_the_hop_and_of_the_gateway(name: TransportName) -> None:
    pairs = [
        ("Server", "inner/1.0"),
        ("Connection", "keep-alive, X-Hop"),
        ("Keep-Alive", "timeout=5"),
        ("X-Hop", "1"),
        ("Set-Cookie", "a=1"),
        ("X-Powered-By", "x"),
        ("X-Accel-Redirect", "/internal"),
        ("ETag", '"1"'),
        ("X-Total-Count", "3"),
    ]
    _, headers, _ = relayed(name, reply(headers=pairs))
    assert headers == [(b"etag", b'"1"'), (b"x-total-count", b"3"), (b"content-length", b"0")]
