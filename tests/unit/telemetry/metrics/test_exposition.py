"""Numbers as Prometheus reads them: read again by prometheus_client's own parsers."""

import gzip
from collections.abc import Iterable
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

from bff.telemetry.metrics.definitions.limits import LIMIT_LEASES
from bff.telemetry.metrics.definitions.process import LONGEST_LOOP_LAG
from bff.telemetry.metrics.definitions.screens import COMPOSITIONS
from bff.telemetry.metrics.definitions.table import DEFINITIONS
from bff.telemetry.metrics.exposition import Rendition, choose_rendition, render
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.snapshots import table_of

ODD = 'a"b\\c\nd ü'
HOME = ("home", "", "ok")


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    durations = metrics.histogram(COMPOSITIONS)
    for seconds in (0.004, 0.03, 0.03, 60.0):
        durations.observe(durations.at(*HOME), seconds)
    durations.exemplify(HOME, 0.03, "4bf92f3577b34da6a3ce929d0e0e4736", 1795886400.25)
    metrics.counter(LIMIT_LEASES).at(ODD)[0] = 12_345_678.0
    metrics.gauge(LONGEST_LOOP_LAG).watch((), lambda: 0.25)
    return metrics


def samples(families: Iterable[Any]) -> dict[tuple[str, tuple[tuple[str, str], ...]], Any]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize("form", ["text", "openmetrics"])
def test_numbers_come_back_as_they_were(metrics: Metrics, form: Any) -> None:
    body = render(table_of(metrics), Rendition(form)).decode()
    read = samples((openmetrics if form == "openmetrics" else text)(body))
    own = {"composition": "home", "outcome": "ok", "view": ""}

    def value(name: str, **labels: str) -> float:
        found: float = read[name, tuple(sorted(labels.items()))].value
        return found

    name = COMPOSITIONS.name
    counts = [value(f"{name}_bucket", le=f"{le}", **own) for le in (*COMPOSITIONS.bounds, "+Inf")]
    assert counts == [1, 1, 1, *[3] * 11, 4]
    assert value(f"{name}_count", **own) == 4
    assert value(f"{name}_sum", **own) == 60.064
    assert value("bff_limit_leases_total", limit=ODD) == 12_345_678
    assert value("bff_loop_longest_lag_seconds") == 0.25


def test_openmetrics_has_the_exemplar_in_its_bucket_and_text_has_none(metrics: Metrics) -> None:
    table = table_of(metrics)
    read = samples(openmetrics(render(table, Rendition("openmetrics")).decode()))
    held = {dict(labels)["le"]: sample.exemplar for (_, labels), sample in read.items()
            if sample.exemplar}  # fmt: skip
    assert list(held) == ["0.05"]
    exemplar = held["0.05"]
    assert exemplar.labels == {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}
    assert (exemplar.value, float(exemplar.timestamp)) == (0.03, 1795886400.25)
    assert b"4bf92f" not in render(table, Rendition("text"))


def test_metric_without_series_is_left_out() -> None:
    assert render(table_of(Metrics()), Rendition("text")) == b""
    assert render(table_of(Metrics()), Rendition("openmetrics")) == b"# EOF\n"


def test_gzip_holds_the_same_text(metrics: Metrics) -> None:
    table = table_of(metrics)
    packed = render(table, Rendition("text", "gzip"))
    assert gzip.decompress(packed) == render(table, Rendition("text"))


def test_every_definition_can_be_written_in_both_forms() -> None:
    """Names, units and labels are those that the parsers of both formats take."""
    metrics = Metrics()
    for each in DEFINITIONS:
        metrics.families[each.name].at(*["x"] * len(each.labels))
    table = table_of(metrics)
    for form, parse in (("openmetrics", openmetrics), ("text", text)):
        read = {each.name: each for each in parse(render(table, Rendition(form)).decode())}  # type: ignore[arg-type]
        assert read.keys() == {each.name for each in DEFINITIONS}
        assert all(read[each.name].type == each.kind for each in DEFINITIONS)
        if form == "openmetrics":
            assert all(read[each.name].unit == each.unit for each in DEFINITIONS)


PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,"
    "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "text"),
        ("", "text"),
        ("*/*", "text"),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", "text"),
        (PROMETHEUS_2, "openmetrics"),
        (PROMETHEUS_3, "openmetrics"),
        ("application/openmetrics-text", "openmetrics"),
        ("text/plain, application/openmetrics-text", "openmetrics"),
        ('Application/OpenMetrics-Text; Version="1.0.0"', "openmetrics"),
        ("application/openmetrics-text;version=0.0.1", "text"),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", "text"),
        ("application/openmetrics-text;q=0", "text"),
        ("application/openmetrics-text;q=nan", "text"),
        ("text/plain;version=1.0.0", "text"),
        ("application/openmetrics-text," + "x," * 2000, "text"),
    ],
)
def test_accept_chooses_the_format(accept: str | None, form: str) -> None:
    chosen = choose_rendition(None if accept is None else accept.encode(), None)
    assert chosen == (form, "identity")


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [("gzip", "gzip"), ("br, gzip;q=0.2", "gzip"), ("gzip;q=0", "identity"), ("br", "identity")],
)
def test_accept_encoding_chooses_gzip_or_nothing(accept_encoding: str, coding: str) -> None:
    assert choose_rendition(None, accept_encoding.encode()).coding == coding


def test_content_type_names_the_version_that_is_written() -> None:
    assert dict(Rendition("text").headers())[b"content-type"] == (
        b"text/plain; version=0.0.4; charset=utf-8"
    )
    headers = dict(Rendition("openmetrics", "gzip").headers())
    assert headers[b"content-type"] == (
        b"application/openmetrics-text; version=1.0.0; charset=utf-8"
    )
    assert headers[b"content-encoding"] == b"gzip"
    assert headers[b"vary"] == b"Accept, Accept-Encoding"
