"""The demo's processes: three sample services and the gateway, started together, stopped together.

Each runs in a process group of its own, so that Ctrl-C reaches the demo alone and the demo stops
them in order; their output goes to files, which are quoted when a process fails.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click
import httpx

# The services' delays stand for networks and databases; without them every bar would be a dot.
SAMPLE_SERVICES = {"users": "30ms", "orders": "55ms", "products": "40ms"}

_GATEWAY_PORT = 8080  # where it is free
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
# The shell becomes the process; the watcher that it leaves behind ends it when the pipe from the
# demo breaks, which even `kill -9` of the demo does.
_WATCHED = """\
exec 3<&0
(read -r _ <&3; kill $$) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""
_PROJECT_PARTS = ("services", "schemas", "compositions", "gateway.yaml")


class DemoFailed(click.ClickException):
    """The demo can't go on; the message names what failed, and why."""


@dataclass(frozen=True, slots=True)
class DemoServers:
    """What runs: addresses without a trailing slash, and the processes by name."""

    gateway: str
    services: Mapping[str, str]
    processes: Mapping[str, "DemoProcess"]

    def refuse_dead(self) -> None:
        """Raise `DemoFailed` when a process has ended."""
        for process in self.processes.values():
            process.refuse_dead()


@contextmanager
def running_demo(
    project: Path, redis_url: str | None, say: Callable[[str, str], None]
) -> Iterator[DemoServers]:
    """The sample services, and a gateway over a copy of `project` that knows their ports.

    `say(name, address)` is called as each is ready. Raises `DemoFailed` with the process's last
    words when one does not start. Everything is stopped on the way out, whatever happened.
    """
    ports = _choose_ports()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bff-demo-")))
        copy = folder / "project"
        copy_project(project, copy, {name: _address(ports[name]) for name in SAMPLE_SERVICES})
        processes: dict[str, DemoProcess] = {}
        for name, delay in SAMPLE_SERVICES.items():
            command = [
                "-m",
                "examples.services",
                name,
                "--port",
                str(ports[name]),
                "--delay",
                delay,
            ]
            processes[name] = DemoProcess(name, command, project, folder, ports[name], {})
            stack.callback(processes[name].stop)
        serve = ["-c", "from bff.cli import main; main()", "serve", "--project", str(copy)]
        serve += ["--host", "127.0.0.1", "--port", str(ports["gateway"]), "--workers", "1"]
        redis = {"BFF_REDIS_URL": redis_url} if redis_url else {}
        processes["gateway"] = DemoProcess(
            "gateway", serve, folder, folder, ports["gateway"], redis
        )
        stack.callback(processes["gateway"].stop)  # stopped first: nothing calls a dead service
        for name, process in processes.items():
            process.wait_until_ready()
            say(name, process.address)
        yield DemoServers(
            processes["gateway"].address,
            {name: processes[name].address for name in SAMPLE_SERVICES},
            processes,
        )


def copy_project(project: Path, target: Path, bases: Mapping[str, str]) -> None:
    """Copy the declarations to `target`, each service's `base:` changed to where it really is."""
    target.mkdir()
    for part in _PROJECT_PARTS:
        source = project / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, target / part)
    for name, base in bases.items():
        file = target / "services" / f"{name}.yaml"
        if not file.is_file():
            raise DemoFailed(f"{project} has no services/{name}.yaml, which the demo needs.")
        text, count = re.subn(r"(?m)^base:.*$", f"base: {base}", file.read_text("utf-8"))
        if count != 1:
            raise DemoFailed(f"{project}/services/{name}.yaml should have one line `base: …`.")
        file.write_text(text, "utf-8")


class DemoProcess:
    """One process of the demo, started with the Python that runs the demo."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        folder: Path,
        log_folder: Path,
        port: int,
        environ: Mapping[str, str],
    ) -> None:
        self.name = name
        self.address = _address(port)
        self._log = log_folder / f"{name}.log"
        # A BFF_* setting meant for the user's own gateway must not bend the demo's.
        inherited = {key: text for key, text in os.environ.items() if not key.startswith("BFF_")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHED, name, sys.executable, *arguments],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**inherited, **environ},
            )

    @property
    def pid(self) -> int:
        """The process's id, which is its group's too."""
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Wait until `/healthz` answers. Raises `DemoFailed` when it does not."""
        ends = time.monotonic() + _START_SECONDS
        with httpx.Client(trust_env=False, timeout=2) as client:
            while time.monotonic() < ends:
                self.refuse_dead()
                try:
                    if client.get(f"{self.address}/healthz").status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass  # not yet
                time.sleep(0.03)
        raise DemoFailed(f"{self.name} did not answer at {self.address}.{self._last_words()}")

    def refuse_dead(self) -> None:
        """Raise `DemoFailed` when the process has ended."""
        status = self._process.poll()
        if status is not None:
            raise DemoFailed(f"{self.name} has ended with {status}.{self._last_words()}")

    def stop(self) -> None:
        """Ask it to end, and end it with all its children when it doesn't."""
        if self._process.poll() is None:
            self._process.terminate()
            # It has its chance, unless Ctrl-C comes a second time.
            with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                self._process.wait(_STOP_SECONDS)
        with suppress(ProcessLookupError):  # the watcher, and what did not end
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", errors="replace").splitlines()[-12:]
        return "".join(f"\n  {line}" for line in lines)


def _address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _choose_ports() -> dict[str, int]:
    """A free port for each. The services' differ from run to run, and a cached payload's key
    holds its services' addresses: a Redis that outlives the demo can't answer the next one."""
    with ExitStack() as stack:  # every socket stays open, so that no port is given twice
        ports = {"gateway": _take_port(stack, _GATEWAY_PORT)}
        return ports | {name: _take_port(stack, 0) for name in SAMPLE_SERVICES}


def _take_port(stack: ExitStack, preferred: int) -> int:
    for port in (preferred, 0):
        probe = stack.enter_context(socket.socket())
        # Connections that linger from the last demo do not make its port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return int(probe.getsockname()[1])
    raise DemoFailed("There is no free port on 127.0.0.1.")
