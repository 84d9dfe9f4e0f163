"""Replies that are too large, or no HTTP: reading stops, and the failure says why."""

import pytest

from bff.engine.ports import UpstreamReply
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.ports import Transport
from bff.upstream.transports import TransportName
from tests.support.upstream.transports import NAMES, failed, fetch, fetched, get, run
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import (
    chunked,
    flood,
    head,
    in_turn,
    raw,
    reply,
    stall_after,
)

every_transport = pytest.mark.parametrize("name", NAMES)

LENGTH_10 = head(200, [("Content-Length", "10")])
CHUNKED = head(200, [("Transfer-Encoding", "chunked")])
MEGABYTE = 1_000_000


# ---------------------------------------------------------------------------- too much


@every_transport
@pytest.mark.parametrize(
    "start",
    [
        head(200, [("Content-Length", "50000000")]),
        CHUNKED + b"2faf080\r\n",  # one chunk of 50 MB
        head(200),
    ],
    ids=["length", "chunked", "close"],
)
def test_reading_stops_at_the_byte_cap_and_the_connection_is_closed(
    name: TransportName, start: bytes
) -> None:
    """What the server could send beyond the cap is what the sockets' buffers hold."""

    def look(server: WireServer) -> None:
        server.wait_until(lambda server: server.peers_left == 1)
        assert server.sent_bytes < 20 * MEGABYTE

    outcome = failed(name, flood(start, 50 * MEGABYTE), then=look)
    assert (outcome.reason, outcome.status) == (Reason.TOO_LARGE, 200)


@every_transport
def test_body_that_declares_more_than_the_byte_cap_is_not_waited_for(name: TransportName) -> None:
    start = head(200, [("Content-Length", "50000000")]) + b"x" * 100_000
    assert failed(name, stall_after(start)).reason is Reason.TOO_LARGE


@every_transport
@pytest.mark.parametrize("cap", [0, 1, 10, 65_535, 65_536, 100_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_byte_cap_is_exact(name: TransportName, cap: int, framing: str) -> None:
    for surplus in (0, 1):
        body = b"x" * (cap + surplus)
        script = reply(body=body) if framing == "length" else chunked([body] if body else [])
        with WireServer(script) as server:
            outcome = fetch(name, get(server.url + "/"), byte_cap=cap)
        if surplus:
            assert isinstance(outcome, Failed)
            assert outcome.reason is Reason.TOO_LARGE
        else:
            assert isinstance(outcome, UpstreamReply)
            assert outcome.body == body


@every_transport
def test_long_replies_of_one_budget_are_too_large_together(name: TransportName) -> None:
    budget = Budget(3 * MEGABYTE, "replies")
    with WireServer(reply(body=b"x" * 2 * MEGABYTE)) as server:
        request = get(server.url + "/")._replace(arriving=budget)
        assert isinstance(fetch(name, request, byte_cap=4 * MEGABYTE), UpstreamReply)
        outcome = fetch(name, request, byte_cap=4 * MEGABYTE)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.status) == (Reason.TOO_LARGE, 200)


# ---------------------------------------------------------------------------- malformed


@every_transport
@pytest.mark.parametrize(
    "data",
    [
        b"<html>no HTTP at all</html>\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nna me: x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
        head(200, [("X", "x" * MEGABYTE)]),
    ],
    ids=lambda data: data[:40].decode().replace("\r\n", "|"),
)
def test_malformed_reply_is_a_protocol_error(name: TransportName, data: bytes) -> None:
    outcome = failed(name, raw(data))
    assert (outcome.reason, outcome.was_sent) == (Reason.PROTOCOL, True)


@every_transport
def test_informational_replies_without_an_end_are_a_failure_in_time(name: TransportName) -> None:
    """httpx takes them until the time is over."""
    outcome = failed(
        name, flood(b"", 10**12, b"HTTP/1.1 102 Wait\r\n\r\n" * 100), timeout_seconds=0.5
    )
    assert outcome.reason is (Reason.PROTOCOL if name == "http1" else Reason.TIMEOUT)


@every_transport
@pytest.mark.parametrize("status", ["099", "000", "1000", "-20"])
def test_status_that_is_none_is_a_protocol_error(name: TransportName, status: str) -> None:
    data = f"HTTP/1.1 {status} Odd\r\nContent-Length: 0\r\n\r\n".encode()
    assert failed(name, raw(data)).reason is Reason.PROTOCOL


@pytest.mark.parametrize(
    "name",
    [
        "http1",
        pytest.param("httpx", marks=pytest.mark.xfail(reason="h11 keeps it for the next request")),
    ],
)
def test_second_reply_on_the_line_is_never_the_next_requests(name: TransportName) -> None:
    first = head(200, [("Content-Length", "5")]) + b"first"
    planted = head(200, [("Content-Length", "7")]) + b"planted"

    async def scenario(transport: Transport) -> None:
        with WireServer(in_turn(raw(first + planted), reply(body=b"second"))) as server:
            for expected in (b"first", b"second"):
                outcome = await fetched(
                    transport, get(server.url + "/"), timeout_seconds=5, byte_cap=9
                )
                assert isinstance(outcome, UpstreamReply), outcome
                assert outcome.body == expected
            assert server.accepted == 2

    run(name, scenario)


@every_transport
def test_failure_keeps_what_is_known_for_the_log(name: TransportName) -> None:
    assert failed(name, raw(b"HTTP/1.1 abc OK\r\n\r\n")).detail
