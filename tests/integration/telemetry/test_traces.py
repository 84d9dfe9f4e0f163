"""Traces of tunnels, of instances that are tried in turn, of replies that break off, and of
processes that end; exemplars that lead to them."""

from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from bff.settings import Settings
from tests.support.gateway.hosts import serving
from tests.support.gateway.screens import SCHEMAS, user
from tests.support.gateway.serving import Serve, gateways
from tests.support.gateway.websockets import echo, live, opened, switching
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.telemetry.collector import Collector, ReceivedSpan
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import refusing_url, then_close

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CACHED = (
    "endpoint: GET /screen\nsteps: {a: {call: shop.get_user, with: {id: 1}}}\ncache: {ttl: 1m}\n"
)
ROUTE = "routes: {/raw: {service: shop}}\n"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with gateways(tmp_path) as start:
        yield start


def server(spans: list[ReceivedSpan]) -> ReceivedSpan:
    (found,) = [span for span in spans if span.kind == "server"]
    return found


def test_websocket_has_a_span_for_as_long_as_it_lasts_and_its_handshake_an_attempt(
    tmp_path: Path, collector: Collector
) -> None:
    settings = {"traces": collector.settings(OTEL_TRACES_SAMPLER="always_on"), "slow_seconds": 1e-9}
    with live(tmp_path, switching(echo), **settings) as (host, upstream):
        with opened(host) as client:
            client.send(b"hello")
            assert client.read(5) == b"hello"
            assert collector.spans == []
        spans = collector.trace("GET /live/*", 2)
    (attempt,) = [span for span in spans if span.kind == "client"]
    request = server(spans)
    assert attempt.parent_id == request.span_id
    assert attempt.ended_at < request.ended_at
    assert attempt.attributes["http.response.status_code"] == 101
    assert request.attributes["http.response.status_code"] == 101
    sent = upstream.requests[0].header("traceparent")
    assert sent == f"00-{request.trace_id}-{attempt.span_id}-01"


def test_websocket_is_not_kept_for_being_long(tmp_path: Path, collector: Collector) -> None:
    settings = {
        "traces": collector.settings(OTEL_TRACES_SAMPLER="always_off"),
        "slow_seconds": 1e-9,
    }
    with live(tmp_path, switching(echo), **settings) as (host, _):
        with opened(host) as client:
            client.send(b"hello")
            assert client.read(5) == b"hello"
        host.get("/nowhere")
        (request,) = collector.trace("GET", 1)
    assert request.attributes["bff.kept_for"] == "slow"
    assert len(collector.spans) == 1


def test_each_instance_that_is_tried_has_an_attempt_of_its_own(
    tmp_path: Path, collector: Collector
) -> None:
    with refusing_url() as gone, WireServer({"/users/1": user(1)}) as upstream:
        service = SHOP_SERVICE.replace(
            "base: http://127.0.0.1:9", f"instances: [{gone}, {upstream.url}]"
        )
        folder = write_project(
            tmp_path, {"screen": CACHED}, services={"shop": service}, schemas={"shop": SCHEMAS}
        )
        with serving("http1", folder, settings=Settings(traces=collector.settings())) as host:
            assert host.get("/screen").status == 200
            spans = collector.trace("GET /screen", 6)
    refused, good = [span for span in spans if span.kind == "client"]
    assert refused.parent_id == good.parent_id
    assert (refused.attributes["error.type"], refused.is_error) == ("refused", True)
    assert "http.response.status_code" not in refused.attributes
    assert (good.attributes["http.response.status_code"], good.is_error) == (200, False)
    assert refused.ended_at <= good.started_at
    sent = upstream.requests[0].header("traceparent")
    assert sent == f"00-{good.trace_id}-{good.span_id}-01"


def test_reply_of_a_route_that_breaks_off_is_kept_as_an_error(
    tmp_path: Path, collector: Collector
) -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1000
    never = collector.settings(OTEL_TRACES_SAMPLER="always_off")
    with WireServer({"/half": then_close(half)}) as upstream:
        service = SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)
        folder = write_project(tmp_path, {}, services={"shop": service}, gateway=ROUTE)
        with serving("http1", folder, settings=Settings(traces=never)) as host:
            with suppress(HTTPException, OSError):
                host.get("/raw/half")
            spans = collector.trace("GET /raw/*", 2)
    request = server(spans)
    assert request.is_error
    (attempt,) = [span for span in spans if span.kind == "client"]
    assert (attempt.is_error, attempt.attributes["error.type"]) == (True, "incomplete")
    assert attempt.attributes["http.response.status_code"] == 200
    assert request.attributes["error.type"] == "upstream_broke_off"
    assert request.attributes["bff.kept_for"] == "error"
    assert request.attributes["http.response.status_code"] == 200


def test_numbers_of_a_kept_request_lead_to_its_trace(tmp_path: Path, collector: Collector) -> None:
    settings = Settings(traces=collector.settings(), metrics_token="0123456789abcdef")
    with WireServer({"/users/1": user(1)}) as upstream:
        service = SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)
        folder = write_project(tmp_path, {"screen": CACHED}, services={"shop": service})
        with serving("http1", folder, settings=settings) as host:
            request_id = host.get("/screen").header("x-request-id")
            shown = host.get(
                "/metrics",
                authorization="Bearer 0123456789abcdef",
                accept="application/openmetrics-text",
            )
            collector.trace("run screen", 5)
    named = {
        sample.name: sample.exemplar.labels["trace_id"]
        for family in text_string_to_metric_families(shown.body.decode())
        for sample in family.samples
        if sample.exemplar and "/metrics" not in sample.labels.values()
    }
    assert named == {
        "http_server_request_duration_seconds_bucket": request_id,
        "bff_composition_duration_seconds_bucket": request_id,
    }


def test_worker_that_ends_sends_what_waits(
    serve: Serve, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-gateway")
    gateway = serve()
    gateway.wait_until_it_answers()
    gateway.host.get("/nowhere")
    gateway.terminate()
    gateway.assert_ended_well()
    assert {span.resource["service.name"] for span in collector.spans} == {"shop-gateway"}
    assert "/nowhere" in {span.attributes["url.path"] for span in collector.spans}


def test_gateway_with_settings_of_traces_that_cannot_be_used_does_not_start(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    gateway = serve()
    out = gateway.said()
    assert gateway.process.returncode == 1
    assert out == ("OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf, the one that bff speaks\n")
