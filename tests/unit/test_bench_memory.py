"""Whose memory is told: the launcher's and the worker's, whatever else runs below the launcher."""

import os
import sys
from pathlib import Path

import pytest

from bench.memory import find_launcher, find_worker, peak_bytes, resident_bytes
from bench.processes import Process

# A launcher with a small child and a large one, which says the large one's id when it is large. The
# argument names the one that works most, which is no sign of what it is.
_WORK = """
import time
ends = time.process_time() + 0.5
while time.process_time() < ends:
    pass
"""
_LARGE = "x = b'x' * (60 << 20); print(flush=True); input()"
_LAUNCHER = """
import subprocess, sys
told, own_work, large = sys.argv[1:]
piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
worker = subprocess.Popen([sys.executable, "-c", large], **piped)
subprocess.Popen(["sleep", "60"])
worker.stdout.readline()
exec(own_work)
open(told, "w").write(str(worker.pid))
worker.wait()
"""


@pytest.mark.parametrize("busiest", ["launcher", "worker"])
def test_worker_is_found_whoever_has_worked_most(busiest: str, tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    gateway = Process(
        "gateway",
        [
            *(sys.executable, "-c", _LAUNCHER, str(told)),
            *((_WORK, _LARGE) if busiest == "launcher" else ("", _WORK + _LARGE)),
        ],
        cores=frozenset(os.sched_getaffinity(0)),
        folder=tmp_path,
    )
    try:
        worker = int(told.read_text())
        assert find_worker(gateway) == worker
        children = Path(f"/proc/{find_launcher(gateway)}/task/{find_launcher(gateway)}/children")
        assert str(worker) in children.read_text().split()
    finally:
        gateway.stop()


def test_peak_stays_when_memory_is_given_back() -> None:
    held = b"x" * (64 << 20)
    del held
    assert peak_bytes(os.getpid()) - resident_bytes(os.getpid()) > 32 << 20
