"""The demo's processes: sample services, an issuer and the gateway, started and ended together.

Each runs in a process group of its own, so that Ctrl-C reaches the demo alone and the demo stops
them in order; their output goes to files, which are quoted when a process fails.
"""

import os
import secrets
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
from types import MappingProxyType

import click
import httpx

from examples.issuer.__main__ import CLIENT_SECRET

# The services' delays stand for networks and databases; without them every bar would be a dot.
SAMPLE_SERVICES = {"users": "30ms", "orders": "55ms", "products": "40ms", "storefront": "1ms"}

_BFF = (sys.executable, "-c", "from bff.cli import main; main()")
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
# The shell becomes the process; the watcher that it leaves behind ends it when the pipe from the
# demo breaks, which even `kill -9` of the demo does.
_WATCHED = """\
exec 3<&0
(read -r _ <&3; kill $$) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""


class DemoFailed(click.ClickException):
    """The demo can't go on; the message names what failed, and why."""


@dataclass(frozen=True, slots=True)
class DemoServers:
    """What runs: addresses without a trailing slash, and the processes by name. The gateway's is
    the one that browsers use; its numbers are at `metrics`."""

    gateway: str
    metrics: str
    services: Mapping[str, str]
    processes: Mapping[str, "DemoProcess"]
    partner_key: str

    def refuse_dead(self) -> None:
        """Raise `DemoFailed` when a process has ended."""
        for process in self.processes.values():
            process.refuse_dead()


def stand_in_issuer(issuer: str, gateway: str) -> list[str]:
    """The command of the issuer that comes with the examples."""
    port = issuer.rpartition(":")[2]
    return [sys.executable, "-m", "examples.issuer", "--port", port, "--gateway", gateway]


@contextmanager
def running_demo(
    project: Path,
    redis_url: str | None,
    say: Callable[[str, str], None],
    *,
    issuer: Callable[[str, str], list[str]] = stand_in_issuer,
    workers: int = 1,
    gateway_port: int = 0,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[DemoServers]:
    """The sample services, an issuer, and a gateway over `project` that knows where they are.

    `say(name, address)` is called as each is ready. `issuer` gives the command of the issuer, from
    its own address and the gateway's. The gateway is at `gateway_port` where that is free, else at
    any; `variables` are more of its environment's. Raises `DemoFailed` with the process's last
    words when one does not start. Everything is stopped on the way out, whatever happened.
    """
    with ExitStack() as stack:
        held = stack.enter_context(ExitStack())
        ports = _choose_ports(held, gateway_port)
        if sys.platform != "linux":  # which alone lets a server listen at a port that is held
            held.close()
        gateway = f"http://localhost:{ports['gateway']}"  # another site than the issuer's 127.0.0.1
        metrics_port = ports.pop("metrics")
        addresses = {name: _address(port) for name, port in ports.items()} | {"gateway": gateway}
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bff-demo-")))
        processes: dict[str, DemoProcess] = {}

        def start(name: str, command: list[str], cwd: Path, environ: Mapping[str, str]) -> None:
            address = addresses[name]
            processes[name] = DemoProcess(name, command, cwd, folder, address, environ)
            stack.callback(processes[name].stop)

        for name, delay in SAMPLE_SERVICES.items():
            command = [sys.executable, "-m", "examples.services", name]
            start(name, [*command, "--port", str(ports[name]), "--delay", delay], project, {})
        start("issuer", issuer(addresses["issuer"], gateway), project, {})
        environ = gateway_environ(addresses, folder, redis_url)
        environ |= {"BFF_METRICS_PORT": str(metrics_port), **variables}
        partner_key = _add_partner(project, folder, environ)
        serve = [*_BFF, "serve", "--project", str(project), "--workers", str(workers)]
        serve += ["--host", "127.0.0.1", "--port", str(ports["gateway"])]
        # Stopped first: nothing calls a service that is gone.
        start("gateway", serve, folder, environ)
        for name, process in processes.items():
            process.wait_until_ready()
            say(name, process.address)
        services = {name: addresses[name] for name in SAMPLE_SERVICES}
        metrics = f"{_address(metrics_port)}/metrics"
        yield DemoServers(gateway, metrics, services, processes, partner_key)


def gateway_environ(
    addresses: Mapping[str, str], folder: Path, redis_url: str | None
) -> dict[str, str]:
    """The variables of the sample project's files, and its secrets: new ones, for this time."""
    known = {f"{name.upper()}_URL": address for name, address in addresses.items()}
    known["PUBLIC_URL"] = known.pop("GATEWAY_URL")
    known["KEYS_FILE"] = str(folder / "keys.json")
    secret = {"SHOP_CLIENT_SECRET": CLIENT_SECRET, "SESSION_KEY": secrets.token_urlsafe(32)}
    return known | secret | ({"BFF_REDIS_URL": redis_url} if redis_url else {})


def _add_partner(project: Path, folder: Path, environ: Mapping[str, str]) -> str:
    """An API key, which the command shows once."""
    key = ["--id", "partner-1", "--role", "partner", "--claim", "sub=partner-1"]
    added = subprocess.run(
        [*_BFF, "keys", "add", "--project", str(project), *key],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
    )
    if added.returncode != 0:
        said = f"{added.stdout}{added.stderr}"
        raise DemoFailed(f"The partner's key could not be added.\n{said}")
    return added.stdout.strip()


class DemoProcess:
    """One process of the demo, in `folder`, at `address`; what it writes is in `log_folder`."""

    def __init__(
        self,
        name: str,
        command: list[str],
        folder: Path,
        log_folder: Path,
        address: str,
        environ: Mapping[str, str],
    ) -> None:
        self.name = name
        self.address = address
        self._log = log_folder / f"{name}.log"
        # A BFF_* setting meant for the user's own gateway must not bend the demo's.
        inherited = {key: text for key, text in os.environ.items() if not key.startswith("BFF_")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHED, name, *command],
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

    @property
    def output(self) -> str:
        """All that it has written so far."""
        return self._log.read_text("utf-8", errors="replace")

    def _last_words(self) -> str:
        lines = self.output.splitlines()[-12:]
        return "".join(f"\n  {line}" for line in lines)


def _address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _choose_ports(held: ExitStack, gateway_port: int) -> dict[str, int]:
    """A free port for each, which nobody else gets as long as it is held. The services' differ from
    run to run, and a cached payload's key holds its services' addresses: a Redis that outlives the
    demo can't answer the next one."""
    ports = {"gateway": _take_port(held, gateway_port)}
    others = (*SAMPLE_SERVICES, "issuer", "metrics")
    return ports | {name: _take_port(held, 0) for name in others}


def _take_port(held: ExitStack, preferred: int) -> int:
    for port in (preferred, 0):
        probe = held.enter_context(socket.socket())
        # Connections that linger from the last demo do not make its port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return int(probe.getsockname()[1])
    raise DemoFailed("There is no free port on 127.0.0.1.")
