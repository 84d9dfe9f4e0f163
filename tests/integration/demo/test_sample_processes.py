"""The sample services as processes: their switches, their command line, and how they end."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_port
from tests.support.upstream.sample_services import REPOSITORY, service


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with service("users", tmp_path_factory.mktemp("users")) as client:
        yield client


def test_a_service_switched_to_fail_does_until_it_is_mended(tmp_path: Path) -> None:
    with service("users", tmp_path) as users:
        users.post("/_switch", json={"fail": 503})
        failed = users.get("/users/7")
        assert (failed.status_code, failed.headers["retry-after"]) == (503, "5")
        users.post("/_switch", json={"fail": None})
        assert users.get("/users/7").status_code == 200


def test_a_switched_delay_holds_every_reply_back_but_health(tmp_path: Path) -> None:
    with service("users", tmp_path) as users:
        assert users.post("/_switch", json={"delay_ms": 250}).json()["delay_ms"] == 250
        assert users.get("/users/7").elapsed.total_seconds() >= 0.25
        users.post("/_switch", json={"delay_ms": 60_000})
        assert users.get("/healthz").status_code == 200  # within httpx's five seconds


def test_switches_can_be_set_from_the_command_line(tmp_path: Path) -> None:
    with service("users", tmp_path, "--delay", "0.2s", "--fail", "500") as users:
        reply = users.get("/users/7")
        assert reply.status_code == 500
        assert reply.elapsed.total_seconds() >= 0.2


@pytest.mark.parametrize("switches", [{"delay_ms": -1}, {"fail": 200}, {"delay_ms": "much"}])
def test_a_switch_that_makes_no_sense_is_refused(
    users: httpx.Client, switches: dict[str, object]
) -> None:
    assert users.post("/_switch", json=switches).status_code == 422
    assert users.get("/users/7").status_code == 200


def test_stats_count_the_bytes_of_replies_and_nothing_else(tmp_path: Path) -> None:
    with service("users", tmp_path) as users:
        sent = len(users.get("/users/7").content) + len(users.get("/users/100000").content)
        users.get("/healthz")
        users.post("/_switch", json={})
        assert users.get("/_stats").json() == {"requests": 2, "bytes": sent}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    command = [sys.executable, "-m", "examples.services", "users", "--port", str(port)]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert str(port).encode() in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr.read() == b""


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "examples.services", "users", "--port", str(port)]
        ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert f"127.0.0.1:{port} can't be used" in ended.stderr
