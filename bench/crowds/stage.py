"""The upstream, the project and the gateway that a crowd comes to; ended on the way out."""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.crowds.figures import Memory
from bench.exchange import Request, open_client
from bench.lists.documents import Json, make_list
from bench.lists.project import composition, write_project
from bench.machine import Cores, choose_ports
from bench.memory import find_worker, peak_bytes, resident_bytes
from bench.processes import Process

_ROOT = Path(__file__).parent.parent.parent
STEPS = ("user", "orders", "products")  # of a screen, or some of them
_ITEMS = 10
_ANSWER_SECONDS = 10.0
# Longer than any call of a crowd waits, and as long as a composition may take.
_TIMEOUT, _DEADLINE = "14s", "15s"


@dataclass(frozen=True, slots=True)
class Upstreams:
    """The upstream's processes, one for each address."""

    urls: tuple[str, ...]

    def calls(self) -> Counter[str]:
        """The calls since the start, by path."""
        counts: Counter[str] = Counter()
        for found in self._counts():
            counts.update(found["calls"])
        return counts

    def most_at_once(self) -> int:
        """The most that each had under way at a moment, summed."""
        return sum(found["most_at_once"] for found in self._counts())

    def _counts(self) -> list[Json]:
        with open_client(_ANSWER_SECONDS) as client:
            return [client.get(f"{url}/counts").json() for url in self.urls]


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway that is up, over its upstreams."""

    gateway: Process
    port: int
    upstreams: Upstreams

    def memory(self) -> Memory:
        """Of the launcher and its only worker, a second after anybody asked for anything."""
        time.sleep(1)
        worker = find_worker(self.gateway)
        return Memory(peak_bytes(self.gateway.pid), peak_bytes(worker), resident_bytes(worker))


@contextmanager
def open_stage(
    cores: Cores,
    *,
    delay_seconds: float,
    hosts: Sequence[str],
    workers: int,
    gateway_cores: frozenset[int],
    ttl: str,
    requests_in_flight: int,
    steps: Sequence[str] = STEPS,
) -> Iterator[Stage]:
    """One screen of these steps, kept for `ttl` where there is one; an upstream process at each of
    `hosts`; a gateway that takes so many requests at once. Raises `StartFailed`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bff-crowds-")))
        port, *upstream_ports = choose_ports(1 + len(hosts))
        environ = {"BFF_REQUESTS_IN_FLIGHT": str(requests_in_flight)}
        environ |= {"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", os.defpath)}

        def start(name: str, module: str, arguments: list[str], where: frozenset[int]) -> Process:
            command = [sys.executable, "-m", module, *arguments]
            process = Process(name, command, cores=where, folder=folder, environ=environ)
            stack.callback(process.stop)
            return process

        urls = []
        for host, upstream_port in zip(hosts, upstream_ports, strict=True):
            arguments = [str(upstream_port), "--host", host, "--delay", str(delay_seconds)]
            upstream = start(f"upstream-{host}", "bench.lists.server", arguments, cores.others)
            urls.append(f"http://{host}:{upstream_port}")
            upstream.wait_until_it_answers(f"{urls[-1]}/counts", Request())
        asked = {name: (_ITEMS, f"{name}-${{params.key}}") for name in steps}
        screen = composition("/screens/crowd/{key}", asked, ttl=ttl)
        project = write_project(
            folder / "project", urls, {"crowd": screen}, timeout=_TIMEOUT, deadline=_DEADLINE
        )
        arguments = ["serve", "--project", str(project), "--port", str(port)]
        arguments += ["--workers", str(workers)]
        gateway = start("gateway", "bff.cli", arguments, gateway_cores)
        gateway.wait_until_it_answers(f"http://127.0.0.1:{port}/healthz", Request())
        yield Stage(gateway, port, Upstreams(tuple(urls)))


def screen_path(key: int) -> str:
    """One screen's address at the gateway."""
    return f"/screens/crowd/{key}"


def expected_screen(path: str, steps: Sequence[str] = STEPS) -> Json:
    """What must come from there."""
    key = path.rpartition("/")[2]
    return {name: make_list(_ITEMS, f"{name}-{key}") for name in steps}


def step_paths(key: int, steps: Sequence[str] = STEPS) -> dict[str, str]:
    """Where each step of a screen is called, by the step's name."""
    return {name: f"/lists/{_ITEMS}/{name}-{key}" for name in steps}
