"""`HttpxTransport` over pytest-httpx: what it asks of httpx, and what it makes of its answers."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from pytest_httpx import HTTPXMock, IteratorStream

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.ports import BrokenStream, Transport, UpstreamStream
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.transports import fetch, get, run, streamed

URL = "http://orders.example/orders?user_id=1"


def test_request_is_passed_on_with_its_own_headers_and_body(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        method="PUT",
        url=URL,
        match_headers={"x-a": "1", "Host": "orders.example"},
        match_content=b"{}",
        status_code=201,
    )
    outcome = fetch("httpx", UpstreamRequest("PUT", URL, [(b"x-a", b"1")], b"{}"))
    assert isinstance(outcome, UpstreamReply)
    assert outcome.status == 201


def test_request_target_is_handed_over_raw(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response()
    fetch("httpx", get("http://orders.example/a%2Fb?q='x'"))
    sent = httpx_mock.get_request()
    assert sent is not None
    assert sent.extensions["target"] == b"/a%2Fb?q='x'"


def test_every_wait_of_httpx_is_bounded(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response()
    fetch("httpx", get(URL), timeout_seconds=3.0)
    sent = httpx_mock.get_request()
    assert sent is not None
    assert sent.extensions["timeout"] == {"connect": 0.5, "read": 3.0, "write": 3.0, "pool": 3.0}


def test_connecting_takes_half_of_the_whole_at_most(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response()
    fetch("httpx", get(URL), timeout_seconds=0.2)
    sent = httpx_mock.get_request()
    assert sent is not None
    assert sent.extensions["timeout"]["connect"] == 0.1


def test_reply_has_status_headers_and_body(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        status_code=429, headers=[("Retry-After", "3"), ("X", "1"), ("X", "2")], content=b"wait"
    )
    outcome = fetch("httpx", get(URL))
    assert isinstance(outcome, UpstreamReply)
    assert (outcome.status, outcome.body) == (429, b"wait")
    assert outcome.header(b"retry-after") == "3"
    assert [value for name, value in outcome.headers if name == b"x"] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("error", "reason", "was_sent"),
    [
        (httpx.ConnectTimeout("x"), Reason.CONNECT_TIMEOUT, False),
        (httpx.ReadTimeout("x"), Reason.TIMEOUT, True),
        (httpx.ConnectError("x"), Reason.REFUSED, False),
        (httpx.ReadError("x"), Reason.DISCONNECTED, True),
        (httpx.RemoteProtocolError("x"), Reason.PROTOCOL, True),
        (httpx.LocalProtocolError("x"), Reason.BAD_INPUT, False),
        (httpx.InvalidURL("x"), Reason.BAD_INPUT, False),
    ],
)
def test_error_of_httpx_is_a_value_for_fetch_and_for_stream(
    httpx_mock: HTTPXMock, error: Exception, reason: Reason, was_sent: bool
) -> None:
    httpx_mock.add_exception(error)
    httpx_mock.add_exception(error)
    fetched = fetch("httpx", get(URL))

    async def open_stream(transport: Transport) -> object:
        async with streamed(transport, get(URL), timeout_seconds=1) as upstream:
            return upstream

    for outcome in (fetched, run("httpx", open_stream)):
        assert isinstance(outcome, Failed)
        assert (outcome.reason, outcome.was_sent) == (reason, was_sent)


def test_misuse_of_httpx_is_raised(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(httpx.StreamConsumed())
    with pytest.raises(httpx.StreamConsumed):
        fetch("httpx", get(URL))


def test_endless_waiting_is_ended_by_the_total_timeout(httpx_mock: HTTPXMock) -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    httpx_mock.add_callback(never)
    outcome = fetch("httpx", get(URL), timeout_seconds=0.05)
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TIMEOUT


def test_body_beyond_the_cap_is_read_no_further(httpx_mock: HTTPXMock) -> None:
    given: list[int] = []

    def chunks() -> list[bytes]:
        return [b"x" * 10 for _ in range(100)]

    class Counted(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for part in chunks():
                given.append(len(part))
                yield part

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Counted())

    httpx_mock.add_callback(answer)
    outcome = fetch("httpx", get(URL), byte_cap=25)
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TOO_LARGE
    assert sum(given) == 30


def test_stream_gives_chunks_as_httpx_does(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(stream=IteratorStream([b"one", b"two"]))

    async def read(transport: Transport) -> list[bytes]:
        async with streamed(transport, get(URL), timeout_seconds=1) as upstream:
            assert isinstance(upstream, UpstreamStream)
            return [part async for part in upstream.pieces()]

    assert run("httpx", read) == [b"one", b"two"]


def test_error_in_the_body_breaks_the_stream(httpx_mock: HTTPXMock) -> None:
    class Breaking(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"one"
            raise httpx.ReadError("reset")

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Breaking())

    httpx_mock.add_callback(answer)

    async def read(transport: Transport) -> None:
        async with streamed(transport, get(URL), timeout_seconds=1) as upstream:
            assert isinstance(upstream, UpstreamStream)
            assert await anext(upstream.pieces()) == b"one"
            with pytest.raises(BrokenStream) as broke:
                await anext(upstream.pieces())
            assert broke.value.failure.reason is Reason.INCOMPLETE

    run("httpx", read)
