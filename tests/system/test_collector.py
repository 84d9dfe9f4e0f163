"""Spans as OpenTelemetry's own collector takes them; `make collector` builds it."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from bff.settings import Settings
from bff.telemetry.traces.settings import load_trace_settings
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, serving
from tests.support.gateway.screens import user
from tests.support.ports import free_port
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import reply

BUILT = Path(__file__).parents[2] / ".venv/collector/collector"
CONFIG = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}
exporters:
  file: {{path: {spans}, flush_interval: 50ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [file]}}}}
"""
SCREEN = """
endpoint: GET /screen
steps:
  a: {call: shop.get_user, with: {id: 1}}
  b: {call: shop.get_user, with: {id: 2}, on_failure: optional}
response: {a: "${a}", b: "${b}"}
cache: {ttl: 1m}
"""
CLIENT = 3
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@contextmanager
def collecting(folder: Path) -> Iterator[tuple[str, Path]]:
    """A collector that runs: its URL, and the file that it writes to."""
    port, spans = free_port(), folder / "spans.json"
    config = folder / "collector.yaml"
    config.write_text(CONFIG.format(port=port, spans=spans), encoding="utf-8")
    process = subprocess.Popen([BUILT, "--config", config], stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(int(WAIT_BUDGET_SECONDS / 0.05)):
            with suppress(httpx.TransportError):
                httpx.get(url)
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                pytest.fail("the collector has ended")
        yield url, spans
    finally:
        process.terminate()
        process.wait(WAIT_BUDGET_SECONDS)


def written(spans: Path) -> list[dict[str, Any]]:
    """The spans in OTLP's JSON."""
    return [
        span
        for line in spans.read_text(encoding="utf-8").splitlines()
        for of_resource in json.loads(line)["resourceSpans"]
        for of_scope in of_resource["scopeSpans"]
        for span in of_scope["spans"]
    ]


def values(span: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a span, or of an event."""
    found = {}
    for each in span["attributes"]:
        ((kind, value),) = each["value"].items()
        found[each["key"]] = int(value) if kind == "intValue" else value
    return found


def status(span: dict[str, Any]) -> int:
    return int(values(span)["http.response.status_code"])


@pytest.mark.skipif(not BUILT.exists(), reason="no collector is built: make collector")
def test_collector_has_each_span_with_the_values_that_were_sent(tmp_path: Path) -> None:
    scripts = {"/users/1": user(1), "/users/2": reply(500)}
    with collecting(tmp_path) as (url, file), WireServer(scripts) as shop:
        service = SHOP_SERVICE.replace("http://127.0.0.1:9", shop.url)
        folder = write_project(tmp_path / "shop", {"screen": SCREEN}, services={"shop": service})
        traces = load_trace_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": url})
        with serving("http1", folder, settings=Settings(traces=traces)) as host:
            answer = host.get("/screen", traceparent=PARENT)
        for _ in range(int(WAIT_BUDGET_SECONDS / 0.05)):  # the gateway's end has sent them
            if len(spans := written(file)) == 7:
                break
            time.sleep(0.05)
    named = {span["name"]: span for span in spans if span["kind"] != CLIENT}
    request, cache, run = named["GET /screen"], named["cache"], named["run screen"]
    steps = [named["step a"], named["step b"]]
    assert {span["traceId"] for span in spans} == {answer.header("x-request-id")}
    assert {span["flags"] for span in spans} == {0x101}
    parents = [span["parentSpanId"] for span in (request, cache, run, *steps)]
    assert parents == ["", request["spanId"], cache["spanId"], run["spanId"], run["spanId"]]
    attempts = sorted((span for span in spans if span["kind"] == CLIENT), key=status)
    assert [span["parentSpanId"] for span in attempts] == [step["spanId"] for step in steps]
    sent = {each.header("traceparent") for each in shop.requests}
    assert sent == {f"00-{span['traceId']}-{span['spanId']}-01" for span in attempts}
    assert [status(span) for span in attempts] == [200, 500]
    assert [span["status"] for span in (request, *steps, *attempts)] == [
        {}, {}, {"code": 2}, {}, {"code": 2},
    ]  # fmt: skip
    (link,) = request["links"]
    assert (link["traceId"], link["spanId"], link["flags"]) == (*PARENT.split("-")[1:3], 0x301)
    ((name, reason),) = [(each["name"], values(each)["bff.reason"]) for each in run["events"]]
    assert (name, reason) == ("step failed", "status")
    assert values(request)["http.route"] == "/screen"
    assert values(cache)["bff.cache.stored"] is False
    for span in spans:
        assert int(request["startTimeUnixNano"]) <= int(span["startTimeUnixNano"])
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        assert int(span["endTimeUnixNano"]) <= int(request["endTimeUnixNano"])
