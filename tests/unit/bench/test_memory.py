"""Whose memory is reported: the launcher's and the worker's, whatever else the launcher starts."""

import os
import subprocess
import sys
from pathlib import Path

from bench.memory import find_worker, peak_bytes, resident_bytes
from bench.processes import Process

# A launcher with a small child and a large one, which reports the large one's id once it is large.
_LARGE = "x = b'x' * (60 << 20); print(flush=True); input()"
_LAUNCHER = f"""
import subprocess, sys
piped = {{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}}
worker = subprocess.Popen([sys.executable, "-c", {_LARGE!r}], **piped)
subprocess.Popen(["sleep", "60"])
worker.stdout.readline()
open(sys.argv[1], "w").write(str(worker.pid))
worker.wait()
"""


def test_worker_is_the_largest_process_that_the_launcher_has_started(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    gateway = Process(
        "gateway",
        [sys.executable, "-c", _LAUNCHER, str(told)],
        cores=frozenset(os.sched_getaffinity(0)),
        folder=tmp_path,
    )
    try:
        worker = int(told.read_text())
        assert find_worker(gateway) == worker
    finally:
        gateway.stop()


def test_peak_stays_when_memory_is_given_back() -> None:
    """Of a process of its own: a long run of tests has memory at hand that it need not ask for."""
    held_once = "held = b'x' * (64 << 20); del held; print(flush=True); input()"
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", held_once], **piped) as process:
        process.stdout.readline()
        given_back = peak_bytes(process.pid) - resident_bytes(process.pid)
        process.communicate(b"\n")
    assert given_back > 32 << 20
