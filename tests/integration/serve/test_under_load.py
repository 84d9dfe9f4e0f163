"""`bff serve` under load: it ends, or restarts its workers, and loses no request."""

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.gateway.serving import (
    IN_WORKER,
    Serve,
    Serving,
    gateways,
    on_linux,
    schemas_that,
    serves,
    started,
)
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.telemetry.log_lines import of, read_lines
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply, never

pytestmark = on_linux


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with gateways(tmp_path) as start:
        yield start


@pytest.fixture
def upstream() -> Iterator[WireServer]:
    with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as server:
        yield server


class Load:
    """Clients that ask every few milliseconds: some on connections that they keep, some on new
    ones."""

    def __init__(self, serving: Serving, path: str) -> None:
        self._serving = serving
        self._path = path
        self._over = threading.Event()
        self._stack = ExitStack()
        self.statuses: list[int] = []
        self.lost: list[Exception] = []
        self.closes = 0

    def __enter__(self) -> "Load":
        clients = self._stack.enter_context(ThreadPoolExecutor(6))
        self._stack.callback(self._over.set)
        for keeps in (True, False) * 3:
            clients.submit(self._ask, keeps)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _ask(self, keeps: bool) -> None:
        while not self._over.is_set():
            connection = HTTPConnection(
                "127.0.0.1", self._serving.port, timeout=WAIT_BUDGET_SECONDS
            )
            try:
                connection.connect()
            except OSError:  # nobody listens any more
                return
            try:
                while not self._over.wait(0.003):
                    connection.request("GET", self._path)
                    reply = connection.getresponse()
                    reply.read()
                    self.statuses.append(reply.status)
                    if reply.getheader("connection") == "close":
                        self.closes += 1
                        break
                    if not keeps:
                        break
            except Exception as error:
                self.lost.append(error)
            finally:
                connection.close()


BUY = """
endpoint: POST /buy
steps: {order: {call: shop.create_order, with: {user_id: 1}}}
"""


def write_shop(folder: Path, upstream: WireServer, *compositions: str) -> None:
    write_project(
        folder,
        {name: HOME.replace("/home/", f"/{name}/") for name in compositions},
        services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)},
    )


def test_end_under_load_loses_no_request_and_says_connection_close(
    serve: Serve, tmp_path: Path, upstream: WireServer
) -> None:
    write_shop(tmp_path, upstream, "home")
    serving = started(serve)
    with Load(serving, "/home/1") as load:
        serving.wait_for(lambda: len(load.statuses) > 100)
        serving.terminate()
        serving.assert_ended_well()
    assert load.lost == []
    assert set(load.statuses) == {200}
    assert load.closes >= 3


def test_sighup_restarts_workers_with_the_changed_project_and_loses_no_request(
    serve: Serve, tmp_path: Path, upstream: WireServer
) -> None:
    write_shop(tmp_path, upstream, "home")
    serving = started(serve)
    before = serving.workers()
    assert serving.host.get("/more/1").status == 404
    write_shop(tmp_path, upstream, "home", "more")
    with Load(serving, "/home/1") as load:
        serving.wait_for(lambda: len(load.statuses) > 100)
        serving.process.send_signal(signal.SIGHUP)
        wait_until_restarted(serving, before)
        answered = len(load.statuses)
        serving.wait_for(lambda: len(load.statuses) > answered + 100)
    assert load.lost == []
    assert set(load.statuses) == {200}
    assert {serving.host.get("/more/1").status for _ in range(10)} == {200}
    serving.terminate()
    serving.assert_ended_well()


