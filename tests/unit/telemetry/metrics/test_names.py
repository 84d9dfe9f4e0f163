"""Names of metrics and labels: OpenTelemetry's stable ones where it has them."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import opentelemetry.semconv.attributes as stable
import pytest
from opentelemetry.semconv._incubating.attributes import http_attributes
from opentelemetry.semconv.attributes.http_attributes import HttpRequestMethodValues
from opentelemetry.semconv.metrics import http_metrics

import bff
from bff.methods import KNOWN_METHODS
from bff.telemetry.metrics import definitions
from bff.telemetry.metrics.definitions.definition import OTHER, Definition
from bff.telemetry.metrics.definitions.screens import REQUESTS
from bff.telemetry.metrics.definitions.services import SERVICE_CALLS
from bff.telemetry.metrics.definitions.table import DEFINITIONS

# As Prometheus spells them: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
CONVENTIONAL = re.compile(r"(http|url|server|client|network|error|process)_")


# Of the conventions, but not stable in the release that we compare with.
DEVELOPING = {http_attributes.HTTP_CONNECTION_STATE}


def spelt(name: str) -> str:
    return name.replace(".", "_")


def attributes() -> Iterator[str]:
    for module in iter_modules(stable.__path__):
        for name, value in vars(import_module(f"{stable.__name__}.{module.name}")).items():
            if name.isupper() and isinstance(value, str):
                yield spelt(value)


@pytest.mark.parametrize(
    ("definition", "name", "required"),
    [
        (
            REQUESTS,
            http_metrics.HTTP_SERVER_REQUEST_DURATION,
            {"http_request_method", "url_scheme", "http_route", "http_response_status_code"},
        ),
        (
            SERVICE_CALLS,
            http_metrics.HTTP_CLIENT_REQUEST_DURATION,
            {"http_request_method", "server_address", "server_port", "http_response_status_code"},
        ),
    ],
)
def test_durations_of_http_have_the_names_and_labels_of_the_conventions(
    definition: Definition, name: str, required: set[str]
) -> None:
    assert definition.name == f"{spelt(name)}_seconds"
    assert {*required, "error_type"} <= set(definition.labels)


def test_labels_that_look_like_the_conventions_are_of_them() -> None:
    labels = {label for each in DEFINITIONS for label in each.labels}
    known = {*attributes(), *map(spelt, DEVELOPING)}
    assert {each for each in labels if CONVENTIONAL.match(each)} <= known


def test_methods_are_those_of_the_conventions_and_query() -> None:
    """RFC 10008 is younger than the conventions."""
    known = {each.value for each in HttpRequestMethodValues}
    assert {*KNOWN_METHODS, OTHER} == known | {"QUERY"}


def test_each_metric_is_in_the_table_and_something_counts_it() -> None:
    modules = [
        import_module(f"{definitions.__name__}.{each.name}")
        for each in iter_modules(definitions.__path__)
    ]
    named = {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Definition)
    }
    assert sorted(named.values()) == sorted(DEFINITIONS)
    folder = Path(bff.__file__).parent
    shown = {folder / "telemetry" / part for part in ("alerts", "dashboard", "metrics/definitions")}
    code = [path for path in folder.rglob("*.py") if not shown & {*path.parents}]
    words = {word for path in code for word in re.findall(r"[A-Z_]{3,}", path.read_text("utf-8"))}
    assert named.keys() <= words
