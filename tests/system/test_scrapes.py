"""What a real Prometheus makes of the metrics of `bff serve`, and what promtool says of them."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest

from bff.telemetry.metrics.definitions.process import WORKER_DEATHS, WORKER_RESTARTS
from bff.telemetry.metrics.definitions.screens import REQUESTS, STEP_CALLS
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.gateway.serving import Serving, gateways, started
from tests.support.ports import free_port
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply
from tests.system.prometheus import Prometheus, prometheus

CALLS = f'{STEP_CALLS.shown_name}{{composition="home",step="user"}}'
USER = json_reply('{"id": 1, "first_name": "Ann"}')


class Watched:
    """A gateway of two workers, the shop behind it, and the Prometheus that scrapes it."""

    def __init__(self, serving: Serving, shop: WireServer, port: int, store: Prometheus) -> None:
        self.serving = serving
        self.shop = shop
        self.url = f"http://127.0.0.1:{port}/metrics"
        self.store = store

    def ask(self, times: int) -> None:
        for _ in range(times):  # on as many connections
            assert self.serving.host.get("/home/1").status == 200

    def wait_for(self, expression: str, value: float) -> None:
        """Wait until Prometheus has this."""
        seen: list[float] = []

        def has_come() -> bool:
            seen[:] = [each.value for each in self.store.query(expression)]
            return seen == [value]

        try:
            self.serving.wait_for(has_come, pause_seconds=0.2)
        except pytest.fail.Exception as error:
            raise AssertionError(f"{expression} is {seen}, not {value}") from error


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder, port = tmp_path_factory.mktemp("project"), free_port()
    with (
        WireServer({"/users/1": USER}) as shop,
        WireServer(json_reply("")) as collector,  # of traces
        gateways(folder) as serve,
        pytest.MonkeyPatch.context() as patch,
    ):
        service = SHOP_SERVICE.replace("http://127.0.0.1:9", shop.url)
        write_project(folder, {"home": HOME}, services={"shop": service})
        patch.setenv("BFF_METRICS_PORT", str(port))
        patch.setenv("BFF_LOG_LEVEL", "warning")
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        serving = started(serve)
        data = tmp_path_factory.mktemp("prometheus")
        with prometheus(data, f"127.0.0.1:{port}", "groups: []\n") as store:
            yield Watched(serving, shop, port, store)


def test_counter_has_what_was_sent_also_after_a_worker_was_killed_and_after_a_restart(
    watched: Watched,
) -> None:
    watched.wait_for("up", 1)
    watched.ask(7)
    watched.wait_for(CALLS, 7)
    os.kill(min(watched.serving.workers()), signal.SIGKILL)
    watched.wait_for(WORKER_DEATHS.shown_name, 1)
    watched.ask(2)
    watched.wait_for(CALLS, 9)
    os.kill(watched.serving.process.pid, signal.SIGHUP)
    watched.wait_for(WORKER_RESTARTS.shown_name, 2)
    watched.ask(3)
    watched.wait_for(CALLS, 12)
    assert len(watched.shop.requests) == 12
    for counter in (CALLS, f"{REQUESTS.name}_count", f"{REQUESTS.name}_bucket"):
        resets = watched.store.query(f"resets({counter}[10m])")
        assert resets
        assert all(each.value == 0 for each in resets), counter


def test_exemplars_lead_from_a_bucket_to_the_trace_of_a_request(watched: Watched) -> None:
    began = time.time() - 1
    watched.ask(1)
    trace_id = watched.shop.requests[-1].header("traceparent").split("-")[1]

    def is_stored() -> bool:
        stored = watched.store.exemplars(f"{REQUESTS.name}_bucket", began, time.time() + 1)
        return trace_id in {each["labels"]["trace_id"] for each in stored}

    watched.serving.wait_for(is_stored)


@pytest.mark.parametrize("accept", ["text/plain", "*/*"])
def test_promtool_finds_nothing_to_say_of_the_text(watched: Watched, accept: str) -> None:
    watched.ask(1)
    watched.wait_for("up", 1)
    reply = httpx.get(watched.url, headers={"accept": accept}, trust_env=False)
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert reply.text.count("\n# TYPE ") > 10
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=reply.content,
        capture_output=True,
        timeout=WAIT_BUDGET_SECONDS,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
