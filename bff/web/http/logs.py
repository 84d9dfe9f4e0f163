"""The log: structlog, one JSON object a line, one line a request.

The log never holds query strings, header values or bodies, since those may hold secrets. A path may
hold ids; it is cut at 200 characters. A line is ASCII, so that no character of a value can break
it, and has at most 16 KiB. `log_writer.py` writes the lines.

Audit lines report who did what, from where, and the outcome. They are written at every level.

A line is made by the thread that logs it: the log's own thread would take Python's lock for it from
the loop that answers.
"""

import logging
import time
import traceback
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import IO, Any, Literal

import structlog

from bff.engine.values.outcomes import Failed
from bff.settings import LogLevel
from bff.upstream.observed import ObservedCall
from bff.upstream.ports import SwitchedConnection
from bff.web.http.log_texts import bounded_json, cut, json_text
from bff.web.http.log_writer import LogWriter, standard_output
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest

_PATH_LENGTH = 200
_METHOD_LENGTH = 32
_AUDIT_TEXT_LENGTH = 200
_TRACEBACK_BYTES = 8 * 1024
_LINE_BYTES = 16 * 1024

AuditAction = Literal["key added", "key revoked", "key rotated", "login", "logout", "purge"]


class Log:
    """The log of a process. Safe to share between threads.

    Without a `stream` it writes to standard output. A `stream` has no buffer.
    """

    def __init__(self, level: LogLevel, stream: IO[bytes] | None = None) -> None:
        number = logging.getLevelNamesMapping()[level.upper()]
        self._writes_requests = number <= logging.INFO
        self._writer = LogWriter(standard_output() if stream is None else stream, _loss)
        self._log = structlog.wrap_logger(
            _TextLogger(self._writer),
            processors=[
                structlog.processors.add_log_level,
                _stamp,
                structlog.processors.ExceptionRenderer(_traceback),
                _to_line,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(number),
        ).bind()
        self._library_lines = _LibraryLines(self._log)

    def request(self, request: GatewayRequest, reply: Reply, sent_bytes: int) -> None:
        """Write the request's one line, once its reply is out."""
        if self._writes_requests:
            try:
                line = _request_line(request, reply, sent_bytes)
            except Exception:  # a bug here must not end the reply
                self._writer.lose()
            else:
                self._writer.put(line)

    def bug(self, request: GatewayRequest, error: BaseException) -> None:
        """An exception that nobody foresaw, with its traceback."""
        self._log.error(
            "bug",
            method=request.method[:_METHOD_LENGTH],
            path=request.raw_path[:_PATH_LENGTH],
            request_id=request.request_id.decode(),
            exc_info=error,
        )

    def audit(
        self,
        action: AuditAction,
        *,
        who: str | None,
        origin: str | None,
        outcome: str,
        **facts: Any,
    ) -> None:
        """Write an audit line, as `audit_line` makes it, without delay."""
        try:
            line = audit_line(action, who=who, origin=origin, outcome=outcome, **facts)
        except Exception:  # a bug here must not end the reply
            self._writer.lose()
        else:
            self._writer.put_urgent(line)

    def refusal(self, request: GatewayRequest, reply: Reply) -> None:
        """Write the audit line of a request that is refused."""
        try:
            line = _refusal_line(request, reply)
        except Exception:  # a bug here must not end the reply
            self._writer.lose()
        else:
            self._writer.put(line)

    def upstream_call(self, observed: ObservedCall) -> None:
        """Write a line on a call by its template, without values: a debug line."""
        try:
            self._log.debug("upstream call", **_call_facts(observed))
        except Exception:  # a bug here must not end the call
            self._writer.lose()

    def flush(self) -> None:
        """Wait until what was logged is written, for a second at most."""
        self._writer.flush()

    def take_library_lines(self) -> None:
        """From now on, also write what bff's other parts log with `logging`."""
        logging.getLogger("bff").addHandler(self._library_lines)

    def leave_library_lines(self) -> None:
        """No longer write what bff's other parts log."""
        logging.getLogger("bff").removeHandler(self._library_lines)


def audit_line(
    action: AuditAction, *, who: str | None, origin: str | None, outcome: str, **facts: Any
) -> bytes:
    """A line of the log that reports an action. No value of it is a secret, and each is cut at 200
    characters.

    `who` is a caller's subject, a key's id or an operator; None is nobody. `origin` is the client's
    address, or the host of a command; None where it has none. `outcome` is "done", or a refusal's
    word. `facts` are what the action was about.
    """
    event = {"action": action, "outcome": outcome, "who": who, "from": origin, **facts}
    cut = {name: _cut_audit_value(value) for name, value in event.items()}
    return _to_line(None, "info", _stamp(None, "info", {**cut, "event": "audit", "level": "info"}))


class Facts(dict[str, Any]):
    """Facts that many lines share, rendered once. They may not change any more."""

    __slots__ = ("text",)

    def __init__(self, **facts: Any) -> None:
        super().__init__(facts)
        self.text = _members(facts)


class _LibraryLines(logging.Handler):
    def __init__(self, log: Any) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write = getattr(self._log, record.levelname.lower(), self._log.error)
            write(record.getMessage(), logger=record.name, exc_info=record.exc_info)
        except Exception:
            self.handleError(record)


class _TextLogger:
    """What structlog writes to: each method takes a whole line."""

    def __init__(self, writer: LogWriter) -> None:
        self.debug = writer.put  # there are many
        self.info = self.warning = self.error = self.critical = writer.put_urgent


def _request_line(request: GatewayRequest, reply: Reply, sent_bytes: int) -> bytes:
    # By hand, since each request has one: a dictionary through a serializer takes five times as
    # long, and a formatted text with its encoding half as long again.
    facts = reply.facts
    return (
        b'{%b,"client":%b,"status":%d,"duration_ms":%.3f,"bytes":%d,"request_id":"%b",%b'
        b'"event":"request","level":"info","timestamp":"%b"}\n'
    ) % (
        _target(request.method[:_METHOD_LENGTH], request.raw_path[:_PATH_LENGTH]),
        _word(request.client_host),
        reply.status,
        (time.perf_counter() - request.started_at) * 1000,
        sent_bytes,
        request.request_id,
        facts.text if type(facts) is Facts else _members(facts),
        _moment_text(time.time()),
    )


def _refusal_line(request: GatewayRequest, reply: Reply) -> bytes:
    # By hand too: whoever is refused may ask often.
    return (
        b'{"action":"refusal","outcome":%b,"who":%b,"from":%b,%b,"status":%d,"request_id":"%b",'
        b'"event":"audit","level":"info","timestamp":"%b"}\n'
    ) % (
        _word(reply.facts["reason"]),
        _word(request.subject or None),
        _word(request.client_host),
        _target(request.method[:_METHOD_LENGTH], request.raw_path[:_PATH_LENGTH]),
        reply.status,
        request.request_id,
        _moment_text(time.time()),
    )


def _call_facts(observed: ObservedCall) -> dict[str, Any]:
    """What there is to say of a call without values of the request or the reply."""
    server, call, started_at, ended_at, answer = observed
    facts: dict[str, Any] = {
        "service": call.service,
        "method": call.method,
        "instance": server.base,
    }
    if call.operation is not None:
        facts |= {"operation": call.operation.name, "path": call.operation.path_text}
    match answer:
        case None:
            facts["reason"] = "cancelled"
        case Failed(reason, status):
            facts |= {"reason": reason.word, "status": status}
        case Exception():
            facts["reason"] = "bug"
        case SwitchedConnection():
            facts["status"] = 101
        case _:
            facts["status"] = answer.status
            if isinstance(answer.body, bytes):
                facts["bytes"] = len(answer.body)
    return {**facts, "duration_ms": round((ended_at - started_at) * 1000, 3)}


def _cut_audit_value(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case bytes():
            text = value.decode("latin-1")
        case _:
            text = str(value)
    return text if len(text) <= _AUDIT_TEXT_LENGTH else text[: _AUDIT_TEXT_LENGTH - 1] + "…"


def _loss(lines: int) -> bytes:
    event = {"lines": lines, "event": "log lines lost", "level": "warning"}
    return _to_line(None, "warning", _stamp(None, "warning", event))


# Most requests have the target of an earlier one.
@lru_cache(1024)
def _target(method: str, path: str) -> bytes:
    return b'"method":%b,"path":%b' % (json_text(method).encode(), json_text(path).encode())


@lru_cache(1024)
def _word(text: str | None) -> bytes:
    cut_text = text if text is None else text[:_AUDIT_TEXT_LENGTH]
    return json_text(cut_text).encode()


def _members(facts: Mapping[str, Any]) -> bytes:
    """The facts as members of a JSON object, each followed by a comma."""
    if not facts:
        return b""
    return b"%b," % bounded_json(facts, _LINE_BYTES - 2048)[1:-1].encode()


_moment = (0, b"")


def _moment_text(at: float) -> bytes:
    # structlog's own TimeStamper costs 1.7 µs a line; the text of a millisecond can be kept.
    global _moment  # replaced whole, so threads see one or the other
    milliseconds = int(at * 1000)
    known, text = _moment
    if milliseconds != known:
        seconds, rest = divmod(milliseconds, 1000)
        moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:03d}Z"
        text = moment.encode()
        _moment = (milliseconds, text)
    return text


def _stamp(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["timestamp"] = _moment_text(time.time()).decode()
    return event


def _traceback(exc_info: Any) -> str:
    return cut("".join(traceback.format_exception(*exc_info)), _TRACEBACK_BYTES)


def _to_line(_: Any, __: str, event: MutableMapping[str, Any]) -> bytes:
    return bounded_json(event, _LINE_BYTES - 1).encode() + b"\n"
