"""`bff serve` beside others, and with workers that die."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.gateway.kubernetes import KUBERNETES
from tests.support.gateway.serving import (
    IN_WORKER,
    Serve,
    Serving,
    command_of,
    gateways,
    on_linux,
    schemas_that,
)
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with gateways(tmp_path) as start:
        yield start


def message(port: int) -> str:
    return (
        f"Error: cannot listen at 127.0.0.1:{port}: the port is taken."
        " Stop what listens there, or choose another with --port or BFF_PORT.\n"
    )


def test_second_gateway_on_a_port_says_so_and_the_first_goes_on(serve: Serve) -> None:
    first = serve("--workers", "2")
    first.wait_until_it_answers()
    second = serve(port=first.port)
    assert second.said() == message(first.port)
    assert second.process.returncode == 1
    assert first.answers()


def test_of_two_gateways_that_start_together_one_says_that_the_port_is_taken(
    serve: Serve,
) -> None:
    first = serve()
    second = serve(port=first.port)
    for _ in range(int(WAIT_BUDGET_SECONDS / 0.05)):
        with suppress(subprocess.TimeoutExpired):
            first.process.wait(0.05)
        if first.process.poll() is not None or second.process.poll() is not None:
            break
    loser, winner = (second, first) if first.process.poll() is None else (first, second)
    assert loser.said() == message(first.port)
    winner.wait_until_it_answers()


def test_gateway_starts_beside_a_service_of_kubernetes_that_is_called_bff(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, text in KUBERNETES.items():
        monkeypatch.setenv(variable, text)
    monkeypatch.setenv("BFF_WORKER", "2")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1/a-secret")
    gateway = serve("--workers", "2")
    gateway.wait_until_it_answers()
    has_no_metrics(gateway)
    gateway.terminate()
    out = gateway.said()
    assert out.count("Did you mean BFF_WORKERS?") == 1
    assert out.count("enableServiceLinks") == 1
    assert "\ntraces to http://127.0.0.1:1\n" in out


def has_no_metrics(gateway: Serving) -> None:
    """Workers have no socket for metrics, and their path is free for the project."""
    for worker in gateway.workers():
        *_, module, _listener, _counts, _link, _place, end = command_of(worker).split(b"\0")
        assert (module, end) == (b"bff.cli.serving.worker", b"")
    assert gateway.host.get("/metrics").status == 404


def test_http_2_in_cleartext_is_refused(serve: Serve) -> None:
    gateway = serve()
    gateway.wait_until_it_answers()
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    with socket.create_connection(("127.0.0.1", gateway.port), WAIT_BUDGET_SECONDS) as client:
        client.sendall(preface)
        answer = b""
        while received := client.recv(4096):
            answer += received
    # HTTP/2 would answer with a frame of its settings (RFC 9113 §3.4).
    assert answer.startswith(b"HTTP/1.1 505 ")
    upgrade = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": ""}
    assert gateway.host.get("/healthz", **upgrade).status == 200


def test_headers_of_a_request_may_have_32_kib(serve: Serve) -> None:
    gateway = serve()
    gateway.wait_until_it_answers()
    assert gateway.host.get("/healthz", x_large="a" * 32_000).status == 200
    assert gateway.host.get("/healthz", x_large="a" * 33_000).status == 431


def test_port_of_another_program_is_reported_in_a_line_before_a_redis_is_started(
    serve: Serve, tmp_path: Path
) -> None:
    redis = tmp_path / "programs" / "redis-server"
    redis.parent.mkdir()
    redis.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    redis.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]
        serving = serve(port=port, programs=redis.parent)
        assert serving.said() == message(port)
    assert serving.process.returncode == 1
    assert not (tmp_path / "started").exists()


@on_linux
def test_gateway_starts_again_at_once_though_connections_to_it_linger(serve: Serve) -> None:
    tcp = Path("/proc/net/tcp")  # where 5 is FIN_WAIT2 and 6 is TIME_WAIT
    first = serve()
    first.wait_until_it_answers()
    with first.host.connect() as connection:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        assert connection.sock is not None  # kept alive, so that the gateway closes it first
        first.process.send_signal(signal.SIGTERM)
        first.said()
        assert first.process.returncode == 0
        assert re.search(rf"^ *\d+: \w+:{first.port:04X} \w+:\w+ 0[56] ", tcp.read_text(), re.M)
        again = serve(port=first.port)
        again.wait_until_it_answers()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_worker_that_cannot_load_the_project_ends_the_gateway_with_1_and_its_problem(
    serve: Serve, tmp_path: Path, workers: str
) -> None:
    failing = "    raise RuntimeError('not in a worker')"
    write_project(tmp_path, schemas=schemas_that(IN_WORKER, failing))
    serving = serve("--workers", workers)
    out = serving.said()
    assert serving.process.returncode == 1
    assert "\nschemas/shop.py:3:1: RuntimeError: not in a worker.\n" in out
    assert "Traceback" not in out
    assert "another starts" not in out
    assert not serving.has_redis()


@on_linux
def test_worker_that_is_killed_is_started_again(serve: Serve) -> None:
    serving = serve()
    serving.wait_until_it_answers()
    (killed,) = serving.workers()
    os.kill(killed, signal.SIGKILL)
    serving.wait_for(lambda: serving.workers() - {killed} != set())
    serving.wait_until_it_answers()
    serving.terminate()
    serving.assert_ended_well()


def test_serve_names_each_missing_name_with_its_places_and_starts_nothing(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = 'base: "${env.SHOP_URL}"\nauth: {bearer: "${secret.SHOP_TOKEN}"}'
    service = SHOP_SERVICE.replace("base: http://127.0.0.1:9", own)
    write_project(tmp_path, services={"shop": service})
    monkeypatch.setenv("SHOP_URL", "")
    serving = serve()
    out = serving.said()
    assert serving.process.returncode == 1
    assert out.splitlines()[:2] == [
        "services/shop.yaml:1:10 base: env.SHOP_URL is not set."
        " Set the variable SHOP_URL, or give a default: ${env.SHOP_URL || 'text'}.",
        "services/shop.yaml:2:19 auth.bearer: secret.SHOP_TOKEN is not set."
        " Store it as SHOP_TOKEN in BFF_SECRETS_DIR, or set the variable SHOP_TOKEN.",
    ]


@on_linux
def test_sighup_reads_secrets_anew(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = 'auth: {bearer: "${secret.SHOP_TOKEN}"}'
    file = tmp_path / "mounted" / "SHOP_TOKEN"
    file.parent.mkdir()
    file.write_text("first\n")
    monkeypatch.setenv("BFF_SECRETS_DIR", str(file.parent))
    with WireServer({"/users/1": json_reply('{"id": 1, "first_name": "Ann"}')}) as upstream:
        service = SHOP_SERVICE.replace("base: http://127.0.0.1:9", f"base: {upstream.url}\n{own}")
        write_project(tmp_path, services={"shop": service})
        serving = serve()
        serving.wait_until_it_answers()
        assert serving.host.get("/home/1").status == 200
        file.write_text("second\n")
        (before,) = serving.workers()
        serving.process.send_signal(signal.SIGHUP)
        serving.wait_for(lambda: before not in serving.workers())
        assert serving.host.get("/home/1").status == 200
    sent = [each.header("authorization") for each in upstream.requests]
    assert sent == ["Bearer first", "Bearer second"]
