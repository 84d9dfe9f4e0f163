"""Makes the fields of a line in the order of ecs-logging: time, level and message first.

Pure, except for the clock. `bff.web.logs` makes the lines of requests by hand. All other lines are
events of this module.
"""

import ipaddress
import time
import traceback
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from bff.telemetry.logs.fields import ECS_VERSION, Dataset
from bff.telemetry.logs.texts import LINE_BYTES, NO_FACTS, bounded_json, cut
from bff.version import __version__

Level = Literal["debug", "info", "warning", "error"]
AuditAction = Literal["key added", "key revoked", "key rotated", "login", "logout", "purge"]

_TEXT_LENGTH: Final = 200
_TRACEBACK_BYTES: Final = 8 * 1024
_MESSAGE_LENGTH: Final = 1024
_NAME_LENGTH: Final = 200
_ALERTS: Final = frozenset({"bff.bug", "bff.fault", "bff.lost"})

# The categories and types of ECS, by what was done.
_KINDS: Final[Mapping[AuditAction, tuple[str, str]]] = {
    "key added": ("iam", "creation"),
    "key revoked": ("iam", "deletion"),
    "key rotated": ("iam", "change"),
    "login": ("authentication", "start"),
    "logout": ("authentication", "end"),
    "purge": ("api", "deletion"),
}


class AuditEntry(NamedTuple):
    """An audited action. `outcome` is "done", or the word of a refusal. `who` is the subject of a
    caller, the id of a key or an operator; None: not known. `address` is the client's, or the name
    of a command's host. `facts` are the fields that describe the action."""

    action: AuditAction
    outcome: str
    who: str | None
    address: str | None
    facts: Mapping[str, Any] = NO_FACTS


class Origin(NamedTuple):
    """The fields that name the writer of a line: the service's name, and the version of bff."""

    service: str = "bff"
    version: str = __version__

    def fields(self) -> dict[str, str]:
        """The fields by their names."""
        return {"service.name": self.service[:_NAME_LENGTH], "service.version": self.version}


OWN: Final = Origin()


def event(
    level: Level, dataset: Dataset, message: str, fields: Mapping[str, Any], origin: Origin
) -> dict[str, Any]:
    """A line's fields, in their order. Fields that are None are left out."""
    line = {
        "@timestamp": moment_text(time.time()).decode(),
        "log.level": level,
        "message": cut(message, _MESSAGE_LENGTH),
        "ecs.version": ECS_VERSION,
        "event.dataset": dataset,
        "event.kind": "alert" if dataset in _ALERTS else "event",
        **fields,
        **origin.fields(),
    }
    return {name: value for name, value in line.items() if value is not None}


def audit_event(entry: AuditEntry, origin: Origin) -> dict[str, Any]:
    """The line of an audited action. No value of it is a secret, and each is cut at 200
    characters."""
    category, kind = _KINDS[entry.action]
    is_done = entry.outcome == "done"
    fields = {
        "event.category": [category],
        "event.type": [kind],
        "event.action": entry.action,
        "event.outcome": "success" if is_done else "failure",
        "event.reason": None if is_done else entry.outcome,
        "user.id": entry.who,
        **client_fields(entry.address),
        **entry.facts,
    }
    cut_fields = {name: _cut_audit_value(value) for name, value in fields.items()}
    reason = "" if is_done else f": {cut_fields['event.reason']}"
    return event("info", "bff.audit", f"{entry.action}{reason}", cut_fields, origin)


def client_fields(address: str | None) -> dict[str, str]:
    """The fields of a client's address: none for a UNIX socket."""
    if not address:
        return {}
    fields = {"client.address": address[:_TEXT_LENGTH]}
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return fields
    if getattr(ip, "scope_id", None) is None:  # Elasticsearch takes no zone
        fields["client.ip"] = str(ip)
    return fields


def json_line(line: Mapping[str, Any]) -> bytes:
    """A line as JSON in ASCII, of 16 KiB at most."""
    return bounded_json(line, LINE_BYTES - 1).encode() + b"\n"


def error_fields(error: BaseException) -> dict[str, Any]:
    """The fields of an exception. A long traceback keeps its head and its tail."""
    text = "".join(traceback.format_exception(error))
    last_line = traceback.format_exception_only(error)[-1].rstrip()
    return {
        "error.type": type(error).__name__,
        "error.message": cut(last_line, _MESSAGE_LENGTH),
        "error.stack_trace": cut(text, _TRACEBACK_BYTES),
    }


_moment = (0, b"")


def moment_text(at: float) -> bytes:
    """A moment, in seconds since the epoch, as ISO 8601 to the millisecond."""
    # The text is kept for a millisecond, since it takes 1.7 µs to make.
    global _moment  # replaced whole, so threads see one or the other
    milliseconds = int(at * 1000)
    known, text = _moment
    if milliseconds != known:
        seconds, rest = divmod(milliseconds, 1000)
        moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:03d}Z"
        text = moment.encode()
        _moment = (milliseconds, text)
    return text


def _cut_audit_value(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | list():
            return value
        case bytes():
            text = value.decode("latin-1")
        case _:
            text = str(value)
    return text if len(text) <= _TEXT_LENGTH else text[: _TEXT_LENGTH - 1] + "…"
