"""When lines are written: those of requests together where there is a loop, all others at once."""

import asyncio
import io
import json

from bff.web.logs import Log
from bff.web.replies import Reply
from bff.web.requests import GatewayRequest


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
