"""Load at a set rate: what waits behind a slow reply has the wait in its latency."""

import asyncio
import gc
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from queue import SimpleQueue

import pytest

from bench.exchange import Expectation, Request, WrongValue
from bench.paced import due_times, percentile_ms, put_paced_load

_VALUE = {"is": "right"}
_JSON = b"content-type: application/json\r\n"

Answer = Callable[[int, bytes], bytes]  # of the request's number and head


def reply(body: bytes = json.dumps(_VALUE).encode(), headers: bytes = _JSON) -> bytes:
    return b"HTTP/1.1 200 OK\r\n%scontent-length: %d\r\n\r\n%s" % (headers, len(body), body)


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A server of one thread, so that one slow answer makes all others wait; an empty answer closes
    the connection."""
    asked: list[bytes] = []

    class Scripted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self._transport = transport

        def data_received(self, data: bytes) -> None:
            asked.append(data)
            answered = answer(len(asked), data)
            if answered:
                self._transport.write(answered)
            else:
                self._transport.close()

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Scripted, "127.0.0.1", 0)
        ready.put(server.sockets[0].getsockname()[1])
        async with server:
            await asyncio.to_thread(done.wait)

    ready, done = SimpleQueue[int](), threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield f"http://127.0.0.1:{ready.get()}/x"
    finally:
        done.set()
        thread.join()


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """The load turns the collector off, which in a run is a process of its own."""
    yield
    gc.enable()


def test_requests_are_due_at_random_times_within_the_load_at_its_rate() -> None:
    due = due_times(1000, 2)
    assert due == sorted(due) == due_times(1000, 2)
    assert due[-1] < 2
    assert 1900 < len(due) < 2100
    assert len({round(later - sooner, 6) for sooner, later in pairwise(due)}) > 1000


def test_slowest_load_has_one_request() -> None:
    assert due_times(0.001, 1) == [0.0]


def test_percentile_is_the_latency_that_the_share_stays_within() -> None:
    latencies = [number / 1000 for number in range(1, 101)]
    assert (percentile_ms(latencies, 0.5), percentile_ms(latencies, 0.99)) == (51, 100)


def test_what_is_due_while_the_server_stalls_waits_by_its_latency() -> None:
    """A closed loop would count one slow request, since it sends none while it waits."""

    def answer(number: int, _: bytes) -> bytes:
        if number == 2:
            time.sleep(0.3)
        return reply()

    with serving(answer) as url:
        figures = put_paced_load(url, 200, 0.3, Expectation(_VALUE), Request())
    assert figures.p50_ms > 50
    assert figures.p99_ms > 200


@pytest.mark.parametrize(
    ("wrong", "reported"),
    [
        (reply(b'{"is": "wrong"}'), "differs"),
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", "differs"),
        (b"", "closed"),
        (b"HTTQ\r\n\r\n", "HttpParser"),
    ],
)
def test_one_wrong_reply_among_many_is_reported(wrong: bytes, reported: str) -> None:
    with (
        serving(lambda number, _: wrong if number == 20 else reply()) as url,
        pytest.raises(WrongValue, match=reported),
    ):
        put_paced_load(url, 500, 0.2, Expectation(_VALUE), Request())


def test_replies_that_are_all_wrong_are_reported() -> None:
    with serving(lambda *_: reply(b"{}")) as url, pytest.raises(WrongValue, match="other values"):
        put_paced_load(url, 100, 0.1, Expectation(_VALUE), Request())


def test_compressed_reply_in_chunks_is_what_it_should_be() -> None:
    packed = gzip.compress(json.dumps(_VALUE).encode())
    head = b"HTTP/1.1 200 OK\r\n%scontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
    chunked = head % _JSON + b"5\r\n%s\r\n" % packed[:5]
    chunked += b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed) - 5, packed[5:])
    expectation = Expectation(_VALUE, encoding="gzip")
    with serving(lambda *_: chunked) as url:
        put_paced_load(url, 100, 0.1, expectation, Request(accept_encoding="gzip"))


def test_conditional_requests_name_the_etag_and_get_304() -> None:
    unchanged = b'HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n'

    def answer(_: int, head: bytes) -> bytes:
        return (
            unchanged
            if b'\r\nIf-None-Match: "a"\r\n' in head
            else reply(headers=_JSON + b'etag: "a"\r\n')
        )

    with serving(answer) as url:
        put_paced_load(url, 100, 0.1, Expectation(_VALUE), Request(is_conditional=True))


def test_body_is_posted_with_its_length() -> None:
    def answer(_: int, message: bytes) -> bytes:
        return reply() if message.endswith(b"\r\nContent-Length: 3\r\n\r\nabc") else b""

    with serving(answer) as url:
        put_paced_load(url, 100, 0.1, Expectation(_VALUE), Request(body=b"abc"))
