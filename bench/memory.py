"""The memory of single processes, by /proc; `bench.processes` sums those of whole servers."""

from pathlib import Path

from bench.processes import Process

MEGABYTE = 1_000_000


def find_worker(gateway: Process) -> int:
    """The only worker. Beside it the launcher has a Redis, which is smaller."""
    threads = Path(f"/proc/{gateway.pid}/task").iterdir()
    children = [int(child) for each in threads for child in (each / "children").read_text().split()]
    return max(children, key=resident_bytes)


def resident_bytes(process: int) -> int:
    """What is resident now."""
    return _bytes(process, "VmRSS")


def peak_bytes(process: int) -> int:
    """The most that was resident at any moment, by the kernel's own mark."""
    return _bytes(process, "VmHWM")


def _bytes(process: int, name: str) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    status = {key: value for key, _, value in (line.partition(":") for line in lines)}
    return int(status[name].removesuffix(" kB")) * 1024
