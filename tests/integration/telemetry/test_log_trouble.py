"""Servers whose log can't be written, or is not read: their replies are what they always are."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import flask
import pytest

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host
from tests.support.ports import free_port
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

SERVERS = {
    "bff serve": "bff.cli serve --port {port}",
    "gunicorn": "gunicorn --threads 4 --bind 127.0.0.1:{port} bff:create_app()",
}
# 300 lines of 300 bytes and more are more than the 64 KiB that a pipe holds.
REQUESTS = 300


@contextmanager
def stalled() -> Iterator[IO[bytes]]:
    """A full pipe whose reader does not read."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    for piece in (bytes(4096), b"\n"):
        with suppress(BlockingIOError):
            while True:
                os.write(write, piece)
    os.set_blocking(write, True)
    try:
        with open(write, "wb") as stream:
            yield stream
    finally:
        os.close(read)


@contextmanager
def without_reader() -> Iterator[IO[bytes]]:
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as stream:
        yield stream


@contextmanager
def full() -> Iterator[IO[bytes]]:
    with open("/dev/full", "wb") as stream:
        yield stream


@contextmanager
def started(command: str, project: Path, log: IO[bytes]) -> Iterator[Host]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *command.format(port=port).split()],
        env={**os.environ, "BFF_PROJECT": str(project)},
        stdout=log,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(int(WAIT_BUDGET_SECONDS / 0.05)):
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            with suppress(subprocess.TimeoutExpired):
                pytest.fail(f"it ended at once with {process.wait(0.05)}")
        yield Host(command, port, flask.Flask("elsewhere"))
        process.terminate()
        process.wait(WAIT_BUDGET_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("trouble", [stalled, without_reader, full])
@pytest.mark.parametrize("name", SERVERS)
def test_server_answers_and_ends_as_ever(name: str, trouble: object, tmp_path: Path) -> None:
    with (
        WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream,
        trouble() as log,  # type: ignore[operator]
    ):
        write_project(
            tmp_path,
            {"home": HOME + "cache: {ttl: 1m}\n"},
            services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)},
            gateway="routes: {/raw: {service: shop, strip: true}}",
        )
        with started(SERVERS[name], tmp_path, log) as host:
            for _ in range(REQUESTS):
                assert host.get("/home/1").status == 200
                assert host.get("/nowhere/" + "n" * 200).status == 404
            assert host.request("POST", "/raw/x", [], b"{}").status == 200


_ASK_WITHOUT_REDIS = """
import sys
from bff import create_app
app = create_app(sys.argv[1])
with app.test_client() as client:
    for user in range(1, 31):
        assert client.get(f"/home/{user}").status_code == 200
app.extensions["bff"].close()
"""


def test_warning_of_a_part_does_not_wait_for_the_reader_of_standard_error(tmp_path: Path) -> None:
    with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream, stalled() as errors:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        write_project(tmp_path, {"home": HOME + "cache: {ttl: 1m}\n"}, services=services)
        ended = subprocess.run(
            [sys.executable, "-c", _ASK_WITHOUT_REDIS, str(tmp_path)],
            env={**os.environ, "BFF_REDIS_URL": f"redis://127.0.0.1:{free_port()}"},
            stdout=subprocess.PIPE,
            stderr=errors,
            timeout=WAIT_BUDGET_SECONDS,
        )
    assert ended.returncode == 0
    assert b'"log.logger":"bff.redis.' in ended.stdout
