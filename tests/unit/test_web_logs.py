"""When lines are written: those of requests together where there is a loop, all others at once."""

import asyncio
import io
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from bff.web.http.logs import Log, _asked
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest


class Written(io.BytesIO):
    """Counts how often it is written to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.sizes: list[int] = []
        self.written = asyncio.Event()

    def write(self, data) -> int:
        self.writes += 1
        self.sizes.append(len(data))
        assert data.endswith(b"\n")
        self.written.set()
        return super().write(data)

    def paths(self) -> list[str]:
        return [json.loads(line)["path"] for line in self.getvalue().splitlines()]


def request(path: str) -> GatewayRequest:
    return GatewayRequest("GET", path, "", ())


def test_line_of_a_request_is_written_at_once_where_there_is_no_loop() -> None:
    stream = Written()
    Log("info", stream).request(request("/a"), Reply(200, []), 1)
    assert stream.paths() == ["/a"]


def test_lines_of_requests_on_a_loop_are_written_together_within_a_moment() -> None:
    async def scene() -> tuple[list[str], list[str], int]:
        stream = Written()
        log = Log("info", stream)
        log.gather_requests(asyncio.get_running_loop())
        for path in ("/a", "/b", "/c"):
            log.request(request(path), Reply(200, []), 1)
        before = stream.paths()
        async with asyncio.timeout(5):
            await stream.written.wait()
        return before, stream.paths(), stream.writes

    assert asyncio.run(scene()) == ([], ["/a", "/b", "/c"], 1)


def test_bug_is_written_at_once_after_the_lines_that_were_gathered_before_it() -> None:
    async def scene() -> list[str]:
        stream = Written()
        log = Log("info", stream)
        log.gather_requests(asyncio.get_running_loop())
        log.request(request("/a"), Reply(200, []), 1)
        log.bug(request("/b"), ValueError("x"))
        return stream.paths()

    assert asyncio.run(scene()) == ["/a", "/b"]


def test_lines_are_written_in_pieces_that_a_pipe_takes_whole() -> None:
    """So that the lines of several workers at one pipe don't tear each other."""

    async def scene() -> list[int]:
        stream = Written()
        log = Log("info", stream)
        log.gather_requests(asyncio.get_running_loop())
        for _ in range(200):
            log.request(request("/a" * 90), Reply(200, []), 1)
        log.stop_gathering()
        return stream.sizes

    sizes = asyncio.run(scene())
    assert max(sizes) <= 4096
    assert len(sizes) < 30


def test_many_lines_do_not_wait_and_what_is_left_is_written_when_asked() -> None:
    async def scene() -> tuple[int, int]:
        stream = Written()
        log = Log("info", stream)
        log.gather_requests(asyncio.get_running_loop())
        for _ in range(300):
            log.request(request("/a"), Reply(200, []), 1)
        by_itself = len(stream.paths())
        log.stop_gathering()
        log.request(request("/a"), Reply(200, []), 1)
        return by_itself, len(stream.paths())

    assert asyncio.run(scene()) == (256, 301)


class ClockedBy:
    """Stands in for a loop: keeps what it was told to call, and calls none of it."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def call_later(self, *_: Any) -> None:
        raise AssertionError("not from this thread")

    def call_soon_threadsafe(self, *what: Any) -> None:
        self.told.append(what)


def test_lines_from_another_thread_are_written_by_the_loops_clock_time_and_again() -> None:
    async def scene() -> list[str]:
        stream = Written()
        log = Log("info", stream)
        log.gather_requests(asyncio.get_running_loop())
        for path in ("/a", "/b", "/c"):
            stream.written.clear()
            await asyncio.to_thread(log.request, request(path), Reply(200, []), 1)
            async with asyncio.timeout(5):
                await stream.written.wait()
        return stream.paths()

    # Where it debugs, asyncio refuses a timer of another thread's.
    assert asyncio.run(scene(), debug=True) == ["/a", "/b", "/c"]


def test_one_timer_is_set_for_all_lines_of_a_moment() -> None:
    loop: Any = ClockedBy()
    log = Log("info", Written())
    log.gather_requests(loop)
    for _ in range(1000):
        log.request(request("/a"), Reply(200, []), 1)
    assert len(loop.told) == 1


def test_gathering_anew_sets_a_timer_anew() -> None:
    log = Log("info", Written())
    first: Any = ClockedBy()
    second: Any = ClockedBy()
    for loop in (first, second):
        log.gather_requests(loop)
        log.request(request("/a"), Reply(200, []), 1)
        log.stop_gathering()
    assert (len(first.told), len(second.told)) == (1, 1)


class SlowPipe(io.RawIOBase):
    """Takes its time, in which other threads run; notes how much it is given at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.lines = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        time.sleep(0.001)
        self.sizes.append(len(data))
        self.lines += bytes(data).count(b"\n")
        return len(data)


def test_threads_that_write_at_once_write_no_more_than_a_pipe_takes_whole() -> None:
    pipe = SlowPipe()
    log = Log("info", io.BufferedWriter(pipe))
    loop: Any = ClockedBy()
    log.gather_requests(loop)

    def many() -> None:
        for _ in range(2000):
            log.request(request("/a" * 90), Reply(200, []), 1)

    run_in_threads(many, 3)
    log.stop_gathering()
    assert pipe.lines == 6000
    assert max(pipe.sizes) <= 4096


def test_what_is_kept_of_a_path_is_what_is_written_of_it() -> None:
    log = Log("info", Written())
    for number in range(3):
        log.request(request("/a" * 100 + str(number) * 30_000), Reply(200, []), 1)
    hits_before = _asked.cache_info().hits
    log.request(request("/a" * 100 + "another end"), Reply(200, []), 1)
    assert _asked.cache_info().hits == hits_before + 1


def run_in_threads(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
