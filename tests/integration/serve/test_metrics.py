"""The metrics of `bff serve`: one answer for all workers, whatever becomes of them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.gateway.hosts import Host
from tests.support.gateway.serving import (
    Serving,
    gateways,
    on_linux,
    started,
)
from tests.support.ports import free_port
from tests.support.projects import HOME, write_project

pytestmark = on_linux

TOKEN = "0123456789abcdef"
BEARER = {"authorization": f"Bearer {TOKEN}"}
CALLS = "bff_step_calls_total home user"
GONE = "bff_step_calls_total gone user"


@contextmanager
def environ(**variables: str) -> Iterator[None]:
    """What gateways that are started now have in their environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


class Gateway:
    """A `bff serve` with two workers, a port for metrics, and a token."""

    def __init__(self, folder: Path, serving: Serving, metrics_port: int) -> None:
        self.folder = folder
        self.serving = serving
        self.port_for_metrics = Host("launcher", metrics_port, flask.Flask("elsewhere"))

    def numbers(self, host: Host | None = None) -> dict[str, float]:
        """The samples by their names and the values of their labels, with blanks between."""
        answer = (host or self.port_for_metrics).get("/metrics", **BEARER)
        assert answer.status == 200
        return {
            " ".join([sample.name, *sample.labels.values()]): sample.value
            for family in text_string_to_metric_families(answer.body.decode())
            for sample in family.samples
        }

    def wait_for(self, **numbers: float) -> list[float]:
        """Wait until these are the numbers; returns what the calls were meanwhile."""
        wanted = {name.replace("__", " "): value for name, value in numbers.items()}
        seen = []

        def have_come() -> bool:
            now = self.numbers()
            seen.append(now.get(CALLS, 0))
            return wanted.items() <= now.items()

        # Each look renders all numbers: more of them would hold up the workers that start.
        self.serving.wait_for(have_come, pause_seconds=0.2)
        return seen

    def ask(self, times: int, path: str = "/home/1") -> None:
        for _ in range(times):  # on as many connections
            assert self.serving.host.get(path).status == 502


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder, port = tmp_path_factory.mktemp("project"), free_port()
    write_project(folder, {"home": HOME, "gone": HOME.replace("/home/", "/gone/")})
    settings = {"BFF_METRICS_PORT": str(port), "BFF_METRICS_TOKEN": TOKEN}
    with gateways(folder) as serve:
        with environ(**settings, BFF_LOG_LEVEL="warning"):
            serving = started(serve)
        yield Gateway(folder, serving, port)


def test_both_places_have_the_numbers_of_all_workers_and_of_the_launcher(
    gateway: Gateway,
) -> None:
    gateway.ask(10)
    gateway.wait_for(bff_step_calls_total__home__user=10, bff_workers__ready=2)
    here, there = gateway.numbers(gateway.serving.host), gateway.numbers()
    assert here[CALLS] == there[CALLS] == 10
    for numbers in (here, there):
        for process in ("launcher", "worker"):
            assert numbers[f"process_cpu_seconds_total {process}"] > 0
            assert numbers[f"process_resident_memory_bytes {process}"] > 10_000_000
    assert gateway.port_for_metrics.get("/metrics").status == 401
    assert gateway.serving.host.get("/metrics").status == 401


def test_worker_that_is_killed_leaves_its_counts_and_none_goes_backward(gateway: Gateway) -> None:
    before = gateway.numbers()[CALLS]
    gateway.ask(10)
    gateway.wait_for(bff_step_calls_total__home__user=before + 10)
    os.kill(min(gateway.serving.workers()), signal.SIGKILL)
    seen = gateway.wait_for(bff_worker_deaths_total=1, bff_workers__ready=2)
    assert set(seen) == {before + 10}
    gateway.ask(1)
    gateway.wait_for(bff_step_calls_total__home__user=before + 11)


def test_restart_keeps_the_counts_and_ends_the_series_of_what_is_no_more(gateway: Gateway) -> None:
    gateway.ask(1)
    gateway.ask(1, "/gone/1")
    before = gateway.numbers()[CALLS]
    gateway.wait_for(bff_step_calls_total__gone__user=1)
    (gateway.folder / "compositions/gone.yaml").unlink()
    os.kill(gateway.serving.process.pid, signal.SIGHUP)
    gateway.ask(5)  # old workers and new ones
    seen = gateway.wait_for(bff_worker_restarts_total=2, bff_workers__ready=2)
    assert seen == sorted(seen)
    assert seen[0] >= before
    gateway.serving.wait_for(lambda: GONE not in gateway.numbers())
    assert gateway.numbers(gateway.serving.host)[CALLS] == seen[-1]


def test_worker_that_hangs_shows_for_how_long_until_it_goes_on(gateway: Gateway) -> None:
    def silence() -> float:
        return gateway.numbers()["bff_worker_silence_seconds"]

    worker = min(gateway.serving.workers())
    os.kill(worker, signal.SIGSTOP)
    gateway.serving.wait_for(lambda: silence() > 1.6)
    os.kill(worker, signal.SIGCONT)
    gateway.serving.wait_for(lambda: silence() < 1.6)
