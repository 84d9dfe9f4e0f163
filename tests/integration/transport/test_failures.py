"""What a transport makes of upstreams that fail: each failure is a value that says how."""

import asyncio
import time
from collections.abc import Callable

import pytest

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.ports import BrokenStream, Transport, UpstreamStream
from bff.upstream.transports import TransportName
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.transports import (
    NAMES,
    failed,
    fetch,
    fetched,
    get,
    run,
    streamed,
    whole_body,
)
from tests.support.upstream.wire import Script, WireServer
from tests.support.upstream.wire_scripts import (
    chunk,
    drip,
    flood,
    head,
    never,
    raw,
    refusing_url,
    reply,
    stall_after,
    then_close,
    then_reset,
    unreachable_url,
)

every_transport = pytest.mark.parametrize("name", NAMES)

LENGTH_10 = head(200, [("Content-Length", "10")])
LENGTH_1M = head(200, [("Content-Length", "1000000")])
CHUNKED = head(200, [("Transfer-Encoding", "chunked")])
MEGABYTE = 1_000_000


async def broken(transport: Transport, url: str, timeout_seconds: float) -> tuple[bytes, Failed]:
    """What a stream gave before it broke, and how; nothing where it broke before its answer."""
    received = b""
    async with streamed(transport, get(url), timeout_seconds=timeout_seconds) as upstream:
        if isinstance(upstream, Failed):
            return received, upstream
        try:
            async for part in upstream.pieces():
                received += part
        except BrokenStream as broke:
            return received, broke.failure
    raise AssertionError(f"the stream ended as if it were whole, after {received!r}")


# ---------------------------------------------------------------------------- connecting


@every_transport
def test_refused_connection_is_refused_and_nothing_was_sent(name: TransportName) -> None:
    with refusing_url() as url:
        outcome = fetch(name, get(url + "/"))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.was_sent) == (Reason.REFUSED, False)


@every_transport
def test_name_that_does_not_resolve_is_unresolved_and_nothing_was_sent(
    name: TransportName,
) -> None:
    outcome = fetch(name, get("http://nowhere.invalid/"))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.was_sent) == (Reason.UNRESOLVED, False)


@every_transport
def test_connection_that_hangs_ends_after_the_connect_timeout(name: TransportName) -> None:
    with unreachable_url() as url:
        started = time.monotonic()
        outcome = fetch(name, get(url + "/"), timeout_seconds=8)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.was_sent) == (Reason.CONNECT_TIMEOUT, False)
    assert time.monotonic() - started < 5


@every_transport
def test_tls_handshake_that_hangs_ends_after_the_connect_timeout(name: TransportName) -> None:
    with WireServer(reply()) as server:
        outcome = fetch(name, get(f"https://127.0.0.1:{server.port}/"), timeout_seconds=8)
        assert server.requests == []
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.was_sent) == (Reason.CONNECT_TIMEOUT, False)


# ---------------------------------------------------------------------------- time


@every_transport
@pytest.mark.parametrize(
    "script",
    [
        never(),
        stall_after(b"HTTP/1.1 200 OK\r\nContent"),
        stall_after(LENGTH_10 + b"abc"),
        stall_after(CHUNKED + chunk(b"abc")),
        drip(b"", LENGTH_10 + b"0123456789", every_seconds=0.05),
        drip(LENGTH_10, b"0123456789", every_seconds=0.1),
    ],
    ids=["no head", "half a head", "half a body", "half the chunks", "drips head", "drips body"],
)
def test_fetch_ends_at_its_total_timeout_whatever_trickles_in(
    name: TransportName, script: Script
) -> None:
    started = time.monotonic()
    outcome = failed(
        name,
        script,
        timeout_seconds=0.3,
        then=lambda server: server.wait_until(lambda server: server.peers_left == 1),
    )
    assert (outcome.reason, outcome.was_sent) == (Reason.TIMEOUT, True)
    assert time.monotonic() - started < 3


@every_transport
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent"])
def test_stream_gives_up_when_no_head_comes_in_time(name: TransportName, start: bytes) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(stall_after(start)) as server:
            async with streamed(transport, get(server.url + "/"), timeout_seconds=0.3) as upstream:
                assert isinstance(upstream, Failed)
                assert upstream.reason is Reason.TIMEOUT
            await asyncio.to_thread(server.wait_until, lambda server: server.peers_left == 1)

    run(name, scenario)


