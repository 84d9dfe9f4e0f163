"""The log: structlog, one JSON object a line, one line a request.

Query strings, header values and bodies are never in it, since those are where secrets are. A path
may hold ids; it is cut at 200 characters. Lines are written whole, so that processes that share a
pipe don't tear each other's.
"""

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from functools import lru_cache
from typing import IO, Any

import structlog
from pydantic_core import to_json

from bff.settings import LogLevel
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest

_PATH_LENGTH = 200
_GATHER_SECONDS = 0.1
_GATHER_LINES = 256
_WHOLE_BYTES = 4096  # what a pipe takes in one piece, whoever else writes to it (PIPE_BUF)


class Log:
    """Writes a process's lines. Safe to share between threads."""

    def __init__(self, level: LogLevel, stream: IO[bytes] | None = None) -> None:
        number = logging.getLevelNamesMapping()[level.upper()]
        self.writes_requests = number <= logging.INFO
        self._lines = _Lines(sys.stdout.buffer if stream is None else stream)
        self._log = structlog.wrap_logger(
            self._lines,
            processors=[
                structlog.processors.add_log_level,
                _stamp,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_to_line),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(number),
        ).bind()

    def request(self, request: GatewayRequest, reply: Reply, sent_bytes: int) -> None:
        """The request's one line, once its reply is out."""
        if not self.writes_requests:
            return
        self._lines.request(
            (
                request.method,
                request.raw_path,
                reply.status,
                request.started_at,
                time.perf_counter(),
                sent_bytes,
                request.request_id,
                reply.facts,
            )
        )

    def abandoned(self, request: GatewayRequest) -> None:
        """The client left; nothing was answered. 499 is nginx's number for it."""
        self.request(request, Reply(499, []), 0)

    def broken(self, request: GatewayRequest, reply: Reply, sent_bytes: int, why: str) -> None:
        """A reply broke off after its head was out."""
        half = Reply(reply.status, [], facts={**reply.facts, "broken": why})
        self.request(request, half, sent_bytes)

    def bug(self, request: GatewayRequest, error: BaseException) -> None:
        """An exception that nobody foresaw, with its traceback."""
        self._log.error(
            "bug",
            method=request.method,
            path=request.raw_path[:_PATH_LENGTH],
            request_id=request.request_id.decode(),
            exc_info=error,
        )

    def gather_requests(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on, write the lines of requests together, a tenth of a second's at a time, by
        this loop's clock: a system call for each takes 7 to 20 µs. `stop_gathering` before the loop
        ends."""
        self._lines.gather(loop)

    def stop_gathering(self) -> None:
        """Write what was gathered, and from now on each line at once."""
        self._lines.gather(None)
        self._lines.write_out()

    def take_library_lines(self) -> logging.Handler:
        """Write what bff's other parts log, too, until the handler that this gives is removed
        from the logger `bff`. For processes that are bff's own; an app has its own logging."""
        handler = _LibraryLines(self._log)
        logging.getLogger("bff").addHandler(handler)
        return handler


class Facts(dict[str, Any]):
    """Facts that many lines share, written once. May not change any more."""

    __slots__ = ("text",)

    def __init__(self, **facts: Any) -> None:
        super().__init__(facts)
        self.text = _members(facts)


class _LibraryLines(logging.Handler):
    def __init__(self, log: Any) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        write = getattr(self._log, record.levelname.lower(), self._log.error)
        write(record.getMessage(), logger=record.name, exc_info=record.exc_info)


# A request's method, path, status, `perf_counter` at its start and end, bytes sent, id, facts.
_Record = tuple[str, str, int, float, float, int, bytes, Mapping[str, Any]]


class _Lines:
    """What structlog writes to, on whatever thread: each method but `request` takes a whole line.

    Requests are gathered where there is a `loop`, and their lines made together: one after the
    other they take 2 µs each, and 6 among everything else that a request needs. All others are
    written at once, after what was gathered before them.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer_runs = False
        self._stream = stream
        self._gathered: deque[bytes | _Record] = deque()
        self._writing = threading.Lock()

    def gather(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop
        self._timer_runs = False

    def request(self, record: _Record) -> None:
        self._gathered.append(record)  # first: whoever stops the gathering writes it, or we do
        loop = self._loop
        if loop is None or len(self._gathered) >= _GATHER_LINES:
            self.write_out()
        elif not self._timer_runs:
            self._timer_runs = True
            loop.call_soon_threadsafe(loop.call_later, _GATHER_SECONDS, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer_runs = False  # first: who gathers from now on sees to it that it is written
        self.write_out()

    def info(self, line: bytes) -> None:
        self._gathered.append(line)
        self.write_out()

    debug = warning = error = critical = info

    def write_out(self) -> None:
        # One thread at a time: two would put their lines into one write, longer than a pipe takes.
        with self._writing:
            self._write_gathered()

    def _write_gathered(self) -> None:
        taken: list[bytes | _Record] = []
        with suppress(IndexError):  # when it is empty
            while True:
                taken.append(self._gathered.popleft())
        to_wall = time.time() - time.perf_counter()  # what was gathered is a moment old
        batch: list[bytes] = []
        room = _WHOLE_BYTES
        for each in taken:
            line = each if type(each) is bytes else _line(to_wall, *each)
            room -= len(line)
            if room < 0 and batch:
                self._write(batch)
                batch, room = [], _WHOLE_BYTES - len(line)
            batch.append(line)
        if batch:
            self._write(batch)

    def _write(self, lines: list[bytes]) -> None:
        self._stream.write(b"".join(lines))
        self._stream.flush()


def _line(
    to_wall: float,
    method: str,
    raw_path: str,
    status: int,
    started_at: float,
    ended_at: float,
    sent_bytes: int,
    request_id: bytes,
    facts: Mapping[str, Any],
) -> bytes:
    # By hand, since there is one for every request: a dictionary through a serializer takes twice
    # as long.
    return (
        f'{{{_asked(method, raw_path[:_PATH_LENGTH])},"status":{status},'
        f'"duration_ms":{(ended_at - started_at) * 1000:.3f},'
        f'"bytes":{sent_bytes},"request_id":"{request_id.decode()}",'
        f"{facts.text if type(facts) is Facts else _members(facts)}"
        f'"event":"request","level":"info","timestamp":"{_moment_text(ended_at + to_wall)}"}}\n'
    ).encode()


# Most requests are for the paths that others asked for too.
@lru_cache(1024)
def _asked(method: str, path: str) -> str:
    return f'"method":{to_json(method).decode()},"path":{to_json(path).decode()}'


def _members(facts: Mapping[str, Any]) -> str:
    """The facts as members of a JSON object, each followed by a comma."""
    return to_json(facts, fallback=repr).decode()[1:-1] + "," if facts else ""


_moment = (0, "")


def _moment_text(at: float) -> str:
    # structlog's own TimeStamper costs 1.7 µs a line; the text of a millisecond can be kept.
    global _moment  # replaced whole, so threads see one or the other
    milliseconds = int(at * 1000)
    known, text = _moment
    if milliseconds != known:
        seconds, rest = divmod(milliseconds, 1000)
        text = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:03d}Z"
        _moment = (milliseconds, text)
    return text


def _stamp(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["timestamp"] = _moment_text(time.time())
    return event


def _to_line(event: Any, **_: Any) -> bytes:
    return to_json(event, fallback=repr) + b"\n"
