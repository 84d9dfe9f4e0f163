"""The settings of a process, from `BFF_*` environment variables. Those of traces have the names of
OpenTelemetry (`bff.telemetry.traces.settings`).

They are read once, where a process starts, and do not change after that. Everything else is in the
project's files. This module may not read files or import other parts.

A new setting is one field of `Settings`, with its default and its parser, and one row of the table
in docs/running.md.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from bff.errors import SettingsError
from bff.telemetry.traces.settings import TraceSettings, load_trace_settings, service_name

TransportName = Literal["http1", "httpx"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["json", "text"]

_REDIS_SCHEMES = frozenset(
    f"{name}{tls}{kind}"
    for name in ("redis", "valkey")
    for tls in ("", "s")
    for kind in ("", "+sentinel", "+cluster")
) | {"unix"}
_LEAST_TOKEN = 16
_APP = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")

# What Kubernetes sets in every pod for a service called `bff`, or `bff-…`, of its namespace.
_OF_KUBERNETES = re.compile(
    r"BFF_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_PORTS = ("BFF_PORT", "BFF_METRICS_PORT")
_ADDRESS_OF_KUBERNETES = re.compile(r"(tcp|udp|sctp)://\S+")


# A parser turns the text of a variable into a value. It raises `ValueError`, which describes the
# right value and does not repeat a text that may hold a password.
def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) < 20
        if not (digits and low <= int(text) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}, not {text!r}")
        return int(text)

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        is_number = _DECIMAL.fullmatch(text) is not None
        if not (is_number and low <= float(text) <= high):
            raise ValueError(f"must be a number of seconds from {low:g} to {high:g}, not {text!r}")
        return float(text)

    return parse


def _share(text: str) -> float:
    if _DECIMAL.fullmatch(text) is None or float(text) > 1:
        raise ValueError(f"must be a share from 0 to 1, as 0.1, not {text!r}")
    return float(text)


def _app_name(text: str) -> str:
    if _APP.fullmatch(text) is None:
        raise ValueError(f"must be MODULE:NAME, as in shop.web:app, not {text!r}")
    return text


def _choice(literal: Any) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in get_args(literal):
            raise ValueError(f"must be one of {', '.join(get_args(literal))}, not {text!r}")
        return text

    return parse


def check_redis_url(text: str) -> str:
    """The text, which is the address of a Redis. Raises `ValueError`."""
    # What urlsplit reports may repeat the password, too.
    try:
        parts = urlsplit(text)
        is_known = parts.scheme in _REDIS_SCHEMES
    except ValueError:
        is_known = False
    if not is_known:
        raise ValueError(
            "must be a redis://, rediss:// or unix:// URL, or a redis+sentinel:// or"
            " redis+cluster:// one"
        )
    for place in parts.netloc.rpartition("@")[2].split(","):
        try:
            _ = urlsplit(f"//{place}").port
        except ValueError:
            raise ValueError("has a port that is no number from 0 to 65535") from None
    return text


def _token(text: str) -> str:
    if len(text) < _LEAST_TOKEN or not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError(
            f"must be {_LEAST_TOKEN} characters or more, ASCII without blanks: openssl rand -hex 32"
        )
    return text


# A dataclass field with its parser.
def _setting(default: Any, parse: Callable[[str], Any], *, repr: bool = True) -> Any:
    return field(default=default, repr=repr, metadata={"parse": parse})


@dataclass(frozen=True, slots=True)
class Settings:
    """How one process runs. Each field is read from the variable `BFF_` and its name in capitals.

    `redis_url` may also come from plain `REDIS_URL`; without either, payloads are kept in memory
    alone. At `log_level` warning and above, the line for each request is left out.
    """

    project: Path = _setting(Path(), Path)
    # A folder with a file for each secret; those that it lacks are variables.
    secrets_dir: Path | None = _setting(None, Path)
    # A Flask app with a gateway mounted, which `bff serve` serves in place of a project.
    app: str | None = _setting(None, _app_name)
    host: str = _setting("127.0.0.1", str)
    port: int = _setting(8080, _integer(1, 65535))
    workers: int = _setting(1, _integer(1, 1024))
    # PEM files for TLS. Without a key file the certificate's holds the key too.
    certfile: Path | None = _setting(None, Path)
    keyfile: Path | None = _setting(None, Path)
    # At the end, for requests at work.
    grace_seconds: float = _setting(30.0, _seconds(0, 3600))
    # In each worker; more are refused.
    connections: int = _setting(16_384, _integer(1, 1 << 20))
    requests_in_flight: int = _setting(4096, _integer(1, 1 << 20))
    # Open in each worker, and how long nothing may pass through one.
    websockets: int = _setting(4096, _integer(0, 1 << 20))
    websocket_idle_seconds: float = _setting(300.0, _seconds(0.1, 24 * 3600))
    # What a request may have, and how long its parts and its connection may take.
    request_line_bytes: int = _setting(8 * 1024, _integer(64, 1 << 20))
    header_bytes: int = _setting(32 * 1024, _integer(64, 1 << 20))
    header_lines: int = _setting(100, _integer(1, 10_000))
    body_bytes: int = _setting(1024 * 1024, _integer(0, 1 << 30))
    # Of one service's reply to a step; all that a run reads have 16 MiB together.
    service_reply_bytes: int = _setting(4 * 1024 * 1024, _integer(1024, 16 * 1024 * 1024))
    head_seconds: float = _setting(10.0, _seconds(0.1, 3600))
    idle_seconds: float = _setting(75.0, _seconds(0.1, 3600))  # above load balancers' 60
    # The least speeds, on average over so many seconds.
    speed_seconds: float = _setting(10.0, _seconds(0.1, 3600))
    body_bytes_per_second: int = _setting(1024, _integer(0, 1 << 30))
    reply_bytes_per_second: int = _setting(1024, _integer(0, 1 << 30))
    redis_url: str | None = _setting(None, check_redis_url, repr=False)
    transport: TransportName = _setting("http1", _choice(TransportName))
    log_level: LogLevel = _setting("info", _choice(LogLevel))
    log_format: LogFormat = _setting("json", _choice(LogFormat))
    # Of the lines of good requests.
    log_sample: float = _setting(1.0, _share)
    # A step or a request is slow from here on: it is reported, and its trace is kept; 0: never.
    slow_seconds: float = _setting(1.0, _seconds(0, 3600))
    # In each worker.
    cache_memory_bytes: int = _setting(64 * 1024 * 1024, _integer(0, 1 << 40))
    # In each worker, behind the ASGI edge.
    flask_threads: int = _setting(10, _integer(1, 1024))
    # None: nobody may purge by HTTP.
    admin_token: str | None = _setting(None, _token, repr=False)
    # Of OpenTelemetry's variables. None: traces are off.
    traces: TraceSettings | None = None
    service_name: str = "bff"
    # The separate port of `bff serve` for the metrics of all workers; None: there is none.
    metrics_port: int | None = _setting(None, _integer(1, 65535))
    metrics_host: str = _setting("127.0.0.1", str)
    # None: the gateway's own port has no metrics, and the separate port needs no token.
    metrics_token: str | None = _setting(None, _token, repr=False)

    @property
    def has_metrics(self) -> bool:
        """Whether metrics are on."""
        return self.metrics_port is not None or self.metrics_token is not None


_FIELDS = {f"BFF_{each.name.upper()}": each for each in fields(Settings) if each.metadata}


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in environment variables; an empty variable counts as unset.

    Raises `SettingsError` with a line for each value that can't be used; a line begins with its
    variable. `describe_ignored` describes the variables that this function ignores.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for variable in ("REDIS_URL", *_FIELDS):  # a later one wins
        text = environ.get(variable)
        if not text or _is_of_kubernetes(variable, text):
            continue
        if variable == "REDIS_URL" and environ.get("BFF_REDIS_URL"):
            continue
        try:
            values[variable.removeprefix("BFF_").lower()] = parse_setting(variable, text)
        except ValueError as error:
            problems.append(f"{variable}: {error}")
    try:
        traces = values["traces"] = load_trace_settings(environ)
        values["service_name"] = (
            service_name(environ) if traces is None else traces.attributes["service.name"]
        )
    except ValueError as error:
        problems += str(error).splitlines()
    if problems:
        raise SettingsError("\n".join(sorted(problems)))
    return Settings(**values)


def describe_ignored(environ: Mapping[str, str]) -> list[str]:
    """A line for each `BFF_` variable that `load_settings` ignores, or that has no effect, with its
    remedy.

    One line describes all variables of Kubernetes.
    """
    names = sorted(variable for variable in environ if variable.startswith("BFF_"))
    injected = [variable for variable in names if _is_of_kubernetes(variable, environ[variable])]
    lines = [
        f"{variable} is ignored: no such setting.{_nearest(variable)}"
        for variable in names
        if variable not in _FIELDS and variable not in injected
    ]
    if environ.get("BFF_METRICS_HOST") and not environ.get("BFF_METRICS_PORT"):
        lines.append("BFF_METRICS_HOST is ignored: set BFF_METRICS_PORT, whose address it is.")
    if injected:
        lines.append(
            f"{', '.join(injected)}: ignored, since Kubernetes sets such variables for a service"
            " called bff. `enableServiceLinks: false` in the pod's spec turns them off."
        )
    return lines


def parse_setting(variable: str, text: str) -> Any:
    """The value of `variable` that `text` describes.

    Raises `ValueError`, which describes the right value, and never repeats what may hold a
    password.
    """
    name = "BFF_REDIS_URL" if variable == "REDIS_URL" else variable
    return _FIELDS[name].metadata["parse"](text)


def _is_of_kubernetes(variable: str, text: str) -> bool:
    if variable in _FIELDS:
        # Of services called bff and bff-metrics.
        return variable in _PORTS and bool(_ADDRESS_OF_KUBERNETES.fullmatch(text))
    is_address = variable.endswith("_PORT") and _ADDRESS_OF_KUBERNETES.fullmatch(text)
    return bool(is_address or _OF_KUBERNETES.fullmatch(variable))


def _nearest(variable: str) -> str:
    names = [known.removeprefix("BFF_") for known in _FIELDS]
    near = difflib.get_close_matches(variable.removeprefix("BFF_"), names, n=1)
    return f" Did you mean BFF_{near[0]}?" if near else ""
