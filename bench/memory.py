"""The memory of single processes, by /proc; `bench.processes` sums those of whole servers."""

import os
from pathlib import Path

from bench.processes import Process

MEGABYTE = 1_000_000


def find_launcher(gateway: Process) -> int:
    """The process that this one has started, and that has started all others of the gateway."""
    busiest = gateway.busiest()
    parent = _parent_of(busiest)
    return busiest if parent == os.getpid() else parent


def find_worker(gateway: Process) -> int:
    """The only worker. Beside it the launcher has a Redis, which is smaller."""
    launcher = find_launcher(gateway)
    threads = Path(f"/proc/{launcher}/task").iterdir()
    children = [int(child) for each in threads for child in (each / "children").read_text().split()]
    return max(children, key=resident_bytes)


def resident_bytes(process: int) -> int:
    """What is resident now."""
    return _bytes(process, "VmRSS")


def peak_bytes(process: int) -> int:
    """The most that was resident at any moment, by the kernel's own mark."""
    return _bytes(process, "VmHWM")


def _parent_of(process: int) -> int:
    return int(_status(process)["PPid"])


def _bytes(process: int, name: str) -> int:
    return int(_status(process)[name].removesuffix(" kB")) * 1024


def _status(process: int) -> dict[str, str]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
