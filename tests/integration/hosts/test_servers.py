"""The two applications as an operator starts them: processes, settings from the environment."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import flask
import pytest

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host
from tests.support.gateway.websockets import HANDSHAKE, ORIGIN
from tests.support.ports import free_port
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.telemetry.log_lines import of, read_lines
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import reply

SERVERS = {
    "granian": "granian --interface asgi --http 1 --factory --no-ws --port {port} bff:create_asgi",
    "uvicorn": "uvicorn --factory --port {port} bff:create_asgi",
    "uvicorn, h11": "uvicorn --factory --http h11 --port {port} bff:create_asgi",
    "gunicorn": "gunicorn --workers 2 --threads 4 --bind 127.0.0.1:{port} bff:create_app()",
    "flask": "flask --app bff run --port {port}",
}


@contextmanager
def started(command: str, project: Path) -> Iterator[tuple[Host, subprocess.Popen[bytes]]]:
    port = free_port()
    environ = {**os.environ, "BFF_PROJECT": str(project)}
    process = subprocess.Popen(
        [sys.executable, "-m", *command.format(port=port).split()],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        for _ in range(int(WAIT_BUDGET_SECONDS / 0.05)):
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                assert process.stdout is not None
                pytest.fail(f"it ended at once: {process.stdout.read().decode()}")
        else:
            pytest.fail("it does not listen")
        yield Host(command.split()[0], port, flask.Flask("elsewhere")), process
    finally:
        # Its workers too: they hold the pipe, and it would be read until they end.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def ended(process: subprocess.Popen[bytes], stop: int, host: Host) -> tuple[bytes, int]:
    """What a server has printed by its end, and how many signals it took beside the one: Python
    loses a SIGINT that comes within a finalizer, and reports it. Whoever serves on has lost it."""
    for lost in range(3):
        process.send_signal(stop)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=WAIT_BUDGET_SECONDS)[0], lost
        assert host.get("/healthz").status == 200, "it neither serves nor ends"
    status = Path(f"/proc/{process.pid}/status")
    masks = [line for line in status.read_text().splitlines() if line.startswith("Sig")]
    return pytest.fail(f"it does not end: {masks}")


@pytest.mark.parametrize("name", SERVERS)
def test_server_starts_from_the_environment_serves_and_stops_when_told(
    name: str, tmp_path: Path
) -> None:
    headers = [("Content-Type", "application/json"), ("Date", "Sat, 28 Nov 2026 07:00:00 GMT")]
    ann = reply(200, headers, b'{"id": 1, "first_name": "Ann"}')
    with WireServer(ann) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        gateway = f"""
            cors: {{origins: ["{ORIGIN}"]}}
            routes: {{/raw: {{service: shop}}, /live: {{service: shop, websocket: true}}}}
            """
        write_project(tmp_path, {"home": HOME}, services=services, gateway=gateway)
        with started(SERVERS[name], tmp_path) as (host, process):
            assert host.get("/healthz").status == 200
            assert host.get("/home/1").json()["user"]["id"] == 1
            assert host.get("/home/a%2Fb").json()["reason"] == "bad_params"
            passed = host.request("POST", "/raw/x", [], [b"in ", b"chunks"])
            assert passed.status == 200
            assert upstream.requests[-1].body == b"in chunks"
            assert [name for name, _ in passed.headers].count("date") == 1
            refused = host.request("GET", "/live/x", [*HANDSHAKE.items()][1:])  # without `Host`
            assert (refused.status, refused.json()["reason"]) == (501, "no_websockets")
            assert host.get("/nowhere").json()["reason"] == "no_such_path"
            out, lost = ended(process, signal.SIGINT if name == "flask" else signal.SIGTERM, host)
    assert out.count(b"Traceback") <= lost, out.decode()
    lines = of("access", read_lines(b"\n".join(re.findall(rb"^\{.*\}$", out, re.M))))
    assert any(line.get("bff.composition") == "home" for line in lines), out.decode()
