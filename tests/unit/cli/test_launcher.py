"""What `bff serve` says at its start of metrics and traces."""

from bff.cli.serving.launcher import describe_telemetry
from bff.settings import load_settings

TOKEN = "0123456789abcdef"
COLLECTOR = "http://me:a-password@127.0.0.1:4318/a-secret"


def said(**environ: str) -> list[str]:
    return list(describe_telemetry(load_settings(environ), "http://127.0.0.1:8080"))


def test_metrics_at_the_gateways_own_port_and_the_collector_are_named_where_they_are_on() -> None:
    assert said() == []
    assert said(BFF_METRICS_TOKEN=TOKEN, OTEL_EXPORTER_OTLP_ENDPOINT=COLLECTOR) == [
        "metrics at http://127.0.0.1:8080/metrics, with BFF_METRICS_TOKEN",
        "traces to http://127.0.0.1:4318",
    ]
    assert said(BFF_METRICS_TOKEN=TOKEN, BFF_APP="shop:app") == []
    assert said(OTEL_EXPORTER_OTLP_ENDPOINT=COLLECTOR, OTEL_SDK_DISABLED="true") == []
