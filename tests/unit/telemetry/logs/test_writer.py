"""The way of a line out of the process: nobody waits for it, and nobody fails because of it."""

import asyncio
import io
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, cast

import pytest

from bff.telemetry.logs.writer import PIECE_BYTES, QUEUE_LINES, QUEUE_URGENT_BYTES
from bff.web.http.replies import Reply
from bff.web.logs.log import Log
from tests.support.steady_clock import steady_seconds
from tests.support.telemetry.log_lines import of, read_lines
from tests.support.telemetry.log_streams import FailingRecorder, Recorder, StalledPipe, request

_OK = Reply(200, [])


def test_lines_of_a_moment_are_written_together() -> None:
    stream = Recorder()
    log = Log("info", stream)
    for path in ("/a", "/b", "/c"):
        log.request(request(path), _OK, 1)
    log.flush()
    assert (stream.paths(), len(stream.pieces)) == (["/a", "/b", "/c"], 1)


def test_line_is_written_by_itself_and_so_is_a_later_one() -> None:
    class Announcing(Recorder):
        written = threading.Semaphore(0)

        def write(self, data: bytes) -> int:
            super().write(data)
            self.written.release()
            return len(data)

    stream = Announcing()
    log = Log("info", stream)
    for path in ("/a", "/b"):
        log.request(request(path), _OK, 1)
        assert stream.written.acquire(timeout=5)
    assert stream.paths() == ["/a", "/b"]


def test_bug_is_written_after_the_lines_that_came_before_it() -> None:
    stream = Recorder()
    log = Log("info", stream)
    log.request(request("/a"), _OK, 1)
    log.bug(request("/b"), ValueError("x"))
    log.request(request("/c"), _OK, 1)
    log.flush()
    assert stream.paths() == ["/a", "/b", "/c"]


def test_threads_write_all_their_lines_in_pieces_that_a_pipe_takes_whole() -> None:
    """So that the lines of several workers at one pipe don't tear each other."""
    stream = Recorder()
    log = Log("info", stream)

    def write_many() -> None:
        for _ in range(1000):
            log.request(request("/a" * 90), _OK, 1)

    threads = [threading.Thread(target=write_many) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.flush()
    assert len(stream.lines()) == 3000
    assert max(len(piece) for piece in stream.pieces) <= PIECE_BYTES
    assert all(piece.endswith(b"\n") for piece in stream.pieces)


def test_file_gets_many_lines_in_one_piece(tmp_path: Path) -> None:
    class File(io.FileIO):
        writes = 0

        def write(self, data: Any) -> int:
            self.writes += 1
            return super().write(data)

    with File(tmp_path / "log", "wb") as file:
        log = Log("info", cast(IO[bytes], file))
        for _ in range(200):
            log.request(request("/a" * 90), _OK, 1)
        log.flush()
        assert file.writes < 200 * 300 // PIECE_BYTES
    assert (tmp_path / "log").read_bytes().count(b"\n") == 200


def test_stalled_reader_delays_nobody_and_learns_later_how_many_lines_it_lost() -> None:
    with StalledPipe() as pipe:
        log = Log("info", pipe.stream)
        requests = 3 * QUEUE_LINES
        for _ in range(requests):
            log.request(request("/a"), _OK, 1)
        log.flush()  # ends although nobody reads
        log.bug(request("/last"), ValueError("x"))
        lines = pipe.read_lines(until="bug")
        written = len(of("access", lines))
        losses = of("lost", lines)
        lost = sum(line["bff.count"] for line in losses)
        assert written + lost == requests
        assert log.lost_lines == lost
        assert 0 < lost <= requests - QUEUE_LINES
        assert {line["log.level"] for line in losses} == {"warning"}


def test_urgent_lines_of_a_stalled_reader_are_bounded_by_their_bytes() -> None:
    with StalledPipe() as pipe:
        log = Log("info", pipe.stream)
        bug = ValueError("x" * 7000)
        bugs = QUEUE_URGENT_BYTES // 7000 * 2
        for _ in range(bugs):
            log.bug(request("/a"), bug)
        lines = pipe.read_lines(until="lost")
        log.request(request("/last"), _OK, 1)
        lines += pipe.read_lines(until="access")
        written = len(of("bug", lines))
        lost = sum(line["bff.count"] for line in of("lost", lines))
        assert written + lost == bugs
        assert log.lost_lines == lost
        assert written * 7000 < QUEUE_URGENT_BYTES + 128 * 1024


def test_stream_that_fails_gets_every_line_once_it_works_again_and_none_is_torn() -> None:
    stream = FailingRecorder()
    log = Log("info", stream)
    log.request(request("/a"), _OK, 1)
    assert stream.has_failed.wait(5)
    log.request(request("/b"), _OK, 1)
    stream.works.set()
    log.flush()
    assert stream.paths() == ["/a", "/b"]


def test_full_pipe_that_does_not_block_loses_nothing() -> None:
    with StalledPipe() as pipe:
        os.set_blocking(pipe.stream.fileno(), False)
        log = Log("info", pipe.stream)
        for number in range(1000):
            log.request(request(f"/{number}"), _OK, 1)
        log.flush()
        log.bug(request("/last"), ValueError("x"))
        lines = pipe.read_lines(until="bug")
        assert [line["url.path"] for line in lines] == [*(f"/{n}" for n in range(1000)), "/last"]


def test_closed_stream_takes_nothing_and_harms_nobody() -> None:
    stream = Recorder()
    log = Log("info", stream)
    stream.close()
    log.request(request("/a"), _OK, 1)
    started_at = steady_seconds()
    log.flush()
    assert steady_seconds() - started_at < 0.9


def test_level_above_info_leaves_out_the_lines_of_requests() -> None:
    stream = Recorder()
    log = Log("warning", stream)
    log.request(request("/a"), _OK, 1)
    log.bug(request("/b"), ValueError("x"))
    log.flush()
    assert stream.paths() == ["/b"]


def test_library_lines_go_the_same_way_until_their_handler_is_removed() -> None:
    stream = Recorder()
    log = Log("info", stream)
    library = logging.getLogger("bff.cache.anything")
    log.take_library_lines()
    try:
        library.warning("the store at %s is down", "a place")
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            library.exception("a bug")
    finally:
        log.leave_library_lines()
    library.warning("and nobody cares")
    log.flush()
    line, with_error = stream.lines()
    assert (line["message"], line["log.level"], line["log.logger"]) == (
        "the store at a place is down", "warning", "bff.cache.anything",
    )  # fmt: skip
    assert "error.type" not in line
    assert with_error["error.type"] == "ZeroDivisionError"
    assert "raise ZeroDivisionError" in with_error["error.stack_trace"]


_SETUP = """
import asyncio, os, sys
from bff.web.logs.log import Log
from bff.web.http.replies import Reply
from tests.support.telemetry.log_streams import request
log = Log("info")
def write(path):
    log.request(request(path), Reply(200, []), 1)
"""


def run_script(script: str, **options: object) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", _SETUP + script], timeout=20, **options
    )


