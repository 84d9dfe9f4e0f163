"""Lines for people (`BFF_LOG_FORMAT=text`): one aligned line a request, tracebacks to be read.

    09:00:00.123Z 200      1.2 ms hit      GET    /account/7
    09:00:00.456Z 502    803.1 ms miss     GET    /account/8  failed: orders:timeout  …  trace=…
    09:00:01.002Z WARNING  redis at cache:6379 answers again  log.logger=bff.redis.health

ASCII alone: control characters of values are escaped. The lines of a traceback are indented, so
that no text in one begins a line of the log.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from bff.telemetry.logs.events import Origin, event, moment_text
from bff.telemetry.logs.texts import LINE_BYTES, cut, json_text
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.accounts import account_fields
from bff.web.logs.json_lines import (
    METHOD_LENGTH,
    PATH_LENGTH,
    client_fields,
    refusal_fields,
    request_fields,
)

_INDENT: Final = "    | "
_COLORS: Final = {1: "36", 2: "32", 3: "36", 4: "33", 5: "31"}  # of statuses, by their hundreds
_TIME: Final = slice(11, 24)
# What a line shows before its other fields, or what all lines share.
_SHOWN: Final = frozenset({
    "@timestamp", "log.level", "message", "ecs.version", "error.stack_trace", "service.name",
    "service.version", "event.kind", "event.category", "event.type", "event.dataset",
})  # fmt: skip
_FAULTS: Final = {
    "bff.degraded": "degraded",
    "bff.failed": "failed",
    "bff.broken": "broken",
    "error.type": "error",
}
_WORDS: Final = ("bff.failures", "error.message", "bff.dropped", "bff.ambiguous")


class TextLines:
    """Makes lines for people. Safe to share between threads."""

    def __init__(self, origin: Origin, *, colored: bool) -> None:
        self._origin = origin
        self._colored = colored

    def event(self, fields: Mapping[str, Any]) -> bytes:
        """The line of an event, and its traceback."""
        rest = [f"{name}={_shown(fields[name])}" for name in fields if name not in _SHOWN]
        level = fields["log.level"].upper()
        line = " ".join([fields["@timestamp"][_TIME], f"{level:8}", _plain(fields["message"])])
        lines = [cut("  ".join([line, *rest]), LINE_BYTES // 2)]
        for each in fields.get("error.stack_trace", "").splitlines():
            lines.append(_INDENT + _plain(each))
        return _written("\n".join(lines))

    def request(
        self, request: GatewayRequest, reply: Reply, sent_bytes: int, weight: float
    ) -> bytes:
        """The line of a request."""
        fields = {**reply.facts}
        if reply.account is not None:
            fields |= account_fields(reply.account, request.moves)
        status = str(reply.status)
        if self._colored:
            status = f"\x1b[{_COLORS.get(reply.status // 100, '0')}m{status}\x1b[0m"
        parts = [
            moment_text(time.time()).decode()[_TIME],
            status,
            f"{request.elapsed_ms:8.1f} ms",
            f"{fields.get('bff.cache', '-'):8}",
            f"{_plain(request.method[:METHOD_LENGTH]):6}",
            _plain(request.raw_path[:PATH_LENGTH]),
        ]
        faults = [
            f"{word}: {_shown(fields[name])}" for name, word in _FAULTS.items() if name in fields
        ]
        words = [_shown(fields[name]) for name in _WORDS if name in fields]
        if faults and reply.status >= 500:
            words.append(f"trace={request.trace_id.decode()}")
        return _written("  ".join([" ".join(parts), *faults, *words]))

    def refusal(self, request: GatewayRequest, reply: Reply) -> bytes:
        """The audit line of a request that is refused."""
        reason = reply.facts["error.type"]
        fields = {
            **refusal_fields(reason, reply.status),
            **request_fields(request),
            **client_fields(request.client_host),
            "user.id": request.subject,
        }
        return self.event(event("info", "bff.audit", f"refusal: {reason}", fields, self._origin))


def _shown(value: Any) -> str:
    return ", ".join(map(_plain, value)) if isinstance(value, list) else _plain(str(value))


def _plain(text: str) -> str:
    """A text in ASCII that ends no line and acts on no terminal."""
    return json_text(text)[1:-1].replace('\\"', '"').replace("\x7f", "\\u007f")


def _written(text: str) -> bytes:
    return cut(text, LINE_BYTES - 1).encode("ascii", "replace") + b"\n"
