"""The log: one line for each request, and lines for audit, faults, bugs and calls.

The log never holds query strings, header values or bodies, since those may hold secrets. A path may
hold ids; it is cut at 200 characters. A line is ASCII, so that no character of a value can break
it, and has at most 16 KiB. `bff.telemetry.logs` has the fields and the thread that writes.

Audit lines report who did what, from where, and the outcome. They are written at every level.

A line is made by the thread that logs it: the log's own thread would take Python's lock for it from
the loop that answers.
"""

import logging
from collections.abc import Mapping
from typing import IO, Any, Final

from bff.engine.ports import UpstreamReply
from bff.settings import LogFormat, LogLevel, Settings
from bff.telemetry.logs.events import (
    OWN,
    AuditEntry,
    Level,
    Origin,
    audit_event,
    error_fields,
    event,
)
from bff.telemetry.logs.fields import Dataset
from bff.telemetry.logs.repeats import COUNT
from bff.telemetry.logs.writer import LogWriter, standard_stream
from bff.upstream.observed import ObservedCall
from bff.upstream.ports import UpstreamStream
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.json_lines import JsonLines, request_fields
from bff.web.logs.sampling import ALL, Sampling
from bff.web.logs.text_lines import TextLines

_LEVELS: Final[Mapping[Level, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


Lines = JsonLines | TextLines


class Log:
    """The log of a process. Safe to share between threads.

    Without a `stream` it writes to standard output. A `stream` has no buffer. `sampling` is which
    lines of requests are written.
    """

    def __init__(
        self,
        level: LogLevel,
        stream: IO[bytes] | None = None,
        *,
        form: LogFormat = "json",
        sampling: Sampling = ALL,
        origin: Origin = OWN,
    ) -> None:
        stream = standard_stream("stdout") if stream is None else stream
        self._level = _LEVELS[level]
        self._writes_requests = self._level <= logging.INFO
        self._sampling = sampling
        self._origin = origin
        self._lines: Lines = JsonLines(origin)
        if form == "text":
            self._lines = TextLines(origin, colored=stream.isatty())
        self._writer = LogWriter(stream, self._loss)
        self._library_lines = _LibraryLines(self)

    def request(self, request: GatewayRequest, reply: Reply, sent_bytes: int) -> None:
        """Write the request's one line, once its reply is out."""
        if self._writes_requests:
            try:
                weight = self._sampling.weight(request, reply)
                if weight:
                    line = self._lines.request(request, reply, sent_bytes, weight)
                    self._writer.put(line)
            except Exception:  # a bug here must not end the reply
                self._writer.lose()

    def bug(self, request: GatewayRequest, error: BaseException) -> None:
        """Write an unexpected exception with its traceback."""
        what = f"bug: {type(error).__name__}"
        self.event("error", "bff.bug", what, {**request_fields(request), **error_fields(error)})

    def audit(self, entry: AuditEntry) -> None:
        """Write an audit line without delay."""
        try:
            line = audit_event(entry, self._origin)
            self._writer.put_urgent(self._lines.event(line))
        except Exception:  # a bug here must not end the reply
            self._writer.lose()

    def refusal(self, request: GatewayRequest, reply: Reply) -> None:
        """Write the audit line of a request that is refused."""
        try:
            line = self._lines.refusal(request, reply)
        except Exception:  # a bug here must not end the reply
            self._writer.lose()
        else:
            self._writer.put(line)

    def upstream_call(self, observed: ObservedCall) -> None:
        """Write a debug line on a call, by its template and without values."""
        try:
            call = observed.call
            what = call.service if call.operation is None else call.operation.name
            self.event("debug", "bff.upstream", f"call of {what}", _call_fields(observed))
        except Exception:  # a bug here must not end the call
            self._writer.lose()

    def event(
        self, level: Level, dataset: Dataset, message: str, fields: Mapping[str, Any]
    ) -> None:
        """Write a line of any kind, unless its level is too low."""
        if self._level <= _LEVELS[level]:
            try:
                line = self._lines.event(event(level, dataset, message, fields, self._origin))
            except Exception:  # a bug here must not end what is reported
                self._writer.lose()
            else:  # of debug lines there are many
                put = self._writer.put if level == "debug" else self._writer.put_urgent
                put(line)

    @property
    def lost_lines(self) -> int:
        """How many lines could not be written so far."""
        return self._writer.lost_lines

    def flush(self) -> None:
        """Wait until all lines are written, for a second at most."""
        self._writer.flush()

    def take_library_lines(self) -> None:
        """From now on, also write what parts of bff log with `logging`."""
        logging.getLogger("bff").addHandler(self._library_lines)

    def leave_library_lines(self) -> None:
        """No longer write what parts of bff log."""
        logging.getLogger("bff").removeHandler(self._library_lines)

    def _loss(self, lines: int) -> bytes:
        what = f"{lines} lines of the log were lost"
        fields = {"bff.count": lines}
        return self._lines.event(event("warning", "bff.lost", what, fields, self._origin))


def log_of(settings: Settings, stream: IO[bytes] | None = None) -> Log:
    """The log of a process, by its settings."""
    return Log(
        settings.log_level,
        stream,
        form=settings.log_format,
        sampling=Sampling(settings.log_sample, settings.slow_seconds),
        origin=Origin(settings.service_name),
    )


class _LibraryLines(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields: dict[str, Any] = {"log.logger": record.name}
            count = getattr(record, COUNT, None)
            if count is not None:
                fields["bff.count"] = count
            error = record.exc_info and record.exc_info[1]
            if error:
                fields |= error_fields(error)
            self._log.event(_level_of(record.levelno), "bff.library", record.getMessage(), fields)
        except Exception:
            self.handleError(record)


def _level_of(number: int) -> Level:
    return next((level for level in _LEVELS if number <= _LEVELS[level]), "error")


def _call_fields(observed: ObservedCall) -> dict[str, Any]:
    """The fields of a call, without values of the request or the reply."""
    server, call, answer = observed.server, observed.call, observed.answer
    fields: dict[str, Any] = {
        "event.category": ["web"],
        "event.type": ["access"],
        "event.duration": int((observed.ended_at - observed.started_at) * 1e9),
        "http.request.method": call.method,
        "bff.service": call.service,
        "bff.instance": server.base,
    }
    if server.host:
        fields |= {"server.address": server.host, "server.port": int(server.port)}
    if call.trace is not None:
        fields["trace.id"] = call.trace.trace_id.decode()
    if call.operation is not None:
        fields |= {
            "bff.operation": call.operation.name,
            "bff.template": call.operation.path_text,
        }
    if isinstance(answer, UpstreamReply | UpstreamStream) and isinstance(answer.body, bytes):
        fields["http.response.body.bytes"] = len(answer.body)
    status, error = observed.status, observed.error
    return {
        **fields,
        "http.response.status_code": status,
        "event.outcome": "failure" if error or (status or 0) >= 400 else "success",
        "error.type": error or None,
    }
