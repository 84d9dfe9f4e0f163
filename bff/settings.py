"""Process settings from `BFF_*` environment variables; everything else is in the project's files.

Read once, where a process starts; frozen after that. May not read files or import other parts.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from bff.errors import SettingsError

TransportName = Literal["pyreqwest", "httpx"]
LogLevel = Literal["debug", "info", "warning", "error"]


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
    redis_url: str | None = None
    transport: TransportName = "pyreqwest"
    log_level: LogLevel = "info"
    cache_memory_bytes: int = 64 * 1024 * 1024  # in each worker
    flask_threads: int = 10  # in each worker, behind the ASGI edge


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from environment variables; an empty one counts as unset.

    Raises `SettingsError`, which names the variable, for an unusable value and for a `BFF_`
    variable that means nothing.
    """
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith("BFF_"):
            continue
        parse = _PARSERS.get(variable)
        if parse is None:
            raise SettingsError(_unknown(variable))
        if text:
            values[variable.removeprefix("BFF_").lower()] = _parsed(variable, text, parse)
    if "redis_url" not in values and environ.get("REDIS_URL"):
        values["redis_url"] = _parsed("REDIS_URL", environ["REDIS_URL"], _redis_url)
    return Settings(**values)


def _parsed(variable: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsError(f"{variable}: {error}") from None


def _unknown(variable: str) -> str:
    near = difflib.get_close_matches(variable, _PARSERS, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"{variable}: no such setting. Known: {', '.join(sorted(_PARSERS))}.{hint}"


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
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
    if urlsplit(text).scheme not in ("redis", "rediss", "unix"):
        # The value may hold a password, so it is not repeated.
        raise ValueError("must be a redis://, rediss:// or unix:// URL")
    return text


_PARSERS: dict[str, Callable[[str], Any]] = {
    "BFF_PROJECT": Path,
    "BFF_HOST": str,
    "BFF_PORT": _integer(0, 65535),
    "BFF_WORKERS": _integer(1, 1024),
    "BFF_BACKPRESSURE": _integer(1, 1 << 20),
    "BFF_REDIS_URL": _redis_url,
    "BFF_TRANSPORT": _choice(get_args(TransportName)),
    "BFF_LOG_LEVEL": _choice(get_args(LogLevel)),
    "BFF_CACHE_MEMORY_BYTES": _integer(0, 1 << 40),
    "BFF_FLASK_THREADS": _integer(1, 1024),
}
