"""Process settings from `BFF_*` environment variables; everything else is in the project's files.

Read once, where a process starts; frozen after that. May not read files or import other parts.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from bff.errors import SettingsError

TransportName = Literal["pyreqwest", "httpx"]
LogLevel = Literal["debug", "info", "warning", "error"]
Scheduling = Literal["batch", "normal"]

_REDIS_SCHEMES = frozenset(
    f"{name}{tls}{kind}"
    for name in ("redis", "valkey")
    for tls in ("", "s")
    for kind in ("", "+sentinel", "+cluster")
) | {"unix"}
_LEAST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Settings:
    """How one process runs. Each field is read from `BFF_` and its name in capitals.

    `redis_url` may also come from plain `REDIS_URL`; without either, payloads are kept in memory
    alone. At `log_level` warning and above, the line for each request is left out.
    """

    project: Path = Path()
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    backpressure: int = 4096  # requests in flight in each worker; more wait
    scheduling: Scheduling = "batch"  # Linux's policy for the threads of `bff serve`'s workers
    redis_url: str | None = None
    transport: TransportName = "pyreqwest"
    log_level: LogLevel = "info"
    cache_memory_bytes: int = 64 * 1024 * 1024  # in each worker
    flask_threads: int = 10  # in each worker, behind the ASGI edge
    admin_token: str | None = field(default=None, repr=False)  # None: nobody may purge by HTTP


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from environment variables; an empty one counts as unset.

    Raises `SettingsError` with a line for each unusable value, and for each `BFF_` variable that
    means nothing; a line begins with its variable.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for variable, text in _given(environ).items():
        try:
            field = variable.removeprefix("BFF_").lower()
            values[field] = parse_setting(variable, text)
        except ValueError as error:
            problems.append(f"{variable}: {error}")
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(**values)


def parse_setting(variable: str, text: str) -> Any:
    """What `text` means as the value of `variable`.

    Raises `ValueError`, which says what it should be, and never repeats what may hold a password.
    """
    parse = _PARSERS.get(variable)
    if parse is None:
        names = [known.removeprefix("BFF_") for known in _PARSERS]
        near = difflib.get_close_matches(variable.removeprefix("BFF_"), names, n=1)
        hint = f" Did you mean BFF_{near[0]}?" if near else ""
        raise ValueError(f"no such setting. Known: {', '.join(sorted(_PARSERS))}.{hint}")
    return parse(text)


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that say something, by name; an unknown one even when it is empty."""
    given = {
        variable: text
        for variable, text in sorted(environ.items())
        if variable.startswith("BFF_") and (text or variable not in _PARSERS)
    }
    if "BFF_REDIS_URL" not in given and environ.get("REDIS_URL"):
        given["REDIS_URL"] = environ["REDIS_URL"]
    return given


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) < 20
        if not (digits and low <= int(text) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}, not {text!r}")
        return int(text)

    return parse


def _choice(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {text!r}")
        return text

    return parse


def _redis_url(text: str) -> str:
    # The value may hold a password. It is not repeated, nor is what urlsplit says about it.
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
    # It is not repeated.
    if len(text) < _LEAST_TOKEN or not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError(
            f"must be {_LEAST_TOKEN} characters or more, ASCII without blanks: openssl rand -hex 32"
        )
    return text


_PARSERS: dict[str, Callable[[str], Any]] = {
    "BFF_PROJECT": Path,
    "BFF_HOST": str,
    "BFF_PORT": _integer(1, 65535),
    "BFF_WORKERS": _integer(1, 1024),
    "BFF_BACKPRESSURE": _integer(1, 1 << 20),
    "BFF_SCHEDULING": _choice(get_args(Scheduling)),
    "BFF_REDIS_URL": _redis_url,
    "REDIS_URL": _redis_url,
    "BFF_TRANSPORT": _choice(get_args(TransportName)),
    "BFF_LOG_LEVEL": _choice(get_args(LogLevel)),
    "BFF_CACHE_MEMORY_BYTES": _integer(0, 1 << 40),
    "BFF_FLASK_THREADS": _integer(1, 1024),
    "BFF_ADMIN_TOKEN": _token,
}
