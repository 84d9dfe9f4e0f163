"""The machine: which programs it has, which cores are for what, which ports are free, how busy it
is. Linux alone: cores and CPU times come from its own calls and from /proc.
"""

import os
import platform
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_PACKAGES = {"wrk": "wrk", "nginx": "nginx-light"}
# Debian keeps servers where only root's search path has them.
_MORE_FOLDERS = ("/usr/sbin", "/usr/local/sbin")
_LIBRARIES = ("uvloop", "httptools", "pydantic", "msgspec", "flask", "gunicorn", "httpx")


class MissingPrograms(Exception):
    """What the benchmarks need is not there; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The row under test has `tested` to itself where there is more than one core; everything
    else (load generator, upstream, this process) runs on `others`."""

    tested: frozenset[int]
    others: frozenset[int]

    @property
    def are_apart(self) -> bool:
        """Whether what is measured shares its core with nothing that measures."""
        return self.tested.isdisjoint(self.others)


def find_programs() -> dict[str, str]:
    """The programs by name, as paths. Raises `MissingPrograms`, which names all of them."""
    if sys.platform != "linux":
        raise MissingPrograms("The benchmarks pin processes and read /proc: they need Linux.")
    found = {name: find_program(name) for name in _PACKAGES}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        packages = " ".join(_PACKAGES[name] for name in missing)
        raise MissingPrograms(
            f"Not found: {' and '.join(missing)}. Install with: apt-get install {packages}"
        )
    return {name: path for name, path in found.items() if path is not None}


def find_program(name: str) -> str | None:
    """Where a program is, if it is anywhere."""
    search_path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE_FOLDERS])
    return shutil.which(name, path=search_path)


def share_cores(allowed: set[int]) -> Cores:
    """Who gets which of the cores that this process may use."""
    first, *rest = sorted(allowed)
    return Cores(frozenset({first}), frozenset(rest or {first}))


def choose_ports(count: int) -> list[int]:
    """As many free ports of the loopback address."""
    with ExitStack() as stack:  # all sockets stay open, so that no port is given twice
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def describe(programs: dict[str, str], cores: Cores) -> dict[str, object]:
    """What a reader must know to compare figures. Nothing that identifies the machine."""
    return {
        "processor": _processor(),
        "cores": len(cores.tested | cores.others),
        "pinned": cores.are_apart,
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "nginx": _first_line([programs["nginx"], "-v"]).rpartition("/")[2],
        "wrk": _first_line([programs["wrk"], "-v"]).split()[1].removeprefix("debian/"),
        **{library: version(library) for library in _LIBRARIES},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _first_line(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (result.stdout + result.stderr).splitlines()[0]
