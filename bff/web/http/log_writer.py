"""A bounded queue of log lines, and the thread that writes them.

1. No caller waits for the stream, and none fails because of it. A line for which the queue has no
   room is lost and counted.
2. A stream that stalls and a stream that fails are treated alike. The thread waits or tries again,
   and the queue fills up.
3. Once the stream works again, one line reports how many lines were lost.
4. The thread gathers lines for a tenth of a second, since a system call takes 7 to 20 µs. A whole
   line, such as that of a bug, is written without delay, together with all lines before it.
5. A forked child starts with an empty queue and without a thread. The parent writes what it queued.
6. At the end of the process, the queue is written, unless the stream stalls for a second.
"""

import atexit
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Generic, TypeVar

QUEUE_LINES = 8192
QUEUE_TEXT_BYTES = 1 << 20  # of whole lines; records are smaller
PIECE_BYTES = 4096  # a pipe takes it in one piece, whoever else writes to the pipe (PIPE_BUF)
_GATHER_SECONDS = 0.1
_IDLE_SECONDS = 5
_RETRY_SECONDS = 0.1
_FLUSH_SECONDS = 1

_Record = TypeVar("_Record")


class LogWriter(Generic[_Record]):
    """Writes lines to an unbuffered stream. Safe to share between threads.

    A line is queued as a record, which `render` turns into bytes on the thread, or as bytes.
    `render_loss` makes the line that reports a number of lost lines.
    """

    def __init__(
        self,
        stream: IO[bytes],
        render: Callable[[_Record], bytes],
        render_loss: Callable[[int], bytes],
    ) -> None:
        self._stream = stream
        self._render = render
        self._render_loss = render_loss
        self.renew()
        _WRITERS.add(self)

    def renew(self) -> None:
        """Start anew in a forked child."""
        self._queue: deque[_Record | bytes | threading.Event] = deque()
        self._text_bytes = 0
        self._lost = 0
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._has_lines = threading.Event()
        self._is_urgent = threading.Event()

    def put(self, record: _Record) -> None:
        """Queue a record."""
        if len(self._queue) >= QUEUE_LINES:
            with self._lock:
                self._lost += 1
            return
        self._queue.append(record)
        if not self._has_lines.is_set():
            self._wake_thread()

    def put_text(self, line: bytes) -> None:
        """Queue a whole line, and have the queue written without delay."""
        with self._lock:
            if self._text_bytes + len(line) > QUEUE_TEXT_BYTES:
                self._lost += 1
                return
            self._text_bytes += len(line)
        self._queue.append(line)
        self._is_urgent.set()
        self._wake_thread()

    def flush(self) -> None:
        """Wait until all that is queued now is written, for a second at most."""
        if self._thread is not None:
            written = threading.Event()
            self._queue.append(written)
            self._is_urgent.set()
            self._wake_thread()
            written.wait(_FLUSH_SECONDS)

    def _wake_thread(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="bff-log", daemon=True)
                # At the end of a process no thread can be started. A later line tries again.
                try:
                    thread.start()
                except RuntimeError:
                    return
                self._thread = thread
            self._has_lines.set()

    def _run(self) -> None:
        while self._wait_for_lines():
            self._is_urgent.wait(_GATHER_SECONDS)
            # Both before the queue is read: a line that comes from now on wakes the thread again.
            self._is_urgent.clear()
            self._has_lines.clear()
            self._write_queue()

    def _wait_for_lines(self) -> bool:
        if self._has_lines.wait(_IDLE_SECONDS):
            return True
        with self._lock:
            if self._has_lines.is_set():
                return True
            self._thread = None
            return False

    def _write_queue(self) -> None:
        piece: list[bytes] = []
        room = PIECE_BYTES
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, threading.Event):
                self._write(piece)
                piece, room = [], PIECE_BYTES
                item.set()
                continue
            for line in (*self._take_loss(), self._take_line(item)):
                room -= len(line)
                if room < 0:
                    self._write(piece)
                    piece, room = [], PIECE_BYTES - len(line)
                piece.append(line)
        self._write([*piece, *self._take_loss()])

    def _take_line(self, item: _Record | bytes) -> bytes:
        if not isinstance(item, bytes):
            try:
                return self._render(item)
            except Exception:  # a bug here must not end the log
                with self._lock:
                    self._lost += 1
                return b""
        with self._lock:
            self._text_bytes -= len(item)
        return item

    def _take_loss(self) -> tuple[bytes, ...]:
        if not self._lost:
            return ()
        with self._lock:
            lost, self._lost = self._lost, 0
        return (self._render_loss(lost),)

    def _write(self, lines: list[bytes]) -> None:
        rest = b"".join(lines)
        while rest:
            written = None
            try:
                written = self._stream.write(rest)
            except ValueError:  # the stream is closed, and nobody can read what follows
                return
            except OSError:
                pass
            if written is None:  # or a pipe that does not block is full
                time.sleep(_RETRY_SECONDS)
            else:
                rest = rest[written:]


def standard_output() -> IO[bytes]:
    """The process's standard output without a buffer.

    A buffer has a lock. A thread that stalls with this lock would stall the end of the process.
    """
    with suppress(AttributeError):  # it is closed, or a server has replaced it
        buffer: IO[bytes] = sys.stdout.buffer
        return getattr(buffer, "raw", buffer)
    return open(os.devnull, "wb", buffering=0)


_WRITERS: weakref.WeakSet[LogWriter[Any]] = weakref.WeakSet()


def _renew_all() -> None:
    for writer in list(_WRITERS):
        writer.renew()


def _flush_all() -> None:
    for writer in list(_WRITERS):
        writer.flush()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
atexit.register(_flush_all)
