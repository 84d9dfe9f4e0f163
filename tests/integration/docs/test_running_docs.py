"""What docs/running.md shows is run as it stands there, and what it lists is what there is."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from http.client import HTTPSConnection
from pathlib import Path

import flask
import pytest
import trustme

from bff.cli.serve import serve
from bff.settings import Settings
from bff.telemetry.traces.settings import TRACE_VARIABLES
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host
from tests.support.ports import free_port
from tests.support.projects import write_project

TEXT = (Path(__file__).parents[3] / "docs/running.md").read_text(encoding="utf-8")

SHOWN_PORT = "8080"


def fenced(language: str) -> list[str]:
    """The contents of the fenced blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.M | re.S)


LINES = [line for block in fenced("sh") for line in block.replace(" \\\n", "").splitlines()]
PURGES = [line for line in LINES if line.startswith(("bff purge ", "curl "))]
CALLS = [line for line in LINES if line.startswith("bff call ")]
KEYS = [line for line in LINES if line.startswith("bff keys ")]
COMMANDS = [line for line in LINES if line not in [*PURGES, *CALLS, *KEYS]]
TOKEN = "0123456789abcdef"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project, and beside it the modules that the document shows."""
    write_project(tmp_path)
    for source in fenced("python"):
        title, _, _ = source.partition("\n")
        (tmp_path / title.removeprefix("# ")).write_text(source, encoding="utf-8")
    certificate = trustme.CA().issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    return tmp_path


class TlsHost(Host):
    """A host that speaks TLS; whoever it is."""

    @contextmanager
    def connect(self) -> Iterator[HTTPSConnection]:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def running(command: str, folder: Path, **environ: str) -> Iterator[Host]:
    """The command in a shell, at a free port; it answers when the context is entered."""
    port = free_port()
    programs = Path(sys.executable).parent
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command.replace(SHOWN_PORT, str(port)),
            shell=True,
            cwd=folder,
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", **environ},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        for _ in range(int(WAIT_BUDGET_SECONDS / 0.05)):
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                pytest.fail(f"it has ended: {log.read_text()}")
        kind = TlsHost if "--certfile" in command else Host
        yield kind(command, port, flask.Flask("elsewhere"))
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(WAIT_BUDGET_SECONDS)


def test_document_shows_each_way_to_run_it() -> None:
    programs = {re.sub(r"^([A-Z_]+=\S+ )+", "", command).split()[0] for command in COMMANDS}
    assert programs == {"bff", "uvicorn", "granian", "gunicorn", "flask"}
    assert all(SHOWN_PORT in command for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_serves_the_project(project: Path, command: str) -> None:
    with running(command, project) as host:
        health = host.get("/healthz")
        assert (health.status, health.json()) == (200, {"status": "ok"})
        assert host.get("/home/nobody").json()["reason"] == "bad_params"
        hello = host.get("/hello")
        assert hello.status == (200 if "shop:" in command or "shop " in command else 404)


@pytest.mark.parametrize("command", PURGES)
def test_command_purges(project: Path, command: str) -> None:
    with running(f"bff serve --port {SHOWN_PORT}", project, BFF_ADMIN_TOKEN=TOKEN) as host:
        programs = Path(sys.executable).parent
        result = subprocess.run(
            command.replace(SHOWN_PORT, str(host.port)),
            shell=True,
            env={
                "PATH": f"{programs}:{os.environ['PATH']}",
                "BFF_PORT": str(host.port),
                "BFF_ADMIN_TOKEN": TOKEN,
            },
            capture_output=True,
            text=True,
        )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() in ("0 purged", '{"purged":0}')


@pytest.mark.parametrize("command", CALLS)
def test_command_calls_a_screen(project: Path, command: str) -> None:
    programs = Path(sys.executable).parent
    result = subprocess.run(
        command,
        shell=True,
        cwd=project,
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1  # nothing listens at the service's address
    assert json.loads(result.stdout)["reason"] == "refused"
    assert result.stderr.startswith("GET /home/1  →  502")


def test_commands_of_the_gateway_are_among_the_apps_own(project: Path) -> None:
    (command,) = re.findall(r"`(flask --app \w+ bff \w+)`", TEXT)
    programs = Path(sys.executable).parent
    result = subprocess.run(
        [programs / "flask", *command.split()[1:]], cwd=project, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith("no problem.\n")


def rows() -> dict[str, list[str]]:
    """The tables of settings and limits: the first variable of a row, and its cells."""
    lines = [line for line in TEXT.splitlines() if re.match(r"\| `BFF_", line)]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {each[0].split(",")[0].strip("`"): each for each in cells}


def test_every_setting_is_listed_with_its_default() -> None:
    listed = {variable: default for variable, (_, _, default, _) in rows().items()}
    assert listed == {
        f"BFF_{field.name.upper()}": "none"
        if (default := getattr(Settings(), field.name)) is None
        else f"`{default}`"
        for field in fields(Settings)
        if field.metadata
    }


def test_every_variable_of_traces_is_listed() -> None:
    listed = re.findall(r"^\| `(OTEL_\w+)`", TEXT, flags=re.M)
    of_traces_alone = {each for each in TRACE_VARIABLES if "_OTLP_TRACES_" in each}
    wanted = set(TRACE_VARIABLES) - of_traces_alone - {"OTEL_SDK_DISABLED"}
    assert set(listed) == wanted | {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}


def test_every_option_of_serve_is_listed_beside_its_variable() -> None:
    listed = {
        option: variable
        for variable, (_, option, _, _) in rows().items()
        if option.startswith("`--")
    }
    assert listed == {
        f"`{param.opts[0]}`": f"BFF_{(param.name or '').upper()}"
        for param in serve.params
        if param.name != "env_file"  # of every command; it sets variables itself
    }
