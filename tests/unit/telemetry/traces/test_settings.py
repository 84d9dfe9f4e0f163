"""The settings of traces: OpenTelemetry's variables, and how one that is wrong is described."""

from pathlib import Path

import pytest

from bff.errors import SettingsError
from bff.settings import load_settings
from bff.telemetry.traces.sampling import Sampler
from bff.telemetry.traces.settings import TraceSettings, load_trace_settings

ON = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
TRACES = "http://127.0.0.1:4318/v1/traces"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " ", "OTEL_SERVICE_NAME": "shop"},
        {**ON, "OTEL_SDK_DISABLED": "True"},
        {**ON, "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_SAMPLER": "xray"},  # for others
    ],
)
def test_traces_are_off_without_an_endpoint_or_where_they_are_switched_off(
    environ: dict[str, str],
) -> None:
    assert load_trace_settings(environ) is None
    assert load_settings(environ).traces is None


@pytest.mark.parametrize(
    ("environ", "settings"),
    [
        (ON, TraceSettings(TRACES)),
        ({**ON, "OTEL_SDK_DISABLED": "false"}, TraceSettings(TRACES)),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:p@otel.example/in/"},
            TraceSettings("https://user:p@otel.example/in/v1/traces"),
        ),
        (
            {**ON, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://[::1]:9/as/it/is?x=1"},
            TraceSettings("http://[::1]:9/as/it/is?x=1"),
        ),
        (
            {**ON, "OTEL_EXPORTER_OTLP_HEADERS": "Api-Key=a%2Cb%3D, x-tenant = 7 ,"},
            TraceSettings(TRACES, headers=(("api-key", "a,b="), ("x-tenant", "7"))),
        ),
        (
            {
                **ON,
                "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=2",
            },
            TraceSettings(TRACES, headers=(("b", "2"),)),
        ),
        (
            {
                **ON,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
                "OTEL_BSP_SCHEDULE_DELAY": "100",
                "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none",
                "OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem",
            },
            TraceSettings(
                TRACES,
                timeout_seconds=2.5,
                delay_seconds=0.1,
                compression="none",
                certificate=Path("ca.pem"),
            ),
        ),
        (
            {**ON, "OTEL_RESOURCE_ATTRIBUTES": "service.name=a,deployment.environment.name=p%20q"},
            TraceSettings(
                TRACES,
                attributes={"service.name": "a", "deployment.environment.name": "p q"},
            ),
        ),
        (
            {**ON, "OTEL_RESOURCE_ATTRIBUTES": "service.name=a", "OTEL_SERVICE_NAME": "b"},
            TraceSettings(TRACES, attributes={"service.name": "b"}),
        ),
    ],
)
def test_variables_are_read_as_the_standard_names_them(
    environ: dict[str, str], settings: TraceSettings
) -> None:
    loaded = load_settings(environ)
    assert loaded.traces == settings
    assert loaded.service_name == settings.attributes["service.name"]  # the log has the same


@pytest.mark.parametrize(
    ("name", "argument", "sampler"),
    [
        ("", "0.5", Sampler()),  # as the default takes no argument
        ("parentbased_always_on", "", Sampler(True, 1.0)),
        ("parentbased_always_off", "", Sampler(True, 0.0)),
        ("parentbased_traceidratio", "0.25", Sampler(True, 0.25)),
        ("parentbased_traceidratio", "", Sampler(True, 1.0)),
        ("always_on", "", Sampler(False, 1.0)),
        ("always_off", "", Sampler(False, 0.0)),
        ("traceidratio", ".01", Sampler(False, 0.01)),
        ("traceidratio", "0", Sampler(False, 0.0)),
    ],
)
def test_sampler_is_read_with_its_argument(name: str, argument: str, sampler: Sampler) -> None:
    environ = {**ON, "OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument}
    traces = load_settings(environ).traces
    assert traces is not None
    assert traces.sampler == sampler


WRONG = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": [
        ("hunter2:4318", "must be an http:// or https:// URL, as http://127.0.0.1:4318"),
        ("http://user:hunter2@host:six", "must be an http:// or https:// URL, as "),
        ("grpc://hunter2", "must be an http:// or https:// URL, as "),
        ("http://host/hunter2 a", "must be an http:// or https:// URL, as "),
        ("http://host?key=hunter2", "must have no query, since /v1/traces goes behind it;"),
    ],
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": [("/v1/hunter2", "must be an http:// or https:// URL")],
    "OTEL_EXPORTER_OTLP_HEADERS": [
        ("hunter2", "must be NAME=VALUE,… with percent-encoded values"),
        ("api key=hunter2", "must be NAME=VALUE,… with percent-encoded values"),
        ("a=hunter2%0D%0Ab: c", "must be NAME=VALUE,… with values of visible ASCII"),
        ("a=hunter2%FF", "must be NAME=VALUE,… with percent-encoded values"),
        ("Content-Type=hunter2", "must not name content-type, which is the exporter's own to set"),
        (",".join(f"a{n}=hunter2" for n in range(129)), "must have 128 members at most"),
    ],
    "OTEL_EXPORTER_OTLP_PROTOCOL": [
        ("grpc", "must be http/protobuf, the one that bff speaks"),
        ("http/json", "must be http/protobuf, the one that bff speaks"),
    ],
    "OTEL_TRACES_EXPORTER": [("zipkin", "must be otlp, the one that bff speaks")],
    "OTEL_EXPORTER_OTLP_TIMEOUT": [
        ("10s", "must be a whole number of milliseconds from 1 to 600000, not '10s'"),
        ("0", "must be a whole number of milliseconds from 1 to 600000, not '0'"),
    ],
    "OTEL_EXPORTER_OTLP_COMPRESSION": [("zstd", "must be one of gzip, none, not 'zstd'")],
    "OTEL_RESOURCE_ATTRIBUTES": [
        ("shop", "must be NAME=VALUE,… with percent-encoded values"),
        ("region=\udcff", "must be UTF-8"),  # as Python reads a byte that is none of UTF-8's
    ],
    "OTEL_SERVICE_NAME": [("caf\udce9", "must be UTF-8")],
    "OTEL_TRACES_SAMPLER": [("jaeger_remote", "must be one of parentbased_always_on, ")],
    "OTEL_TRACES_SAMPLER_ARG": [
        ("10%", "must be a number from 0 to 1, not '10%'"),
        ("1.5", "must be a number from 0 to 1, not '1.5'"),
        ("nan", "must be a number from 0 to 1, not 'nan'"),
    ],
}


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [(variable, text, problem) for variable, rows in WRONG.items() for text, problem in rows],
)
def test_unusable_value_is_described_by_its_variable_and_no_secret_is_repeated(
    variable: str, text: str, problem: str
) -> None:
    environ = {**ON, "OTEL_TRACES_SAMPLER": "traceidratio", variable: text}
    with pytest.raises(SettingsError) as refused:
        load_settings(environ)
    assert str(refused.value).startswith(f"{variable}: {problem}")
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_all_problems_are_reported_together_with_those_of_other_settings() -> None:
    environ = {
        **ON,
        "BFF_PORT": "0",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_TRACES_SAMPLER": "x",
    }
    with pytest.raises(SettingsError) as refused:
        load_settings(environ)
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "BFF_PORT",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_TRACES_SAMPLER",
    ]


def test_headers_and_the_endpoints_password_are_not_shown_with_the_settings() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:hunter2@host",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=hunter2",
    }
    settings = load_settings(environ)
    assert settings.traces is not None
    assert "hunter2" not in repr(settings)
