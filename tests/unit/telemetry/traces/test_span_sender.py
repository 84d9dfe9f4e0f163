"""The sender of spans: batches, bounds, and collectors that hang, refuse or are gone."""

import logging
import time
from collections.abc import Callable

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from bff.errors import SettingsError
from bff.telemetry.metrics.definitions.process import SPANS_DROPPED, SPANS_SENT
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.traces.sender import BATCH_SPANS, MOST_SPANS, MOST_WAITING, SpanSender
from bff.telemetry.traces.settings import TraceSettings, load_trace_settings
from bff.telemetry.traces.spans import Span
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.steady_clock import steady_seconds
from tests.support.telemetry.collector import Collector

NAME = "bff.telemetry.traces.sender"
NEVER = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}


def spans(count: int = 1) -> list[Span]:
    one = Span(
        b"a" * 32, b"b" * 16, b"", b"01", b"", "x", "internal", 1, 2, [("n", 1), ("b", True)]
    )
    return [one] * count


class Sending:
    """A sender, and what it counts."""

    def __init__(self, settings: TraceSettings) -> None:
        self._metrics = Metrics()
        self.sender = SpanSender(settings, [("service.name", "bff")], self._metrics)
        self.sender.open()

    @property
    def sent(self) -> float:
        return self._metrics.counter(SPANS_SENT).at()[0]

    def dropped(self, reason: str) -> float:
        return self._metrics.counter(SPANS_DROPPED).at(reason)[0]


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + WAIT_BUDGET_SECONDS
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


def test_request_to_the_collector_is_otlp_over_http_with_the_headers_of_the_settings() -> None:
    with Collector() as collector:
        settings = collector.settings(OTEL_EXPORTER_OTLP_HEADERS="api-key=hunter2")
        sending = Sending(settings)
        sending.sender.put(lambda: spans(2), 2)
        collector.wait(lambda: len(collector.spans) == 2)
        sending.sender.close()
        ((path, headers),) = collector.requests
    assert path == "/v1/traces"
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["content-encoding"] == "gzip"
    assert headers["accept-encoding"] == "identity"  # replies are read as they are
    assert headers["api-key"] == "hunter2"
    assert headers["user-agent"].startswith("OTel-OTLP-Exporter-bff/")
    (one, other) = collector.spans
    assert one == other
    assert one.resource.pop("service.instance.id")
    assert one.resource == {"service.name": "bff"}
    assert one.attributes == {"n": 1, "b": True}
    assert type(one.attributes["n"]) is int
    assert (one.trace_id, one.span_id, one.flags) == ("a" * 32, "b" * 16, 0x101)
    assert sending.sent == 2


def test_what_waits_goes_out_at_the_end_in_batches() -> None:
    with Collector() as collector:
        sending = Sending(collector.settings(**NEVER))
        for _ in range(100):  # fewer than wake it
            sending.sender.put(lambda: spans(11), 11)
        assert collector.requests == []
        sending.sender.close()
        assert len(collector.spans) == 1100
        assert len(collector.requests) == 3  # a request's spans stay together
        assert 2 * BATCH_SPANS < 1100
        sending.sender.open()
        sending.sender.put(spans, 1)
        sending.sender.close()
        assert len(collector.spans) == 1101
    assert sending.sent == 1101


def test_many_that_wait_go_out_before_the_delay_is_over() -> None:
    with Collector() as collector:
        sending = Sending(collector.settings(**NEVER))
        for _ in range(200):
            sending.sender.put(spans, 1)
        collector.wait(lambda: len(collector.spans) >= 128)
        sending.sender.close()


def test_collector_that_hangs_costs_a_bounded_queue_and_does_not_hold_up_the_end() -> None:
    with Collector() as collector:
        collector.gate.clear()
        sending = Sending(collector.settings())
        sending.sender.put(spans, 1)
        until(lambda: not sending.sender.waiting)  # the batch is on its way
        for _ in range(MOST_WAITING + 7):
            sending.sender.put(spans, 1)
        assert sending.sender.waiting == MOST_WAITING
        assert sending.dropped("queue_full") == 7
        heavy = Sending(collector.settings(**NEVER))
        heavy.sender.put(spans, MOST_SPANS)
        heavy.sender.put(spans, 9)
        assert (heavy.sender.waiting, heavy.dropped("queue_full")) == (1, 9)
        began = steady_seconds()
        sending.sender.close(0.1)
        assert steady_seconds() - began < 2


def test_refusals_are_counted_and_have_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Collector() as collector, caplog.at_level(logging.WARNING, NAME):
        collector.answers.extend([(400, {}, b"")] * 2 + [(307, {"location": collector.url}, b"")])
        sending = Sending(collector.settings(OTEL_EXPORTER_OTLP_HEADERS="api-key=hunter2"))
        for batch in range(1, 4):
            sending.sender.put(lambda: spans(3), 3)
            until(lambda batch=batch: sending.dropped("refused") == 3 * batch)  # type: ignore[misc]
        sending.sender.close()
        assert len(collector.requests) == 3  # the redirect is not followed
    (line,) = [each.getMessage() for each in caplog.records]
    assert line == f"spans were not sent to {collector.url}: it answered 400 (3 so far)"


def test_spans_that_a_collector_rejects_are_counted_apart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    with Collector() as collector, caplog.at_level(logging.WARNING, NAME):
        collector.answers.append((200, {}, body))
        sending = Sending(collector.settings())
        sending.sender.put(lambda: spans(5), 5)
        until(lambda: sending.sent == 3)
        sending.sender.close()
    assert sending.dropped("rejected") == 2
    assert caplog.messages == ["the collector rejected spans: too old (2 so far)"]


def test_collector_that_is_gone_loses_what_waits_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Collector() as collector:
        secret = collector.url.replace("http://", "http://me:hunter2@") + "/hunter2"
        settings = collector.settings(**NEVER, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=secret)
    sending = Sending(settings)
    with caplog.at_level(logging.WARNING, NAME):
        for _ in range(3):
            sending.sender.put(lambda: spans(BATCH_SPANS), BATCH_SPANS)
        sending.sender.close()
    assert sending.dropped("unreachable") == 3 * BATCH_SPANS
    said = f"spans were not sent to {collector.url}: ConnectError: Connection refused (512 so far)"
    assert caplog.messages == [said]  # no password, and no path


def test_bug_in_one_requests_spans_loses_these_alone(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> list[Span]:
        raise RuntimeError("a bug")

    with Collector() as collector, caplog.at_level(logging.WARNING, NAME):
        sending = Sending(collector.settings(**NEVER))
        for build in (broken, spans, broken):
            sending.sender.put(build, 4)
        sending.sender.close()
        assert len(collector.spans) == 1
    assert sending.dropped("bug") == 8
    assert len(caplog.records) == 1


def test_certificate_that_is_none_is_an_error_at_the_start() -> None:
    settings = load_trace_settings(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://127.0.0.1:9",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": __file__,
        }
    )
    assert settings is not None
    with pytest.raises(SettingsError, match=r"^OTEL_EXPORTER_OTLP_CERTIFICATE: must be"):
        Sending(settings)
