"""`bff serve` as a process, for tests of its start and of its end.

with gateways(project_folder) as serve:
    first = serve("--workers", "2")
    first.wait_until_it_answers()
    first.terminate()
    first.assert_ended_well()
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import flask
import pytest

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host
from tests.support.ports import free_port
from tests.support.projects import SHOP_SCHEMAS, write_project

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

# Runs in the launcher, or in workers alone, while the project is loaded.
WORKER = "bff.cli.serving.worker"
IN_LAUNCHER = f"if {WORKER!r} not in sys.orig_argv:"
IN_WORKER = f"if {WORKER!r} in sys.orig_argv:"


class Serving:
    """A `bff serve` in a process group of its own; its temporary files are in `folder`. A shell
    opens its standard streams as `streams` has them: "2>&-" closes one."""

    def __init__(
        self,
        project: Path,
        port: int,
        folder: Path,
        *options: str,
        programs: Path | None,
        streams: str,
    ) -> None:
        self.port = port
        self.folder = folder
        self.process = subprocess.Popen(
            [
                *("sh", "-c", f'exec "$@" {streams}', "sh"),
                *(sys.executable, "-m", "bff.cli", "serve", "--port", str(port), *options),
            ],
            env={
                **os.environ,
                "BFF_PROJECT": str(project),
                "TMPDIR": str(folder),
                "PATH": f"{programs}:{os.environ['PATH']}" if programs else os.environ["PATH"],
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def host(self) -> Host:
        return Host("edge", self.port, flask.Flask("elsewhere"))

    def wait_until_it_answers(self) -> None:
        self.wait_for(self.answers)

    def answers(self) -> bool:
        with suppress(OSError):
            return self.host.get("/healthz").status == 200
        return False

    def wait_for(
        self,
        has_come: Callable[[], bool],
        most_seconds: float = WAIT_BUDGET_SECONDS,
        pause_seconds: float = 0.02,
    ) -> None:
        for _ in range(int(most_seconds / pause_seconds)):
            if has_come():
                return
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(pause_seconds)
                pytest.fail(f"it has ended: {self.said()}")
        pytest.fail("it did not come")

    def wait_until(self, has_come: Callable[[], bool]) -> None:
        """Wait for what comes after its end."""
        for _ in range(int(WAIT_BUDGET_SECONDS / 0.02)):
            if has_come():
                return
            time.sleep(0.02)
        pytest.fail("it did not come")

    def said(self) -> str:
        """What it wrote, once it has ended; in less time than it takes to kill a worker."""
        out, _ = self.process.communicate(timeout=WAIT_BUDGET_SECONDS)
        assert isinstance(out, str)
        return out

    def has_redis(self) -> bool:
        return any(self.folder.glob("bff-redis-*"))

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def press_ctrl_c(self) -> None:
        """A terminal sends SIGINT to the launcher and to its workers."""
        os.killpg(self.process.pid, signal.SIGINT)

    def assert_ended_well(self) -> None:
        out = self.said()
        assert self.process.returncode == 0, out
        assert "Traceback" not in out
        assert not self.has_redis()

    def workers(self) -> set[int]:
        """The launcher's children that are workers. On Linux alone."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {int(child) for child in children if WORKER.encode() in command_of(int(child))}

    def close(self) -> None:
        """End it, whatever it does."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(WAIT_BUDGET_SECONDS)
        self.process.communicate()


Serve = Callable[..., Serving]


@contextmanager
def gateways(project: Path) -> Iterator[Serve]:
    """Starts gateways over the project in this folder, a small shop if there is none, and ends
    what is left of them."""
    started: list[Serving] = []
    with tempfile.TemporaryDirectory() as short:  # a Unix socket's path has 108 bytes

        def serve(
            *options: str,
            port: int | None = None,
            programs: Path | None = None,
            streams: str = "",
        ) -> Serving:
            if not (project / "gateway.yaml").exists():
                write_project(project)
            folder = Path(short, str(len(started)))
            folder.mkdir()
            port = port or free_port()
            started.append(
                Serving(project, port, folder, *options, programs=programs, streams=streams)
            )
            return started[-1]

        try:
            yield serve
        finally:
            for serving in started:
                serving.close()


def started(serve: Serve, workers: int = 2) -> Serving:
    """A gateway whose workers all serve."""
    serving = serve("--workers", str(workers))
    serving.wait_for(lambda: len(serving.workers()) == workers)
    serving.wait_for(lambda: all(map(serves, serving.workers())))
    serving.wait_until_it_answers()
    return serving


def serves(worker: int) -> bool:
    """Whether the worker waits for SIGTERM, which it does once it serves."""
    status = Path(f"/proc/{worker}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def schemas_that(where: str, what: str) -> dict[str, str]:
    """The shop's schemas, which do `what` while they are loaded `where`."""
    return {"shop": f"import pathlib, sys, time\n{where}\n{what}\n{SHOP_SCHEMAS}"}


def command_of(pid: int) -> bytes:
    """A process's command line; empty once it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