@every_transport
def test_stream_breaks_after_a_silence_and_not_while_something_comes(name: TransportName) -> None:
    """Ten bytes, each well within the bound, take longer than the bound in all."""

    async def scenario(transport: Transport) -> None:
        dripping = drip(LENGTH_10, b"0123456789", every_seconds=0.15)
        silent = stall_after(LENGTH_1M + b"abc")
        with WireServer({"/drip": dripping, "/silent": silent}) as server:
            async with streamed(
                transport, get(server.url + "/drip"), timeout_seconds=1.0
            ) as upstream:
                assert isinstance(upstream, UpstreamStream)
                assert await whole_body(upstream) == b"0123456789"
            received, failure = await broken(transport, server.url + "/silent", 0.5)
            assert (received, failure.reason) == (b"abc", Reason.TIMEOUT)

    run(name, scenario)


# ---------------------------------------------------------------------------- broken off


@every_transport
@pytest.mark.parametrize("end", [then_close, then_reset])
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_connection_that_ends_before_the_head_is_disconnected(
    name: TransportName, start: bytes, end: Callable[[bytes], Script]
) -> None:
    outcome = failed(name, end(start))
    assert (outcome.reason, outcome.was_sent) == (Reason.DISCONNECTED, True)


@every_transport
@pytest.mark.parametrize(
    "script",
    [
        then_close(LENGTH_10 + b"abc"),
        then_reset(LENGTH_10 + b"abc"),
        then_close(CHUNKED + chunk(b"abc")),
        then_close(CHUNKED + b"5\r\nab"),
        then_reset(CHUNKED + chunk(b"abc")),
        then_reset(head(200) + b"until the end"),
        then_close(head(200, [("Content-Length", "200000")]) + b"x" * 150_000),
    ],
    ids=[
        "closed in length",
        "reset in length",
        "closed after chunk",
        "closed in chunk",
        "reset in chunks",
        "reset instead of close",
        "closed late",
    ],
)
def test_body_that_ends_early_is_incomplete_and_never_a_reply(
    name: TransportName, script: Script
) -> None:
    assert failed(name, script).reason is Reason.INCOMPLETE


@every_transport
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (then_close(CHUNKED + chunk(b"abc")), Reason.INCOMPLETE),
        (then_reset(CHUNKED + chunk(b"abc")), Reason.INCOMPLETE),
        (then_close(LENGTH_10 + b"abc"), Reason.INCOMPLETE),
        (then_reset(LENGTH_10 + b"abc"), Reason.INCOMPLETE),
        (raw(CHUNKED + chunk(b"abc") + b"zz\r\n"), Reason.PROTOCOL),
    ],
    ids=["closed in chunks", "reset in chunks", "closed in length", "reset in length", "bad chunk"],
)
def test_stream_that_is_cut_off_gives_what_came_and_breaks(
    name: TransportName, script: Script, reason: Reason
) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(script) as server:
            received, failure = await broken(transport, server.url + "/", 5)
            assert received in (b"abc", b"")  # a reset may overtake what came before it
            assert failure.reason is reason

    run(name, scenario)


@every_transport
def test_writes_are_sent_once_however_they_end(name: TransportName) -> None:
    with WireServer(then_close(b"")) as server:
        outcome = fetch(name, UpstreamRequest("POST", server.url + "/", (), b"{}"))
        assert len(server.requests) == 1
    assert isinstance(outcome, Failed)
    assert outcome.was_sent is True


# ---------------------------------------------------------------------------- afterwards


@every_transport
def test_transport_works_on_after_every_kind_of_failure(name: TransportName) -> None:
    scripts = {
        "/close": then_close(b""),
        "/reset": then_reset(LENGTH_10 + b"abc"),
        "/garbage": raw(b"garbage\r\n\r\n"),
        "/flood": flood(CHUNKED + b"2faf080\r\n", 50 * MEGABYTE),
        "/stall": stall_after(LENGTH_10),
        "/fine": reply(body=b"fine"),
    }

    async def scenario(transport: Transport) -> None:
        with WireServer(scripts) as server:
            for path in (*scripts, "/fine"):
                outcome = await fetched(
                    transport, get(server.url + path), timeout_seconds=1.0, byte_cap=1000
                )
                assert isinstance(outcome, UpstreamReply) == (path == "/fine"), outcome

    run(name, scenario)
