"""The settings of traces, from the variables that OpenTelemetry's specification names.

Traces are on where `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` is set.
Where they are off, nothing else is read, since the variables may be there for others. Reads no
files. Sources: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
and https://opentelemetry.io/docs/specs/otel/protocol/exporter/

Values of headers are secrets, and an endpoint may hold a password: neither is repeated.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeVar
from urllib.parse import unquote, urlsplit

from bff.telemetry.traces.sampling import SAMPLERS, Sampler, sampler_called

T = TypeVar("T")

Compression = Literal["gzip", "none"]
COMPRESSIONS: Final[tuple[Compression, ...]] = ("gzip", "none")

TRACE_VARIABLES: Final = (
    "OTEL_SDK_DISABLED",
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
)

_SERVICE_NAME: Final = "bff"
_MOST_PAIRS: Final = 128
_MOST_MILLISECONDS: Final = 600_000
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,255}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_OWN_HEADERS: Final = frozenset({
    "connection", "content-encoding", "content-length", "content-type", "host",
    "transfer-encoding",
})  # fmt: skip
_RATIO = re.compile(r"(0|1|[01]?\.[0-9]{1,17}|[01]\.[0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Where spans are sent, and which. `attributes` describe this process, with `service.name`.
    `certificate` is a PEM file of authorities, in place of the system's. A span waits at most
    `delay_seconds` for its batch to fill."""

    endpoint: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_seconds: float = 10.0
    delay_seconds: float = 5.0
    compression: Compression = "gzip"
    certificate: Path | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: {"service.name": "bff"})
    sampler: Sampler = field(default_factory=Sampler)

    @property
    def collector(self) -> str:
        """Where the collector is, for people: no path, which may hold a secret, and no password."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def service_name(environ: Mapping[str, str]) -> str:
    """The name of the service for the log, where traces are off."""
    return environ.get("OTEL_SERVICE_NAME", "").strip() or _SERVICE_NAME


def load_trace_settings(environ: Mapping[str, str]) -> TraceSettings | None:
    """The settings in environment variables; None where traces are off. An empty variable counts
    as unset, and one with `TRACES` in it comes before the one without.

    Raises `ValueError` with a line for each value that can't be used.
    """
    reader = _Reader(environ)
    if reader.text("OTEL_SDK_DISABLED").lower() == "true":
        return None
    if reader.text("OTEL_TRACES_EXPORTER") == "none":
        return None
    given = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
    if not any(map(reader.text, given)):
        return None
    reader.read(_exactly("otlp"), "otlp", "OTEL_TRACES_EXPORTER")
    reader.read_exporters(_exactly("http/protobuf"), "", "PROTOCOL")
    endpoint = reader.read(_endpoint, "", given[0]) or reader.read(_base, "", given[1])
    sampler = reader.read(_choice(SAMPLERS), "parentbased_always_on", "OTEL_TRACES_SAMPLER")
    ratio = reader.read(_ratio, 1.0, "OTEL_TRACES_SAMPLER_ARG") if "ratio" in sampler else 1.0
    pairs: dict[str, str] = reader.read(_attributes, {}, "OTEL_RESOURCE_ATTRIBUTES")
    name = (
        reader.read(_unicode, "", "OTEL_SERVICE_NAME") or pairs.get("service.name") or _SERVICE_NAME
    )
    settings = TraceSettings(
        endpoint,
        reader.read_exporters(_headers, (), "HEADERS"),
        reader.read_exporters(_milliseconds, 10_000, "TIMEOUT") / 1000,
        reader.read(_milliseconds, 5_000, "OTEL_BSP_SCHEDULE_DELAY") / 1000,
        reader.read_exporters(_choice(COMPRESSIONS), "gzip", "COMPRESSION"),
        reader.read_exporters(Path, None, "CERTIFICATE"),
        {**pairs, "service.name": name},
        sampler_called(sampler, ratio),
    )
    if reader.problems:
        raise ValueError("\n".join(reader.problems))
    return settings


class _Reader:
    """Reads variables, and gathers what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._environ = environ

    def text(self, variable: str) -> str:
        return self._environ.get(variable, "").strip()

    def read(self, parse: Callable[[str], T], default: T, variable: str) -> T:
        text = self.text(variable)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.problems.append(f"{variable}: {error}")
            return default

    def read_exporters(self, parse: Callable[[str], T], default: T, name: str) -> T:
        """A variable of the exporter, whose form for traces alone comes first."""
        own = f"OTEL_EXPORTER_OTLP_TRACES_{name}"
        variable = own if self.text(own) else f"OTEL_EXPORTER_OTLP_{name}"
        return self.read(parse, default, variable)


# A parser returns the value of a text, or raises `ValueError`, which describes the right one.
def _exactly(word: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text != word:
            raise ValueError(f"must be {word}, the one that bff speaks")
        return text

    return parse


def _unicode(text: str) -> str:
    # Python reads a byte that is no UTF-8 as half of a character, which no message can hold.
    if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError("must be UTF-8")
    return text


def _endpoint(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or parts.fragment or not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("must be an http:// or https:// URL, as http://127.0.0.1:4318")
    return text


def _base(text: str) -> str:
    url = _endpoint(text)
    if "?" in url:
        raise ValueError(
            "must have no query, since /v1/traces goes behind it;"
            " OTEL_EXPORTER_OTLP_TRACES_ENDPOINT may have one"
        )
    return f"{url.rstrip('/')}/v1/traces"


def _pairs(text: str) -> list[tuple[str, str]]:
    """`name=value,…`, percent-encoded (W3C Baggage, without properties)."""
    members = [each.strip() for each in text.split(",") if each.strip()]
    if len(members) > _MOST_PAIRS:
        raise ValueError(f"must have {_MOST_PAIRS} members at most")
    pairs = []
    for member in members:
        name, equals, value = member.partition("=")
        try:
            decoded = unquote(value.strip(), errors="strict")
        except UnicodeDecodeError:
            equals = ""
        if not equals or _NAME.fullmatch(name.strip()) is None:
            raise ValueError("must be NAME=VALUE,… with percent-encoded values")
        pairs.append((name.strip(), decoded))
    return pairs


def _headers(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [(name.lower(), value) for name, value in _pairs(text)]
    if any(_HEADER_VALUE.fullmatch(value) is None for _, value in pairs):
        raise ValueError("must be NAME=VALUE,… with values of visible ASCII, percent-encoded")
    own = sorted(_OWN_HEADERS.intersection(name for name, _ in pairs))
    if own:
        raise ValueError(f"must not name {own[0]}, which is the exporter's own to set")
    return tuple(dict(pairs).items())


def _attributes(text: str) -> dict[str, str]:
    return dict(_pairs(_unicode(text)))


def _milliseconds(text: str) -> int:
    digits = text.isascii() and text.isdigit() and len(text) < 10
    if not (digits and 1 <= int(text) <= _MOST_MILLISECONDS):
        raise ValueError(
            f"must be a whole number of milliseconds from 1 to {_MOST_MILLISECONDS}, not {text!r}"
        )
    return int(text)


def _choice(words: tuple[T, ...]) -> Callable[[str], T]:
    def parse(text: str) -> T:
        for word in words:
            if text == word:
                return word
        raise ValueError(f"must be one of {', '.join(map(str, words))}, not {text!r}")

    return parse


def _ratio(text: str) -> float:
    if _RATIO.fullmatch(text) is None or float(text) > 1:
        raise ValueError(f"must be a number from 0 to 1, not {text!r}")
    return float(text)
