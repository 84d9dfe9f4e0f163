"""Everything that a run needs, started on its cores and ready to be loaded; ended on the way out.

The gateway is started as its users start it, through its command; its log lines go to a file.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from bench.machine import Cores, choose_ports
from bench.nginx import write_reference, write_upstream
from bench.payloads import documents, expected_home
from bench.processes import Process
from bench.rows import FEW_THREADS, ROWS, THREADS, Row, Server

_ROOT = Path(__file__).parent.parent
_PROJECT = Path(__file__).parent / "project"


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers that are up."""

    servers: dict[Server, Process]
    ports: dict[Server, int]

    @property
    def cache(self) -> str:
        """Which Redis the gateway says it found, without where that is."""
        _, _, said = self.servers["gateway"].first_error_line().partition("cache: ")
        return said.partition(" (")[0]

    def url(self, row: Row) -> str:
        """Where a row is loaded."""
        return f"http://127.0.0.1:{self.ports[row.server]}{row.path}"


@contextmanager
def open_stage(programs: dict[str, str], cores: Cores) -> Iterator[Stage]:
    """The upstream and all servers. Raises `StartFailed`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bff-bench-")))
        names = get_args(Server)
        upstream_port, *rest = choose_ports(1 + len(names))
        ports: dict[Server, int] = dict(zip(names, rest, strict=True))
        upstream_url = f"http://127.0.0.1:{upstream_port}"
        environ = {
            "BENCH_UPSTREAM": upstream_url,
            "PYTHONPATH": str(_ROOT),
            "PATH": os.environ.get("PATH", os.defpath),
        }

        def start(name: str, command: list[str], where: frozenset[int]) -> Process:
            process = Process(name, command, cores=where, folder=folder, environ=environ)
            stack.callback(process.stop)
            return process

        nginx = [programs["nginx"], "-e", "stderr", "-p", str(folder), "-c"]
        upstream = [*nginx, str(write_upstream(folder, upstream_port))]
        start("upstream", upstream, cores.others).wait_until_it_answers(
            upstream_url + documents()["user"].path
        )
        project = copy_project(folder, upstream_url)
        payload = json.dumps(expected_home(), separators=(",", ":")).encode()
        reference = write_reference(folder, ports["reference"], upstream_port, payload)
        commands: dict[Server, list[str]] = {
            "gateway": _gateway(project, ports["gateway"]),
            "by-hand": _gunicorn("screens", THREADS, ports["by-hand"]),
            "by-hand-few": _gunicorn("screens", FEW_THREADS, ports["by-hand-few"]),
            "proxy-by-hand": _gunicorn("proxy", THREADS, ports["proxy-by-hand"]),
            "proxy-by-hand-few": _gunicorn("proxy", FEW_THREADS, ports["proxy-by-hand-few"]),
            "bare": _granian("bench.handwritten.bare:app", ports["bare"]),
            "reference": [*nginx, str(reference)],
        }
        servers = {
            server: start(server, command, cores.tested) for server, command in commands.items()
        }
        stage = Stage(servers, ports)
        for row in ROWS:  # the first answer from the cache is none
            servers[row.server].wait_until_it_answers(stage.url(row))
        yield stage


def copy_project(folder: Path, upstream_url: str) -> Path:
    """The project, with its services where the upstream listens."""
    project = folder / "project"
    shutil.copytree(_PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (project / "services").glob("*.yaml"):
        _, _, operations = file.read_text().partition("\n")
        file.write_text(f"base: {upstream_url}\n{operations}")
    return project


def _gateway(project: Path, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "bff.cli", "serve"),
        *("--project", str(project), "--port", str(port), "--workers", "1"),
    ]


def _granian(app: str, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "1", "--no-ws", "--no-access-log", app),
    ]


def _gunicorn(module: str, threads: int, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "1"),
        *("--threads", str(threads), "--env", f"BENCH_THREADS={threads}", "--keep-alive", "300"),
        *("--bind", f"127.0.0.1:{port}", f"bench.handwritten.{module}:app"),
    ]
