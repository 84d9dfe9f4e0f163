"""What `bff serve` says at its start of metrics and traces."""

import socket

import pytest

from bff.cli.serving.launcher import describe_telemetry, listening_for_scrapes
from bff.settings import load_settings
from tests.support.ports import free_port

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


def test_port_for_metrics_is_named_and_one_that_others_reach_without_a_token_is_warned_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    port = free_port()
    everywhere = {"BFF_METRICS_PORT": str(port), "BFF_METRICS_HOST": "0.0.0.0"}
    with listening_for_scrapes(load_settings(everywhere)):
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    named, warned = capsys.readouterr().err.splitlines()
    assert named == f"metrics at http://0.0.0.0:{port}/metrics"
    assert warned == (
        "BFF_METRICS_HOST: whoever reaches this address may read the metrics. Set"
        " BFF_METRICS_TOKEN, or have them at 127.0.0.1."
    )
    for quiet in ({**everywhere, "BFF_METRICS_TOKEN": TOKEN}, {"BFF_METRICS_PORT": str(port)}):
        with listening_for_scrapes(load_settings(quiet)):
            assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_a_port_for_metrics_there_is_no_socket(capsys: pytest.CaptureFixture[str]) -> None:
    with listening_for_scrapes(load_settings({"BFF_METRICS_TOKEN": TOKEN})) as scrapes:
        assert (scrapes, capsys.readouterr().err) == (None, "")