def test_sighup_with_a_broken_project_is_reported_and_leaves_the_workers_serving(
    serve: Serve, tmp_path: Path, upstream: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "0123456789abcdef"
    monkeypatch.setenv("BFF_METRICS_TOKEN", token)
    write_shop(tmp_path, upstream, "home")
    serving = started(serve)
    before = serving.workers()
    (tmp_path / "compositions" / "home.yaml").write_text("endpoint: GET /home\nsteps: none\n")
    serving.process.send_signal(signal.SIGHUP)
    serving.wait_for(lambda: len(serving.workers()) == 3)
    serving.wait_for(lambda: serving.workers() == before)
    assert {serving.host.get("/home/1").status for _ in range(10)} == {200}
    numbers = serving.host.get("/metrics", authorization=f"Bearer {token}")
    assert b"\nbff_failed_restarts_total 1.0\n" in numbers.body
    serving.terminate()
    out = serving.said()
    assert serving.process.returncode == 0
    assert "compositions/home.yaml:" in out
    assert "the restart ends here, and the workers before go on" in out


def test_each_worker_stops_once_its_successor_serves(serve: Serve, tmp_path: Path) -> None:
    serving = started(serve)
    before = serving.workers()
    gate = tmp_path / "gate"
    what = f"    while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)"
    write_project(tmp_path, schemas=schemas_that(IN_WORKER, what))
    for _ in range(3):  # the same restart, until the first is over; then another
        serving.process.send_signal(signal.SIGHUP)
    serving.wait_for(lambda: len(serving.workers()) == 3)
    (successor,) = serving.workers() - before
    assert {serving.host.get("/healthz").status for _ in range(10)} == {200}
    assert before < serving.workers()
    assert all(map(serves, before))
    assert not serves(successor)
    gate.touch()
    wait_until_restarted(serving, before)
    serving.terminate()
    serving.assert_ended_well()


def test_connections_that_wait_in_the_queue_at_the_end_are_answered(serve: Serve) -> None:
    serving = started(serve)
    workers = serving.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    serving.wait_for(lambda: all(map(is_stopped, workers)))  # or SIGTERM would come before
    with ExitStack() as stack:
        waiting = [
            stack.enter_context(
                socket.create_connection(("127.0.0.1", serving.port), WAIT_BUDGET_SECONDS)
            )
            for _ in range(64)
        ]
        for client in waiting:
            client.sendall(b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n")
        serving.terminate()
        serving.wait_for(lambda: all(map(is_told_to_end, workers)))
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        replies = [client.recv(65536) for client in waiting]
        serving.assert_ended_well()
    assert all(reply.startswith(b"HTTP/1.1 200 ") for reply in replies)


def wait_until_restarted(serving: Serving, before: set[int]) -> None:
    """A worker after the other has started and ended, on a core that clients fill."""
    serving.wait_for(lambda: len(serving.workers()) == 2 and not serving.workers() & before, 60)


def is_stopped(worker: int) -> bool:
    return "\nState:\tT" in Path(f"/proc/{worker}/status").read_text()


def is_told_to_end(worker: int) -> bool:
    status = Path(f"/proc/{worker}/status").read_text()
    (pending,) = (line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd:"))
    return bool(int(pending, 16) >> (signal.SIGTERM - 1) & 1)


def test_request_that_the_graceful_time_leaves_is_broken_off_and_the_status_is_0(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that writes, which no client's leaving ends, has its line in the log, too."""
    monkeypatch.setenv("BFF_GRACE_SECONDS", "0.2")
    with WireServer(never()) as upstream:
        write_shop(tmp_path, upstream, "home")
        (tmp_path / "compositions" / "buy.yaml").write_text(BUY)
        serving = started(serve, workers=1)
        with serving.host.connect() as reader, serving.host.connect() as writer:
            reader.request("GET", "/home/1")
            writer.request("POST", "/buy")
            upstream.wait_for_requests(2)
            serving.terminate()
            for client in (reader, writer):
                with pytest.raises((HTTPException, OSError)):
                    client.getresponse()
        said = serving.said()
    assert serving.process.returncode == 0
    said = "\n".join(re.findall(r"^\{.*", said, re.MULTILINE))
    lines = [line for line in of("access", read_lines(said)) if line["url.path"] != "/healthz"]
    assert sorted(line["bff.composition"] for line in lines) == ["buy", "home"]
    (doubt,) = of("fault", read_lines(said))
    assert (doubt["event.action"], doubt["bff.composition"]) == ("write in doubt", "buy")
    for line in lines:
        assert (line["bff.broken"], line["error.type"]) == ("gateway closed", "closing")
        assert line["http.response.status_code"] == 503
