"""Lines for people (`BFF_LOG_FORMAT=text`): one aligned line a request, tracebacks to be read.

    09:00:00.123Z 200      1.2 ms hit            GET    /account/7  view=mobile
    09:00:00.456Z 504    803.1 ms miss           GET    /account/8  failed: orders: timeout  trace=…
    09:00:01.002Z WARNING  redis at cache:6379 answers again  log.logger=bff.redis.health

ASCII alone: control characters of values are escaped. The lines of a traceback are indented, so
that no text in one begins a line of the log.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bff.telemetry.logs.events import Origin, client_fields, event, moment_text
from bff.telemetry.logs.texts import LINE_BYTES, cut, json_text
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.accounts import account_fields
from bff.web.logs.json_lines import (
    METHOD_LENGTH,
    PATH_LENGTH,
    refusal_fields,
    request_fields,
)

_INDENT: Final = "    | "
_RED: Final = "31"
_YELLOW: Final = "33"
_COLORS: Final = {1: "36", 2: "32", 3: "36", 4: _YELLOW, 5: _RED}  # of statuses' hundreds
_TIME: Final = slice(11, 24)
# What a line shows before its other fields, or what all lines share.
_SHOWN: Final = frozenset({
    "@timestamp", "log.level", "message", "ecs.version", "error.stack_trace", "service.name",
    "service.version", "event.kind", "event.category", "event.type", "event.dataset",
})  # fmt: skip
# What failures of steps made of the payload.
_FAILURES: Final = {
    "degraded": "degraded", "refused": "refused", "failed": "failed", "ok": "older, since",
}  # fmt: skip
_FAULTS: Final = {
    "bff.broken": "broken",
    "error.type": "error",
    "error.message": "why",
    "bff.dropped": "left out",
    "bff.ambiguous": "ambiguous",
}


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
        parts = [
            moment_text(time.time()).decode()[_TIME],
            self._painted(str(reply.status), _COLORS.get(reply.status // 100, "0")),
            f"{request.elapsed_ms:8.1f} ms",
            f"{fields.get('bff.cache', '-'):14}",
            f"{_plain(request.method[:METHOD_LENGTH]):6}",
            _plain(request.raw_path[:PATH_LENGTH]),
        ]
        rest = [f"view={fields['bff.view']}"] if "bff.view" in fields else []
        faults = "  ".join(f"{word}: {_shown(fields[name])}" for word, name in _faults(fields))
        if faults:
            rest.append(self._painted(faults, _RED if reply.status >= 500 else _YELLOW))
        if faults and reply.status >= 500:
            rest.append(f"trace={request.trace_id.decode()}")
        return _written("  ".join([" ".join(parts), *rest]))

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

    def _painted(self, text: str, color: str) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if self._colored else text


def _faults(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What was wrong: a word for it, and the field that has it. The failures of steps are not
    repeated."""
    failures = fields.get("bff.failures", ())
    if failures:
        yield _FAILURES[fields["bff.outcome"]], "bff.failures"
    for name, word in _FAULTS.items():
        if name in fields and not any(str(fields[name]) in each for each in failures):
            yield word, name


def _shown(value: Any) -> str:
    return ", ".join(map(_plain, value)) if isinstance(value, list) else _plain(str(value))


def _plain(text: str) -> str:
    """A text in ASCII that ends no line and controls no terminal."""
    return json_text(text)[1:-1].replace('\\"', '"').replace("\x7f", "\\u007f")


def _written(text: str) -> bytes:
    return cut(text, LINE_BYTES - 1).encode("ascii", "replace") + b"\n"