def test_queue_is_written_at_the_end_of_the_process() -> None:
    ended = run_script("for n in range(2000): write('/a')", stdout=subprocess.PIPE)
    assert ended.stdout.count(b"\n") == 2000
    assert ended.returncode == 0


def test_stalled_reader_delays_the_end_of_the_process_by_little() -> None:
    with StalledPipe() as pipe:
        ended = run_script(
            "for n in range(2000): write('/a')", stdout=pipe.stream, stderr=subprocess.PIPE
        )
        assert (ended.returncode, ended.stderr) == (0, b"")


def test_forked_child_writes_its_own_lines_and_leaves_the_parents_to_the_parent() -> None:
    """Even where the fork comes while another thread holds the log's locks."""
    fork = """
import threading
held, is_forked = threading.Event(), threading.Event()
def hold():
    with log._writer._lock:
        held.set()
        is_forked.wait()
write('/before')
threading.Thread(target=hold).start()
held.wait()
child = os.fork()
is_forked.set()
write('/child' if child == 0 else '/parent')
if child: assert os.waitpid(child, 0)[1] == 0
"""
    ended = run_script(fork, stdout=subprocess.PIPE)
    assert ended.returncode == 0
    paths = sorted(line["url.path"] for line in read_lines(ended.stdout))
    assert paths == ["/before", "/child", "/parent"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("stdout", ["/dev/full", "closed", "pipe without a reader"])
def test_process_ends_well_whose_output_can_not_be_written(stdout: str) -> None:
    script = "for n in range(20_000): write('/a')"
    if stdout == "closed":
        ended = run_script(script, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1))
    elif stdout == "/dev/full":
        with open("/dev/full", "wb") as full:
            ended = run_script(script, stdout=full, stderr=subprocess.PIPE)
    else:
        read, write = os.pipe()
        os.close(read)
        ended = run_script(script, stdout=write, stderr=subprocess.PIPE)
        os.close(write)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_loop_goes_on_while_the_log_stalls() -> None:
    async def count_turns() -> int:
        turns = 0
        with StalledPipe() as pipe:
            log = Log("info", pipe.stream)
            for _ in range(2 * QUEUE_LINES):
                log.request(request("/a"), _OK, 1)
                turns += 1
                await asyncio.sleep(0)
        return turns

    assert asyncio.run(count_turns()) == 2 * QUEUE_LINES


def test_line_that_can_not_be_made_is_lost_and_the_next_is_written() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ZeroDivisionError

    stream = Recorder()
    log = Log("info", stream)
    log.request(request("/a"), Reply(200, [], facts={"bff.broken": Broken()}), 1)
    log.request(request("/b"), _OK, 1)
    log.flush()
    assert [each.get("url.path", "lost") for each in stream.lines()] == ["lost", "/b"]
    assert log.lost_lines == 1
