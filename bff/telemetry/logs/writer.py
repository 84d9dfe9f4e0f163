"""A bounded queue of log lines, and the thread that writes them.

1. No caller waits for the stream, and none fails because of it. A line for which the queue has no
   room is lost and counted.
2. A stream that stalls and a stream that fails are treated alike. The thread waits or tries again,
   and the queue fills up.
3. Once the stream works again, one line reports how many lines were lost.
4. The thread gathers lines for a tenth of a second, since a system call takes 7 to 20 µs. An urgent
   line, such as that of a bug, is written without delay, together with all lines before it.
5. A forked child starts with an empty queue and without a thread. The parent writes what it queued.
6. At the end of the process, the queue is written, unless the stream stalls for a second.
"""

import atexit
import os
import stat
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Literal

QUEUE_LINES = 8192
QUEUE_URGENT_BYTES = 1 << 20  # those of other lines are bounded by their number
PIECE_BYTES = 4096  # a pipe takes it in one piece, whoever else writes to the pipe (PIPE_BUF)
FILE_PIECE_BYTES = 64 * 1024  # a file takes any: each write less is one fight less for the GIL
_BATCH_LINES = 256
_GATHER_SECONDS = 0.1
_IDLE_SECONDS = 5
_RETRY_SECONDS = 0.1
_FLUSH_SECONDS = 1


class _UrgentLine(bytes):
    pass


class LogWriter:
    """Writes lines to an unbuffered stream. Safe to share between threads.

    `render_loss` makes the line that reports a number of lost lines. `lost_lines` are those that
    were lost so far.
    """

    def __init__(self, stream: IO[bytes], render_loss: Callable[[int], bytes]) -> None:
        self._stream = stream
        self._piece_bytes = FILE_PIECE_BYTES if _is_file(stream) else PIECE_BYTES
        self._render_loss = render_loss
        self.lost_lines = 0
        self.renew()
        _WRITERS.add(self)

    def renew(self) -> None:
        """Start anew in a forked child."""
        self._queue: deque[bytes | _UrgentLine | threading.Event] = deque()
        self._urgent_bytes = 0
        self._lost = 0
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._has_lines = threading.Event()
        self._is_urgent = threading.Event()

    def put(self, line: bytes) -> None:
        """Queue a line."""
        if len(self._queue) >= QUEUE_LINES:
            self.lose()
            return
        self._queue.append(line)
        if not self._has_lines.is_set():
            self._wake_thread()

    def put_urgent(self, line: bytes) -> None:
        """Queue a line, and have the queue written without delay."""
        with self._lock:
            if self._urgent_bytes + len(line) > QUEUE_URGENT_BYTES:
                self._lost += 1
                self.lost_lines += 1
                return
            self._urgent_bytes += len(line)
        self._queue.append(_UrgentLine(line))
        self._is_urgent.set()
        self._wake_thread()

    def lose(self) -> None:
        """Count a line that is not written."""
        with self._lock:
            self._lost += 1
            self.lost_lines += 1

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
        lines: list[bytes] = []
        while self._queue or self._lost:
            item = self._take_loss() if self._lost else self._queue.popleft()
            if isinstance(item, bytes):
                lines.append(item)
                if type(item) is bytes and len(lines) < _BATCH_LINES:
                    continue
            self._write_pieces(b"".join(lines))
            lines = []
            if isinstance(item, threading.Event):
                item.set()
            elif isinstance(item, _UrgentLine):
                with self._lock:
                    self._urgent_bytes -= len(item)
        self._write_pieces(b"".join(lines))

    def _write_pieces(self, lines: bytes) -> None:
        start = 0
        while start < len(lines):
            end = lines.rfind(b"\n", start, start + self._piece_bytes) + 1
            if not end:  # a line that is longer
                end = lines.index(b"\n", start) + 1
            self._write(lines[start:end])
            start = end

    def _take_loss(self) -> bytes:
        with self._lock:
            lost, self._lost = self._lost, 0
        return self._render_loss(lost)

    def _write(self, rest: bytes) -> None:
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


def _is_file(stream: IO[bytes]) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # it is no stream of the system's, or is closed
        return False


def standard_stream(name: Literal["stdout", "stderr"]) -> IO[bytes]:
    """The process's standard output, or error, without a buffer.

    A buffer has a lock. A thread that stalls with this lock would stall the end of the process.
    """
    with suppress(AttributeError):  # it is closed, or a server has replaced it
        buffer: IO[bytes] = getattr(sys, name).buffer
        return getattr(buffer, "raw", buffer)
    return open(os.devnull, "wb", buffering=0)


_WRITERS: weakref.WeakSet[LogWriter] = weakref.WeakSet()


def _renew_all() -> None:
    for writer in list(_WRITERS):
        writer.renew()


def _flush_all() -> None:
    for writer in list(_WRITERS):
        writer.flush()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
atexit.register(_flush_all)
