"""The loop thread under a WSGI host: bodies in, chunks out, and every way to end."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from bff.web.hosts.flask.loop_thread import Closing, Exchange, LoopThread
from bff.web.http.replies import Reply
from bff.web.http.requests import ClientGone

WAIT_BUDGET_SECONDS = 10


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    made = LoopThread()
    yield made
    made.stop()


def reader(*chunks: bytes) -> Callable[[int], bytes]:
    left = [*chunks, b""]
    return lambda _: left.pop(0)


def produce(reply: Reply) -> Callable[[], Awaitable[Reply]]:
    async def done() -> Reply:
        return reply

    return done


def reply_of(exchange: Exchange, make: Callable[[], Awaitable[Reply]]) -> Reply:
    exchange.begin(make)
    return exchange.reply()


def test_body_is_read_on_the_requests_own_thread(thread: LoopThread) -> None:
    readers: list[int] = []

    def read(_: int) -> bytes:
        readers.append(threading.get_ident())
        return b"ab" if len(readers) < 3 else b""

    exchange = Exchange(thread.loop, read)

    async def echo() -> Reply:
        return Reply(200, [], b"".join([chunk async for chunk in exchange.request_body()]))

    assert reply_of(exchange, echo).body == b"abab"
    assert set(readers) == {threading.get_ident()}


def test_client_that_leaves_while_its_body_is_read_is_gone(thread: LoopThread) -> None:
    def read(_: int) -> bytes:
        raise OSError("connection reset")

    exchange = Exchange(thread.loop, read)

    async def echo() -> Reply:
        return Reply(200, [], b"".join([chunk async for chunk in exchange.request_body()]))

    with pytest.raises(ClientGone):
        reply_of(exchange, echo)


def test_chunks_arrive_in_order_and_body_may_still_be_read(thread: LoopThread) -> None:
    exchange = Exchange(thread.loop, reader(b"1", b"2"))

    async def shout() -> AsyncIterator[bytes]:
        async for chunk in exchange.request_body():
            yield chunk + b"!"

    reply_of(exchange, produce(Reply(200, [], shout())))
    assert list(exchange.chunks()) == [b"1!", b"2!"]
    exchange.abandon()


def test_stream_that_breaks_off_raises_after_what_came(thread: LoopThread) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("broke off")

    exchange = Exchange(thread.loop, reader())
    reply_of(exchange, produce(Reply(200, [], half())))
    chunks = exchange.chunks()
    assert next(chunks) == b"half"
    with pytest.raises(RuntimeError, match="broke off"):
        next(chunks)
    exchange.abandon()


def test_what_producing_raises_is_raised_to_the_waiting_thread(thread: LoopThread) -> None:
    async def fail() -> Reply:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        reply_of(Exchange(thread.loop, reader()), fail)


def test_slow_client_holds_the_upstream_back(thread: LoopThread) -> None:
    """While nobody takes the chunks, the source is asked for a bounded number of them."""
    made = 0
    waiting = threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"x"

    exchange = Exchange(thread.loop, reader())
    reply_of(exchange, produce(Reply(200, [], endless())))
    for _ in range(3):  # turns of the loop, each of which lets the stream run as far as it may
        waiting.clear()
        thread.loop.call_soon_threadsafe(waiting.set)
        assert waiting.wait(WAIT_BUDGET_SECONDS)
    ahead = made
    assert 1 <= ahead < 20
    chunks = exchange.chunks()
    assert [next(chunks) for _ in range(50)] == [b"x"] * 50
    assert made >= 50
    exchange.abandon()


def test_closing_an_unfinished_exchange_ends_the_source(thread: LoopThread) -> None:
    ended = threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            ended.set()

    exchange = Exchange(thread.loop, reader())
    reply_of(exchange, produce(Reply(200, [], endless())))
    assert next(exchange.chunks()) == b"first"
    exchange.abandon()
    assert ended.wait(WAIT_BUDGET_SECONDS)


def test_stopping_cancels_what_still_runs() -> None:
    ended = threading.Event()
    thread = LoopThread()
    begun = threading.Event()

    async def for_ever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    asyncio.run_coroutine_threadsafe(for_ever(), thread.loop)
    assert begun.wait(WAIT_BUDGET_SECONDS)
    thread.stop()
    assert ended.is_set()


def test_exchange_whose_loop_stops_is_closing(thread: LoopThread) -> None:
    begun = threading.Event()

    async def for_ever() -> Reply:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    exchange = Exchange(thread.loop, reader())
    exchange.begin(for_ever)
    assert begun.wait(WAIT_BUDGET_SECONDS)
    exchange.stop()
    with pytest.raises(Closing):
        exchange.reply()


def test_exchange_that_is_stopped_before_its_first_step_is_closing(thread: LoopThread) -> None:
    is_free = threading.Event()
    thread.loop.call_soon_threadsafe(is_free.wait)
    exchange = Exchange(thread.loop, reader())
    exchange.begin(produce(Reply(200, [], b"")))
    exchange.stop()
    is_free.set()
    with pytest.raises(Closing):
        exchange.reply()


def test_exchange_that_is_abandoned_has_no_client(thread: LoopThread) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    exchange = Exchange(thread.loop, reader())
    reply_of(exchange, produce(Reply(200, [], endless())))
    chunks = exchange.chunks()
    assert next(chunks) == b"first"
    exchange.abandon()
    exchange.abandon()
    with pytest.raises(ClientGone):
        next(chunks)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # never awaited
def test_exchange_with_a_loop_that_has_ended_is_closing() -> None:
    loop = asyncio.new_event_loop()
    lost = Exchange(loop, reader())
    lost.begin(produce(Reply(200, [], b"")))
    loop.close()
    with pytest.raises(Closing):
        lost.reply()
    with pytest.raises(Closing):
        Exchange(loop, reader()).begin(produce(Reply(200, [], b"")))
