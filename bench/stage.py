"""Everything that a run needs, started on its cores and ready to be loaded; ended on the way out.

The gateway is started as its users start it, through its command; its log lines go to a file.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.callers import SECRET
from bench.exchange import Request, open_client
from bench.machine import Cores, choose_ports
from bench.nginx import write_upstream
from bench.payloads import documents, expected_home
from bench.processes import Process, StartFailed
from bench.provision import Peers
from bench.rows import Row, Server
from bench.servers import Launch, Place, plan_launch

_ANSWER_SECONDS = 5.0
_ROOT = Path(__file__).parent.parent
_PROJECT = Path(__file__).parent / "project"


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Why a row has no figures. `is_wrong` where something answered wrong or did not start; a
    program that isn't to be had is nobody's fault."""

    reason: str
    is_wrong: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers that are up, and the rows that can't be loaded, by key."""

    servers: dict[Server, Process]
    ports: dict[Server, int]
    unmeasured: dict[str, Unmeasured]
    watcher_url: str = ""

    def watched(self) -> str:
        """What the watcher saw of the gateway; empty where there is none. Raises `StartFailed`
        where it saw nothing."""
        if not self.watcher_url:
            return ""
        with open_client(_ANSWER_SECONDS) as client:
            seen = client.get(self.watcher_url).json()
        if not all(seen.values()):
            raise StartFailed(f"nobody watched the gateway: {seen}")
        return f"{seen['scrapes']} scrapes, {seen['spans']} spans"

    @property
    def cache(self) -> str:
        """Which Redis the gateway says it found, without where that is; empty without a gateway."""
        if "gateway" not in self.servers:
            return ""
        _, _, said = self.servers["gateway"].first_error_line().partition("cache: ")
        return said.partition(" (")[0]

    def url(self, row: Row) -> str:
        """Where a row is loaded."""
        return f"http://127.0.0.1:{self.ports[row.server]}{row.path}"


@contextmanager
def open_stage(
    programs: dict[str, str], cores: Cores, peers: Peers, rows: Sequence[Row]
) -> Iterator[Stage]:
    """The upstream, and the servers of these rows. Raises `StartFailed` for the upstream alone."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bff-bench-")))
        names = list(dict.fromkeys(row.server for row in rows if row.server not in peers.missing))
        upstream_port, watcher_port, metrics_port, *rest = choose_ports(3 + len(names))
        ports: dict[Server, int] = dict(zip(names, rest, strict=True))
        upstream_url = f"http://127.0.0.1:{upstream_port}"
        environ = {
            "BENCH_UPSTREAM": upstream_url,
            "BENCH_TOKENS": SECRET,
            "PYTHONPATH": str(_ROOT),
            "PATH": os.environ.get("PATH", os.defpath),
        }

        def start(name: str, launch: Launch, where: frozenset[int]) -> Process:
            process = Process(
                name,
                launch.command,
                cores=where,
                folder=folder,
                environ=environ | launch.environ,
            )
            stack.callback(process.stop)
            return process

        nginx = [programs["nginx"], "-e", "stderr", "-p", str(folder), "-c"]
        payload = json.dumps(expected_home(), separators=(",", ":")).encode()
        upstream = Launch([*nginx, str(write_upstream(folder, upstream_port, payload))])
        start("upstream", upstream, cores.others).wait_until_it_answers(
            upstream_url + documents()["user"].path, Request()
        )
        project = copy_project(folder, upstream_url)
        watcher_url = f"http://127.0.0.1:{watcher_port}/" if "gateway-watched" in names else ""
        if watcher_url:
            command = [sys.executable, "-m", "bench.watcher", str(watcher_port), str(metrics_port)]
            watcher = start("watcher", Launch(command), cores.others)
            watcher.wait_until_it_answers(watcher_url, Request())
        servers = {}
        for server, port in ports.items():
            place = Place(folder, project, nginx, upstream_port, port, watcher_port, metrics_port)
            servers[server] = start(server, plan_launch(server, place, peers), cores.tested)
        stage = Stage(servers, ports, {}, watcher_url)
        for row in rows:  # the first answer from a cache is none
            if row.server in peers.missing:
                stage.unmeasured[row.key] = Unmeasured(peers.missing[row.server], is_wrong=False)
                continue
            try:
                servers[row.server].wait_until_it_answers(stage.url(row), row.request)
            except StartFailed as error:
                stage.unmeasured[row.key] = Unmeasured(str(error), is_wrong=True)
        yield stage


def copy_project(folder: Path, upstream_url: str) -> Path:
    """The project, with its services where the upstream listens."""
    project = folder / "project"
    shutil.copytree(_PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (project / "services").glob("*.yaml"):
        _, _, operations = file.read_text().partition("\n")
        file.write_text(f"base: {upstream_url}\n{operations}")
    return project
