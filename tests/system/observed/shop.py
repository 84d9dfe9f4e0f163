"""The sample project, as somebody on call sees it: served, used, and watched by a real Prometheus.

with observed_shop(folder) as shop:
    shop.store.query(…)             what Prometheus knows
    shop.dashboard                  what `bff dashboard` wrote
    shop.log(since)                 lines of the gateway's log
    shop.collector                  the spans that the gateway sent
    with switched(shop, "orders", fail=503):
        …                           one of its services fails
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from bff.environment import Environment
from bff.plan.compiler.project import compile_project
from bff.plan.model.composition import CompiledProject
from examples.demo.processes import DemoServers, running_demo
from tests.support.redis.server import RedisServer
from tests.support.telemetry.collector import Collector
from tests.system.observed.shoppers import Shoppers, shopping
from tests.system.prometheus import Prometheus, prometheus

ROOT: Final = Path(__file__).parents[3]
WORKERS: Final = 2
_SEEN_SECONDS: Final = 2.5  # a worker's snapshot, then a scrape, then a rule: a second each at most
_WAIT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class ObservedShop:
    """What runs. `began` is when the first visit was made, in seconds since the epoch."""

    running: DemoServers
    shoppers: Shoppers
    store: Prometheus
    collector: Collector
    dashboard: dict[str, Any]
    began: float

    def log(self, since: float) -> list[dict[str, Any]]:
        """The lines of the gateway's log from a time on, in seconds since the epoch."""
        lines = self.running.processes["gateway"].output.splitlines()
        read = [json.loads(line) for line in lines if line.startswith("{")]
        return [each for each in read if _time_of(each) >= since]

    def metrics(self) -> str:
        """What /metrics answers to whoever asks for text."""
        return httpx.get(self.running.metrics, trust_env=False).raise_for_status().text

    def wait_for_rounds(self, rounds: int) -> None:
        """Wait until the shoppers have made so many rounds, and Prometheus knows of them."""
        ends = time.monotonic() + _WAIT_SECONDS
        while self.shoppers.rounds < rounds:
            assert time.monotonic() < ends, self.shoppers.trouble
            time.sleep(0.1)
        time.sleep(_SEEN_SECONDS)


@contextmanager
def observed_shop(folder: Path) -> Iterator[ObservedShop]:
    """All of it, with two workers and shoppers who have been everywhere once; Prometheus's
    files are in `folder`."""
    with (
        RedisServer() as redis,
        Collector() as collector,
        running_demo(
            ROOT,
            redis.url,
            lambda *_: None,
            workers=WORKERS,
            variables={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url},
        ) as running,
        prometheus(folder, urlsplit(running.metrics).netloc, bff("alerts")) as store,
    ):
        began = time.time()
        with shopping(running) as shoppers:
            dashboard = json.loads(bff("dashboard"))
            yield ObservedShop(running, shoppers, store, collector, dashboard, began)


@contextmanager
def switched(shop: ObservedShop, service: str, **switches: Any) -> Iterator[None]:
    """A sample service that is late or fails, until the context ends: `delay_ms`, `fail`."""
    address = f"{shop.running.services[service]}/_switch"
    before = _post(address, {})
    _post(address, switches)
    try:
        yield
    finally:
        _post(address, before)


def sample_project() -> CompiledProject:
    """The project that is served, compiled."""
    secrets = {
        "SHOP_CLIENT_SECRET": "a secret",
        "SESSION_KEY": "a key for nothing at all, but long",
    }
    return compile_project(ROOT, Environment(secrets))


def bff(command: str) -> str:
    """What a command prints."""
    ended = subprocess.run(
        [sys.executable, "-m", "bff.cli", command], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _post(address: str, switches: dict[str, Any]) -> dict[str, Any]:
    reply = httpx.post(address, json=switches, trust_env=False, timeout=20)
    now: dict[str, Any] = reply.raise_for_status().json()
    return now


def _time_of(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["@timestamp"]).timestamp()
