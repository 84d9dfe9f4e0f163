"""The workers of `bff serve`: how they share connections, die, are replaced, and restart."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.hosts import WAIT_BUDGET_SECONDS
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.serving import (
    IN_WORKER,
    Serve,
    Serving,
    command_of,
    gateways,
    on_linux,
    schemas_that,
)
from tests.support.wire import WireServer
from tests.support.wire_scripts import json_reply

pytestmark = on_linux

CONNECTIONS = 256
MOST_SHARE = 0.6


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with gateways(tmp_path) as start:
        yield start


def started(serve: Serve, workers: int = 2) -> Serving:
    """A gateway whose workers all serve."""
    serving = serve("--workers", str(workers))
    serving.wait_for(lambda: len(serving.workers()) == workers)
    serving.wait_for(lambda: all(map(serves, serving.workers())))
    serving.wait_until_it_answers()
    return serving


def serves(worker: int) -> bool:
    """Whether the worker waits for SIGTERM, which it does once it serves."""
    status = Path(f"/proc/{worker}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def open_sockets(worker: int) -> int:
    count = 0
    for descriptor in Path(f"/proc/{worker}/fd").iterdir():
        with suppress(OSError):
            count += os.readlink(descriptor).startswith("socket:")
    return count


def test_connections_are_shared_evenly(serve: Serve) -> None:
    serving = started(serve)
    before = {worker: open_sockets(worker) for worker in serving.workers()}
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(socket.create_connection(("127.0.0.1", serving.port), 10))
        serving.wait_for(
            lambda: sum(map(open_sockets, before)) >= sum(before.values()) + CONNECTIONS
        )
        taken = [open_sockets(worker) - count for worker, count in before.items()]
    assert max(taken) <= MOST_SHARE * CONNECTIONS, taken


def test_worker_that_hangs_holds_no_new_connection(serve: Serve) -> None:
    serving = started(serve)
    hanging = min(serving.workers())
    os.kill(hanging, signal.SIGSTOP)
    try:
        statuses = [serving.host.get("/healthz").status for _ in range(50)]
    finally:
        os.kill(hanging, signal.SIGCONT)
    assert statuses == [200] * 50


def test_worker_without_a_free_descriptor_accepts_when_it_has_one_again(serve: Serve) -> None:
    import resource

    serving = started(serve, workers=1)
    (worker,) = serving.workers()
    limits = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (1, limits[1]))
    with socket.create_connection(("127.0.0.1", serving.port), WAIT_BUDGET_SECONDS) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n")
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.recv(1)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, limits)
        client.settimeout(WAIT_BUDGET_SECONDS)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    serving.terminate()
    assert serving.said().count("no connection can be accepted: Too many open files") >= 1


def test_worker_that_dies_again_and_again_is_replaced_while_the_other_serves(serve: Serve) -> None:
    serving = started(serve)
    steady = max(serving.workers())
    for _ in range(4):
        (killed,) = serving.workers() - {steady}
        os.kill(killed, signal.SIGKILL)
        assert serving.answers()
        serving.wait_for(lambda killed=killed: bool(serving.workers() - {steady, killed}))  # type: ignore[misc]
        assert serving.answers()
    serving.terminate()
    out = serving.said()
    assert serving.process.returncode == 0
    assert [f"another starts in {pause} s" in out for pause in ("0.1", "0.2", "0.4", "0.8")] == [
        True
    ] * 4


def test_replacement_that_cannot_load_is_tried_again_while_another_worker_serves(
    serve: Serve, tmp_path: Path
) -> None:
    serving = started(serve)
    steady, killed = sorted(serving.workers())
    failing = tmp_path / "failing"
    failing.touch()
    what = f"    assert not pathlib.Path({str(failing)!r}).exists(), 'not yet'"
    write_project(tmp_path, schemas=schemas_that(IN_WORKER, what))
    os.kill(killed, signal.SIGKILL)
    serving.wait_for(lambda: serving.workers() == {steady})
    serving.wait_for(lambda: bool(serving.workers() - {steady}))
    assert serving.answers()
    failing.unlink()
    serving.wait_for(lambda: any(map(serves, serving.workers() - {steady})))
    serving.terminate()
    serving.assert_ended_well()


def test_last_worker_that_cannot_be_replaced_ends_the_gateway_with_1(
    serve: Serve, tmp_path: Path
) -> None:
    serving = started(serve, workers=1)
    (killed,) = serving.workers()
    write_project(tmp_path, schemas=schemas_that(IN_WORKER, "    raise RuntimeError('broken')"))
    os.kill(killed, signal.SIGKILL)
    assert "RuntimeError: broken" in serving.said()
    assert serving.process.returncode == 1


def test_launcher_that_is_killed_leaves_no_worker_and_no_redis(serve: Serve) -> None:
    serving = started(serve)
    workers = serving.workers()
    serving.process.kill()
    serving.process.wait()
    serving.wait_until(lambda: not any(map(command_of, workers)) and not serving.has_redis())


@pytest.fixture
def upstream() -> Iterator[WireServer]:
    with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as server:
        yield server


class Load:
    """Clients that ask all the time: some on connections that they keep, some on new ones."""

    def __init__(self, serving: Serving, path: str) -> None:
        self._serving = serving
        self._path = path
        self._over = threading.Event()
        self._stack = ExitStack()
        self.statuses: list[int] = []
        self.lost: list[Exception] = []
        self.closes = 0

    def __enter__(self) -> "Load":
        clients = self._stack.enter_context(ThreadPoolExecutor(8))
        self._stack.callback(self._over.set)
        for keeps in (True, False) * 4:
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
                while not self._over.is_set():
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
    assert load.closes >= 4


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
        serving.wait_for(lambda: len(serving.workers()) == 2 and not serving.workers() & before)
        answered = len(load.statuses)
        serving.wait_for(lambda: len(load.statuses) > answered + 100)
    assert load.lost == []
    assert set(load.statuses) == {200}
    assert {serving.host.get("/more/1").status for _ in range(10)} == {200}
    serving.terminate()
    serving.assert_ended_well()


def test_sighup_with_a_broken_project_is_reported_and_leaves_the_workers_serving(
    serve: Serve, tmp_path: Path, upstream: WireServer
) -> None:
    write_shop(tmp_path, upstream, "home")
    serving = started(serve)
    before = serving.workers()
    (tmp_path / "compositions" / "home.yaml").write_text("endpoint: GET /home\nsteps: none\n")
    serving.process.send_signal(signal.SIGHUP)
    serving.wait_for(lambda: len(serving.workers()) == 3)
    serving.wait_for(lambda: serving.workers() == before)
    assert {serving.host.get("/home/1").status for _ in range(10)} == {200}
    serving.terminate()
    out = serving.said()
    assert serving.process.returncode == 0
    assert "compositions/home.yaml:" in out
    assert "the restart ends here, and the workers before go on" in out
