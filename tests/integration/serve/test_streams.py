"""`bff serve` whose standard streams are closed, full, or read by nobody any more."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.gateway.serving import IN_WORKER, Serve, gateways, on_linux, schemas_that
from tests.support.projects import write_project


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with gateways(tmp_path) as start:
        yield start


@on_linux
@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_gateway_serves_whose_streams_are_closed_or_full(serve: Serve, streams: str) -> None:
    """The number of a closed stream is no socket's, or the log would be written to it."""
    serving = serve(streams=streams)
    serving.wait_until_it_answers()
    (worker,) = serving.workers()
    opened = [os.readlink(f"/proc/{worker}/fd/{number}") for number in range(3)]
    assert not any("socket" in each for each in opened)
    serving.terminate()
    serving.assert_ended_well()


@on_linux
def test_problem_of_a_restart_that_nobody_reads_leaves_the_gateway_serving(
    serve: Serve, tmp_path: Path
) -> None:
    """First the pipe is full, and whoever reads it has stopped; then nobody has it open."""
    pipe, marker = tmp_path / "pipe", tmp_path / "begun"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_project(tmp_path)
    serving = serve(streams=f"2>{pipe}")
    serving.wait_until_it_answers()
    first = serving.workers()
    fill(pipe)
    broken = f"    pathlib.Path({str(marker)!r}).touch()\n    raise RuntimeError('broken')"
    write_project(tmp_path, schemas=schemas_that(IN_WORKER, broken))
    for reader_leaves in (False, True):
        marker.unlink(missing_ok=True)
        serving.process.send_signal(signal.SIGHUP)
        serving.wait_for(marker.exists)
        serving.wait_for(lambda: serving.workers() == first)
        if reader_leaves:
            os.close(reader)
    write_project(tmp_path)
    serving.process.send_signal(signal.SIGHUP)
    serving.wait_for(lambda: bool(serving.workers()) and not serving.workers() & first)
    serving.wait_until_it_answers()
    serving.terminate()
    serving.assert_ended_well()


def fill(pipe: Path) -> None:
    writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.close(writer)
