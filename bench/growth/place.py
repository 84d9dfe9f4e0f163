"""Where curves are measured: the upstream, and a gateway over a generated project; each is ended on
the way out.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.exchange import Request
from bench.lists.project import write_project
from bench.machine import Cores, choose_ports
from bench.processes import Process, StartFailed

_ROOT = Path(__file__).parent.parent.parent
_LONG_SECONDS = 900  # launcher and worker compile one after the other
_ENVIRON = {"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", os.defpath)}


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that is up; `start_seconds` passed until it answered."""

    process: Process
    port: int
    start_seconds: float

    def url(self, path: str) -> str:
        """Where a path is asked for."""
        return f"http://127.0.0.1:{self.port}{path}"


class Place:
    """The cores, an upstream that answers at once, and a folder for projects."""

    def __init__(self, cores: Cores, folder: Path, upstream_url: str) -> None:
        self._cores, self._folder, self._upstream_url = cores, folder, upstream_url

    def write(self, name: str, compositions: Mapping[str, str]) -> Path:
        """A project of these compositions."""
        return write_project(self._folder / name, [self._upstream_url], compositions)

    def check(self, project: Path) -> float:
        """How many seconds `bff check` takes. Raises `StartFailed` when it finds problems."""
        began = time.perf_counter()
        run = subprocess.run(
            [sys.executable, "-m", "bff.cli", "check", "--project", str(project)],
            capture_output=True,
            text=True,
            timeout=_LONG_SECONDS,
            check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, self._cores.tested),
        )
        if run.returncode:
            raise StartFailed(f"{project.name}: {(run.stdout + run.stderr)[-2000:]}")
        return time.perf_counter() - began

    @contextmanager
    def serve(self, project: Path) -> Iterator[Gateway]:
        """The gateway over a project, with one worker. Raises `StartFailed`."""
        port = choose_ports(1)[0]
        began = time.perf_counter()
        process = Process(
            f"gateway-{project.name}",
            [
                *(sys.executable, "-m", "bff.cli", "serve", "--project", str(project)),
                *("--port", str(port), "--workers", "1"),
            ],
            cores=self._cores.tested,
            folder=self._folder,
            environ=_ENVIRON,
        )
        try:
            _wait_long(process, f"http://127.0.0.1:{port}/healthz")
            yield Gateway(process, port, time.perf_counter() - began)
        finally:
            process.stop()


@contextmanager
def open_place(cores: Cores) -> Iterator[Place]:
    """A place in a temporary folder. Raises `StartFailed`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bff-growth-")))
        port = choose_ports(1)[0]
        upstream = Process(
            "upstream",
            [sys.executable, "-m", "bench.lists.server", str(port)],
            cores=cores.others,
            folder=folder,
            environ=_ENVIRON,
        )
        stack.callback(upstream.stop)
        url = f"http://127.0.0.1:{port}"
        upstream.wait_until_it_answers(f"{url}/counts", Request())
        yield Place(cores, folder, url)


def _wait_long(process: Process, url: str) -> None:
    """As `wait_until_it_answers`, which gives up before thousands of compositions are compiled."""
    ends = time.monotonic() + _LONG_SECONDS
    while True:
        try:
            return process.wait_until_it_answers(url, Request())
        except StartFailed:
            has_ended = not process.usage().rss_bytes
            if has_ended or time.monotonic() > ends:
                raise
