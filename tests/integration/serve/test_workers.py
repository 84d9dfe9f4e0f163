"""The workers of `bff serve`: how they share connections, die and are replaced."""

import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.gateway.serving import (
    IN_WORKER,
    Serve,
    Serving,
    command_of,
    gateways,
    on_linux,
    schemas_that,
    serves,
    started,
)
from tests.support.projects import write_project

pytestmark = on_linux

CONNECTIONS = 256
REQUESTS = 4  # on each
MOST_SHARE = 0.6


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with gateways(tmp_path) as start:
        yield start


def sockets_of(worker: int) -> set[str]:
    """The numbers of its sockets, as /proc/net/tcp has them."""
    numbers = set()
    for descriptor in Path(f"/proc/{worker}/fd").iterdir():
        with suppress(OSError):
            numbers.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
    return numbers


def workers_by_client(serving: Serving) -> dict[int, int]:
    """Which worker has the connection of a client's port."""
    owners = {number: worker for worker in serving.workers() for number in sockets_of(worker)}
    found = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        here, there, number = fields[1], fields[2], fields[9]
        client = int(there.partition(":")[2], 16)
        if int(here.partition(":")[2], 16) == serving.port and number in owners and client:
            found[client] = owners[number]
    return found


def largest_share(serving: Serving) -> float:
    """Of the requests on many connections that are made at once, the part of the worker that has
    most."""
    with ExitStack() as stack:
        address = ("127.0.0.1", serving.port)
        clients = [
            stack.enter_context(socket.create_connection(address, WAIT_BUDGET_SECONDS))
            for _ in range(CONNECTIONS)
        ]
        for _ in range(REQUESTS):
            for client in clients:
                client.sendall(b"HEAD /home/x HTTP/1.1\r\nhost: here\r\n\r\n")
            for client in clients:
                assert client.recv(65536).startswith(b"HTTP/1.1 400 ")
        owners = workers_by_client(serving)
        counts = Counter(owners[client.getsockname()[1]] for client in clients)
    serving.wait_for(lambda: not workers_by_client(serving))
    return max(counts.values()) / counts.total()


def test_requests_are_shared_evenly_in_19_of_20_runs(serve: Serve) -> None:
    serving = started(serve)
    shares = [largest_share(serving) for _ in range(20)]
    assert sorted(shares)[-2] <= MOST_SHARE, shares


def test_worker_that_hangs_holds_no_new_connection(serve: Serve) -> None:
    """Nor do the others leave any to it, though they have more than it has."""
    serving = started(serve)
    hanging = min(serving.workers())
    os.kill(hanging, signal.SIGSTOP)
    with ExitStack() as stack:
        stack.callback(os.kill, hanging, signal.SIGCONT)
        address = ("127.0.0.1", serving.port)
        clients = [
            stack.enter_context(socket.create_connection(address, WAIT_BUDGET_SECONDS))
            for _ in range(CONNECTIONS)
        ]
        for client in clients:
            client.sendall(b"HEAD /home/x HTTP/1.1\r\nhost: here\r\n\r\n")
        assert all(client.recv(100).startswith(b"HTTP/1.1 400 ") for client in clients)


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
