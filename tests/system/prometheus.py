"""A real Prometheus, as Debian has it, on a loopback port, with its data in a folder.

with prometheus(folder, target, rules) as store:
    store.query("up")                        what each series is now
    store.query_range("up", begin, end, 1)   and what it was, each second
    store.alerts()                           {name: [labels and state, …]}

Its configuration is the example's, but for the intervals: a second each.
"""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.support.ports import free_port

EXAMPLE = Path(__file__).parents[2] / "examples/observability/prometheus.yml"
TARGET = "127.0.0.1:9464"  # the example's
WAIT_SECONDS = 20.0


class Series(NamedTuple):
    """A series of a query's answer; points are (seconds since the epoch, value)."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def value(self) -> float:
        """The last one."""
        return self.points[-1][1]


class Prometheus:
    """A server that answers at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=WAIT_SECONDS)

    def query(self, expression: str) -> list[Series]:
        """What each series of the expression is now."""
        found = self.ask("query", query=expression)["result"]
        return [Series(each["metric"], (_point(each["value"]),)) for each in found]

    def query_range(self, expression: str, begin: float, end: float, step: float) -> list[Series]:
        """What each series was between two times, in seconds since the epoch, at each step."""
        asked = {"start": f"{begin:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        found = self.ask("query_range", query=expression, **asked)["result"]
        return [Series(each["metric"], tuple(map(_point, each["values"]))) for each in found]

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that are pending or firing: `labels`, `annotations`, `state`, `activeAt`."""
        found: list[dict[str, Any]] = self.ask("alerts")["alerts"]
        return found

    def exemplars(self, expression: str, begin: float, end: float) -> list[dict[str, Any]]:
        """Exemplars of the expression's series: `labels`, `value`, `timestamp`."""
        asked = {"start": f"{begin:.3f}", "end": f"{end:.3f}"}
        found = self.ask("query_exemplars", query=expression, **asked)
        return [exemplar for series in found for exemplar in series["exemplars"]]

    def ask(self, what: str, **params: str) -> Any:
        """The data of an answer of its HTTP API."""
        reply = self._client.post(f"/api/v1/{what}", data=params) if params else self._get(what)
        assert reply.status_code == httpx.codes.OK, reply.text
        return json.loads(reply.content)["data"]

    def is_ready(self) -> bool:
        """Whether it answers queries, and has scraped its target once."""
        try:
            ready = self._client.get("/-/ready").status_code == httpx.codes.OK
            return ready and any(each.value == 1 for each in self.query("up"))
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """Ask no more."""
        self._client.close()

    def _get(self, what: str) -> httpx.Response:
        return self._client.get(f"/api/v1/{what}")


@contextmanager
def prometheus(folder: Path, target: str, rules: str) -> Iterator[Prometheus]:
    """Prometheus over one target, a `host:port`, and these rules."""
    shown = EXAMPLE.read_text("utf-8")
    assert TARGET in shown
    (folder / "prometheus.yml").write_text(
        shown.replace(TARGET, target).replace("interval: 15s", "interval: 1s"), "utf-8"
    )
    (folder / "alerts.yml").write_text(rules, "utf-8")
    address = f"127.0.0.1:{free_port()}"
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"),
                *(f"--web.listen-address={address}", "--enable-feature=exemplar-storage"),
                "--log.level=warn",
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    server = Prometheus(f"http://{address}")
    try:
        ends = time.monotonic() + WAIT_SECONDS
        while not server.is_ready():
            if process.poll() is not None or time.monotonic() > ends:
                pytest.fail(f"Prometheus did not start, or found nothing: {log.read_text()}")
            time.sleep(0.05)
        yield server
    finally:
        server.close()
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_SECONDS)


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
