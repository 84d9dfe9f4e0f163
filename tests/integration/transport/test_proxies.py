"""A service behind a proxy: tunnels for TLS, absolute targets for plain HTTP, and failures."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Link, Proxy
from bff.tls import TlsFiles
from bff.upstream.ports import Transport, UpstreamStream
from bff.upstream.transports import TransportName
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.tls_servers import ca_file, tls_server
from tests.support.upstream.transports import NAMES, fetch, fetched, run, streamed, whole_body
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import (
    in_turn,
    json_reply,
    never,
    raw,
    refusing_url,
    reply,
    then_close,
)

every_transport = pytest.mark.parametrize("name", NAMES)

SECRET = "Basic " + base64.b64encode(b"me:secret").decode()
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


def proxy_of(server: WireServer, authorization: str | None = None) -> Proxy:
    return Proxy("127.0.0.1", server.port, authorization)


@asynccontextmanager
async def tunnelling_proxy(answer: bytes = TUNNEL) -> AsyncIterator[tuple[Proxy, list[bytes]]]:
    """A proxy that answers CONNECT so, and tunnels; and the heads that it got."""
    heads: list[bytes] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        host, _, port = heads[-1].split(b" ")[1].decode().rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.write(answer)
        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Proxy("127.0.0.1", server.sockets[0].getsockname()[1], SECRET), heads
    finally:
        server.close()


# ---------------------------------------------------------------------------- plain HTTP


@every_transport
@pytest.mark.parametrize("target", ["/a//b?x=%7e&y", "", "/%2F~"])
def test_plain_request_goes_to_the_proxy_with_an_absolute_target(
    name: TransportName, target: str
) -> None:
    """The service's name is the proxy's to resolve."""
    with WireServer(reply(body=b"ok")) as server:
        link = Link(None, proxy_of(server, SECRET))
        request = UpstreamRequest("GET", f"http://shop.invalid:8080{target}", link=link)
        outcome = fetch(name, request)
        assert isinstance(outcome, UpstreamReply), outcome
        (seen,) = server.requests
        assert seen.line == f"GET http://shop.invalid:8080{target or '/'} HTTP/1.1"
        assert seen.header("host") == "shop.invalid:8080"
        assert [value for key, value in seen.headers if key == "proxy-authorization"] == [SECRET]


@every_transport
def test_stream_goes_through_the_proxy_too(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(reply(body=b"ok")) as server:
            link = Link(None, proxy_of(server))
            request = UpstreamRequest("GET", "http://shop.invalid/x", link=link)
            async with streamed(transport, request, timeout_seconds=5) as upstream:
                assert isinstance(upstream, UpstreamStream), upstream
                assert await whole_body(upstream) == b"ok"
            (seen,) = server.requests
            assert seen.target == "http://shop.invalid/x"
            assert seen.header("proxy-authorization") is None

    run(name, scenario)


@every_transport
def test_connections_with_and_without_a_proxy_are_not_mixed(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(reply(body=b"direct")) as service, WireServer(reply(body=b"by")) as proxy:
            links = [None, Link(None, proxy_of(proxy)), None, Link(None, proxy_of(proxy))]
            bodies = []
            for link in links:
                request = UpstreamRequest("GET", service.url + "/", link=link)
                outcome = await fetched(transport, request, timeout_seconds=5, byte_cap=9)
                assert isinstance(outcome, UpstreamReply), outcome
                bodies.append(outcome.body)
            assert bodies == [b"direct", b"by"] * 2
            assert (service.accepted, proxy.accepted) == (1, 1)

    run(name, scenario)


@every_transport
def test_407_is_a_failure_and_no_reply_of_the_service(name: TransportName) -> None:
    with WireServer(json_reply("{}", status=407)) as server:
        link = Link(None, proxy_of(server))
        outcome = fetch(name, UpstreamRequest("GET", "http://shop.invalid/", link=link))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.status) == (Reason.PROTOCOL, 407)


# ---------------------------------------------------------------------------- tunnels


@every_transport
@pytest.mark.parametrize(
    "answer",
    [
        TUNNEL,
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["1.1", "1.0", "length", "chunked"],
)
def test_request_over_tls_goes_through_a_tunnel_and_is_verified_as_without(
    name: TransportName, tmp_path: Path, answer: bytes
) -> None:
    authority = trustme.CA()
    files = TlsFiles(ca_file(tmp_path, authority))

    async def scenario(transport: Transport) -> None:
        async with (
            tunnelling_proxy(answer) as (proxy, heads),
            tls_server(authority, "localhost") as server,
        ):
            for host, whole in (("localhost", True), ("127.0.0.1", False)):
                url = f"https://{host}:{server.port}/secret-path"
                request = UpstreamRequest("GET", url, link=Link(files, proxy))
                outcome = await fetched(transport, request, timeout_seconds=5, byte_cap=9)
                assert isinstance(outcome, UpstreamReply if whole else Failed), outcome
            first = heads[0].decode().lower()
            assert first.startswith(f"connect localhost:{server.port} http/1.1\r\n")
            assert f"proxy-authorization: {SECRET.lower()}\r\n" in first
            assert "secret-path" not in first
            (inside,) = server.heads
            assert inside.startswith(b"GET /secret-path HTTP/1.1\r\n")
            assert b"proxy-" not in inside.lower()

    run(name, scenario)


def test_httpx_refuses_a_target_that_it_would_write_otherwise_through_a_tunnel() -> None:
    link = Link(None, Proxy("127.0.0.1", 9))
    outcome = fetch("httpx", UpstreamRequest("GET", 'https://shop.invalid/a"b', link=link))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.was_sent) == (Reason.BAD_INPUT, False)


def test_informational_reply_to_connect_is_passed_over(tmp_path: Path) -> None:
    authority = trustme.CA()
    files = TlsFiles(ca_file(tmp_path, authority))

    async def scenario(transport: Transport) -> None:
        answer = b"HTTP/1.1 100 Continue\r\n\r\n" + TUNNEL
        async with (
            tunnelling_proxy(answer) as (proxy, _),
            tls_server(authority, "localhost") as server,
        ):
            url = f"https://localhost:{server.port}/"
            request = UpstreamRequest("GET", url, link=Link(files, proxy))
            outcome = await fetched(transport, request, timeout_seconds=5, byte_cap=9)
            assert isinstance(outcome, UpstreamReply), outcome

    run("http1", scenario)


REFUSALS = {
    "407": (reply(407, body=b"who?"), Reason.REFUSED),
    "403": (reply(403), Reason.REFUSED),
    "502": (reply(502, body=b"x" * 100_000), Reason.REFUSED),
    "301": (reply(301, headers=[("Location", "http://elsewhere/")]), Reason.REFUSED),
    "hangs up": (then_close(b""), Reason.DISCONNECTED),
    "hangs up in its head": (then_close(TUNNEL[:20]), Reason.DISCONNECTED),
    "no HTTP": (raw(b"SSH-2.0-none\r\n"), Reason.PROTOCOL),
    "two lengths": (
        raw(TUNNEL[:-2] + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), Reason.PROTOCOL,
    ),
    "bytes behind": (raw(TUNNEL + b"\x15\x03\x01"), Reason.PROTOCOL),
    "101": (raw(b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n"), Reason.PROTOCOL),
    "an endless head": (raw(TUNNEL[:-2] + b"X: " + b"x" * 100_000), Reason.PROTOCOL),
    "endless 1xx": (raw(b"HTTP/1.1 102 Wait\r\n\r\n" * 1_000), Reason.PROTOCOL),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_proxy_that_opens_no_tunnel_is_a_failure_and_nothing_was_sent(case: str) -> None:
    script, reason = REFUSALS[case]
    with WireServer(script) as server:
        link = Link(None, proxy_of(server, SECRET))
        outcome = fetch("http1", UpstreamRequest("POST", "https://shop.invalid/", link=link))
        server.wait_until(lambda server: server.open_connections == 0)
        assert len(server.requests) == 1
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.was_sent) == (reason, False), outcome
    assert "the proxy" in outcome.detail
    assert "secret" not in repr(outcome)
    assert SECRET not in repr(outcome)


@every_transport
@pytest.mark.parametrize("status", [407, 403, 502])
def test_proxy_that_refuses_a_tunnel_is_a_refusal_and_nothing_was_sent(
    name: TransportName, status: int
) -> None:
    with WireServer(reply(status)) as server:
        link = Link(None, proxy_of(server))
        outcome = fetch(name, UpstreamRequest("POST", "https://shop.invalid/", link=link))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.was_sent) == (Reason.REFUSED, False)
    assert str(status) in outcome.detail


def test_tunnel_that_is_refused_fails_no_call_whose_own_is_being_opened() -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(in_turn(reply(502), never())) as server:
            request = UpstreamRequest(
                "GET", "https://shop.invalid/", link=Link(None, proxy_of(server))
            )
            first, second = await asyncio.gather(
                *[fetched(transport, request, timeout_seconds=1, byte_cap=9) for _ in range(2)]
            )
        assert isinstance(first, Failed)
        assert isinstance(second, Failed)
        assert {first.reason, second.reason} == {Reason.REFUSED, Reason.CONNECT_TIMEOUT}

    run("http1", scenario)


@every_transport
def test_proxy_that_hangs_ends_in_time(name: TransportName) -> None:
    with WireServer(never()) as server:
        link = Link(None, proxy_of(server))
        request = UpstreamRequest("GET", "https://shop.invalid/", link=link)
        outcome = fetch(name, request, timeout_seconds=1.0)
        server.wait_until(lambda server: server.peers_left == 1)
    assert isinstance(outcome, Failed)
    if name == "http1":
        assert (outcome.reason, outcome.was_sent) == (Reason.CONNECT_TIMEOUT, False)
    else:  # httpx doesn't tell this from a service that hangs
        assert outcome.reason is Reason.TIMEOUT


@every_transport
def test_proxy_that_is_not_there_is_a_refusal(name: TransportName) -> None:
    with refusing_url() as url:
        link = Link(None, Proxy("127.0.0.1", int(url.rpartition(":")[2])))
        for service in ("http", "https"):
            outcome = fetch(name, UpstreamRequest("GET", f"{service}://a.invalid/", link=link))
            assert isinstance(outcome, Failed)
            assert (outcome.reason, outcome.was_sent) == (Reason.REFUSED, False)
