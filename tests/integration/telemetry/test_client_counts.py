"""What our server counts of its clients: connections, and what it refuses itself."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import flask
import pytest

from bff.settings import Settings
from bff.telemetry.metrics.definitions.process import (
    CLIENT_CONNECTIONS,
    CLIENTS_ACCEPTED,
    CLIENTS_REFUSED,
)
from bff.telemetry.metrics.definitions.screens import REQUESTS
from bff.telemetry.metrics.families import Cell, Metrics
from bff.web.applications import create_server
from bff.web.hosts.http1.acceptor import Acceptor, WholeShare
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host, http1_server
from tests.support.gateway.http1_server import ANN, GET, connected, project, read_all
from tests.support.upstream.wire import Exchange, WireServer

MOST = 3


class Served:
    """A server with room for few connections and one request; its upstream waits for the gate."""

    def __init__(self, host: Host, metrics: Metrics, gate: threading.Event) -> None:
        self.host = host
        self.gate = gate
        self._metrics = metrics
        self._refused = metrics.counter(CLIENTS_REFUSED)
        self._requests = metrics.histogram(REQUESTS)
        self._before = self._counted()

    def moved(self) -> dict[str, float]:
        """What has been counted since the last time."""
        before, now = self._before, self._counted()
        self._before = now
        return {name: now[name] - before.get(name, 0) for name in now if now[name] != before[name]}

    def open_connections(self) -> float:
        """Those that are open now."""
        self._metrics.read_all()
        return self._metrics.gauge(CLIENT_CONNECTIONS).at("http")[0]

    def wait_until_open(self, count: int) -> None:
        """Until so many connections are open."""
        ends_at = time.monotonic() + WAIT_BUDGET_SECONDS
        while self.open_connections() != count:
            assert time.monotonic() < ends_at, "not in time"
            time.sleep(0.005)

    def _counted(self) -> dict[str, float]:
        accepted = self._metrics.counter(CLIENTS_ACCEPTED).at()[0]
        words = ("connections", "requests", "websockets", "long_target", "bad_request")
        requests = sum(sum(each[:-1]) for each in list(self._requests.series.values()))
        refused = {word: self._refused.at(word)[0] for word in words}
        return {"accepted": accepted, "as a request": requests, **refused}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    gate = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.hold(gate)
        ANN(exchange)

    with WireServer(script) as upstream:
        folder = project(tmp_path_factory.mktemp("project"), upstream)
        settings = Settings(
            log_level="error",
            connections=MOST,
            requests_in_flight=1,
            request_line_bytes=100,
            metrics_token="0123456789abcdef",
        )
        made = create_server(folder, settings)
        with http1_server(made) as port:
            yield Served(Host("http1", port, flask.Flask("elsewhere")), made.gateway.metrics, gate)


def test_connections_are_counted_while_they_are_open_and_those_beyond_the_bound_as_refused(
    served: Served,
) -> None:
    served.wait_until_open(0)
    with ExitStack() as stack:
        for _ in range(MOST):
            stack.enter_context(connected(served.host))
        served.wait_until_open(MOST)
        assert served.moved() == {"accepted": MOST}
        with connected(served.host) as refused:
            assert read_all(refused).startswith(b"HTTP/1.1 503 ")
        assert served.moved() == {"accepted": 1, "connections": 1}  # and as no request
    served.wait_until_open(0)


@pytest.mark.parametrize(
    ("head", "word"),
    [(b"GET /" + b"x" * 100, "long_target"), (b"GET / HTTP/1.1\r\nHost\r\n\r\n", "bad_request")],
)
def test_head_that_is_refused_counts_by_the_word_of_its_problem(
    served: Served, head: bytes, word: str
) -> None:
    served.wait_until_open(0)
    with connected(served.host) as connection:
        connection.sendall(head)
        assert read_all(connection).startswith(b"HTTP/1.1 4")
    assert served.moved() == {"accepted": 1, word: 1, "as a request": 1}


def test_request_beyond_those_at_work_counts_as_refused(served: Served) -> None:
    served.wait_until_open(0)
    served.gate.clear()
    with connected(served.host) as first, connected(served.host) as second:
        first.sendall(GET)
        second.sendall(GET)  # one of the two is at work, and the other is refused
        ends_at = time.monotonic() + WAIT_BUDGET_SECONDS
        moved: dict[str, float] = {}
        while moved.get("as a request") != 1:
            assert time.monotonic() < ends_at, "not in time"
            for name, count in served.moved().items():
                moved[name] = moved.get(name, 0) + count
        served.gate.set()
        replies = sorted(each.recv(12) for each in (first, second))
    assert replies == [b"HTTP/1.1 200", b"HTTP/1.1 503"]
    assert moved == {"accepted": 2, "requests": 1, "as a request": 1}
    served.wait_until_open(0)
    assert served.moved() == {"as a request": 1}


def test_connection_beyond_those_that_get_an_answer_is_closed_and_counts_as_refused() -> None:
    async def main() -> tuple[Cell, Cell]:
        accepted, refused = [0.0], [0.0]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            acceptor = Acceptor(
                listener,
                asyncio.Protocol,
                lambda: MOST,
                WholeShare(),
                most=MOST,
                accepted=accepted,
                refused=refused,
                tls=None,
                handshake_seconds=1.0,
            )
            acceptor.start()
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            assert await reader.read() == b""
            writer.close()
            await acceptor.stop(1.0)
        return accepted, refused

    assert asyncio.run(main()) == ([1], [1])
