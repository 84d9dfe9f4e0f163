"""Metrics of this process from the system, under the names that Prometheus clients use.

Linux has all of them in `/proc`. Other systems give the CPU time alone.
"""

import os
import sys
import time
from pathlib import Path
from typing import Final, Literal

from bff.telemetry.metrics.definitions.process import (
    PROCESS_CPU,
    PROCESS_MOST_FILES,
    PROCESS_OPEN_FILES,
    PROCESS_RESIDENT_BYTES,
    PROCESS_START,
)
from bff.telemetry.metrics.families import Metrics

ProcessKind = Literal["launcher", "worker"]

_PROC: Final = Path("/proc")
_FILES: Final = "/proc/self/fd"


def watch_process(metrics: Metrics, kind: ProcessKind) -> None:
    """Watch the metrics of this process. Reading them takes some 20 µs."""
    labels = (kind,)
    metrics.counter(PROCESS_CPU).watch(labels, time.process_time)
    if sys.platform == "linux":
        import resource

        def most_files() -> float:
            return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

        metrics.gauge(PROCESS_START).at(kind)[0] = started_at(_PROC)
        metrics.gauge(PROCESS_RESIDENT_BYTES).watch(labels, _resident_bytes)
        metrics.gauge(PROCESS_OPEN_FILES).watch(labels, _open_files)
        metrics.gauge(PROCESS_MOST_FILES).watch(labels, most_files)


def started_at(proc: Path) -> float:
    """When this process began, in seconds since the epoch; 0 where the system doesn't report it."""
    try:
        boot = (proc / "stat").read_text().partition("\nbtime ")[2].split()[0]
        # man 5 proc: the name in parentheses may have blanks; what follows is `state ppid …`.
        fields = (proc / "self/stat").read_text().rpartition(")")[2].split()
        return float(boot) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _resident_bytes() -> float:
    with open("/proc/self/statm", "rb") as file:
        return float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))


def _open_files() -> float:
    # Since Linux 6.2 the folder's size is their number. Listing 16,000 of them takes 4 ms.
    return float(os.stat(_FILES).st_size or len(os.listdir(_FILES)) - 1)
