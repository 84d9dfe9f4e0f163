"""The processes of a soak: upstream, Redis, the gateway with its workers; ended on the way out."""

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.exchange import Request, open_client
from bench.machine import Cores, choose_ports
from bench.processes import Process
from bench.soak.callers import TOKEN
from bench.soak.project import write_project
from bench.soak.watch import Sample, read_sample
from tests.support.redis.server import RedisServer

_ROOT = Path(__file__).parent.parent.parent
_ASKED_SECONDS = 5.0
_MOST_ASKED = 60  # connections until each worker has had one
_MEMORY_BYTES = 2_000_000  # of cached payloads, so that the cache is soon full


@dataclass(slots=True)
class Stage:
    """A gateway that is up, over its upstream and its Redis."""

    port: int
    gateway: Process
    redis: RedisServer
    output: Path
    upstream_url: str
    _read_bytes: int = 0

    def workers(self) -> list[int]:
        """The processes that serve now."""
        return [each for each in self.gateway.children() if _is_worker(each)]

    def restart_workers(self) -> None:
        """One by one, each new one before the old one ends."""
        os.kill(self.gateway.number, signal.SIGHUP)

    def sample(self, seconds: float, *, objects: bool = False) -> list[Sample]:
        """A sample of each worker; of what only a worker itself can count, as far as each is
        reached."""
        workers = self.workers()
        counts = self._ask(workers, objects=objects)
        samples = [read_sample(each, seconds, counts.get(each, {})) for each in workers]
        return [each for each in samples if each is not None]

    def new_errors(self) -> list[str]:
        """What the gateway has logged as an error since this was asked before."""
        with self.output.open("rb") as log:
            log.seek(self._read_bytes)
            text = log.read()
        self._read_bytes += len(text)
        return [
            line.decode(errors="replace")[:2000]
            for line in text.splitlines()
            if b'"level":"error"' in line or b'"level": "error"' in line
        ]

    def malformed(self) -> dict[str, int]:
        """What of the gateway's requests the upstream could not read, with how often."""
        with open_client(_ASKED_SECONDS) as client:
            found: dict[str, int] = client.get(f"{self.upstream_url}/counts").json()["malformed"]
        return found

    def _ask(self, workers: list[int], *, objects: bool) -> dict[int, dict[str, Any]]:
        counts: dict[int, dict[str, Any]] = {}
        url = f"http://127.0.0.1:{self.port}/soak/inside{'?objects' if objects else ''}"
        for _ in range(_MOST_ASKED):
            with (
                suppress(httpx.HTTPError, ValueError, KeyError),
                open_client(_ASKED_SECONDS) as client,
            ):
                found = client.get(url).json()
                counts[found["process"]] = found
            if counts.keys() >= set(workers):
                break
        return counts


@contextmanager
def open_stage(cores: Cores, workers: int) -> Iterator[Stage]:
    """A gateway of so many workers. Raises `StartFailed`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bff-soak-")))
        port, upstream_port = choose_ports(2)
        gone = stack.enter_context(socket.socket())
        gone.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else gets the port
        redis = stack.enter_context(RedisServer())
        path = {"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", os.defpath)}

        def start(name: str, arguments: list[str], environ: dict[str, str]) -> Process:
            command = [sys.executable, "-m", *arguments]
            process = Process(
                name, command, cores=cores.others, folder=folder, environ={**path, **environ}
            )
            stack.callback(process.stop)
            return process

        url = f"http://127.0.0.1:{upstream_port}"
        upstream = start("upstream", ["bench.soak.upstream", str(upstream_port)], {})
        upstream.wait_until_it_answers(f"{url}/counts", Request())
        project = write_project(
            folder / "project", url, f"http://127.0.0.1:{gone.getsockname()[1]}"
        )
        environ = {
            "BFF_PROJECT": str(project),
            "BFF_APP": "bench.soak.inside:app",
            "BFF_PORT": str(port),
            "BFF_WORKERS": str(workers),
            "BFF_REDIS_URL": redis.url,
            "BFF_ADMIN_TOKEN": TOKEN,
            "BFF_CACHE_MEMORY_BYTES": str(_MEMORY_BYTES),
        }
        gateway = start("gateway", ["bff.cli", "serve"], environ)
        gateway.wait_until_it_answers(f"http://127.0.0.1:{port}/healthz", Request())
        yield Stage(port, gateway, redis, folder / "gateway.out", url)


def _is_worker(process: int) -> bool:
    try:
        return b"bff.cli.serving.worker" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
