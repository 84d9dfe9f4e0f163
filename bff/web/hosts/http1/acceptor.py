"""Accepts connections from a listening socket, which several processes may share.

One socket for all workers, because the connections that wait in its queue belong to none of them:
a worker that stops, dies or hangs takes none along. The system gives each connection to the worker
that is first, which may be the same one every time. So:

1. A worker that has more connections than its share lets the others go first, for a moment. Then it
   accepts one of those that still wait: the others may be busy.
2. A turn of the loop accepts a bounded number of connections.
3. Without a free file descriptor, nothing is accepted for a second.
4. A connection beyond the bound is closed at once; TLS handshakes count, and end in time.
5. At the end, what waits is accepted once more, since the socket's end may reset it.

Sockets with SO_REUSEPORT were rejected: of two of them, one that closed reset 31 of the 64
connections that waited, and the system goes on giving connections to a worker that hangs.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from bff.telemetry.metrics.families import Cell

_MOST_A_TURN: Final = 64
_WAIT_SECONDS: Final = 0.005
_MOST_WAITS: Final = 10  # for one connection
_NOTE_SECONDS: Final = 0.25
_FULL_SECONDS: Final = 1.0
_TLS_END_SECONDS: Final = 2.0  # for a client to say that it has read all
_NO_ROOM: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger(__name__)


class Share(Protocol):
    """The share of the connections that one of several processes takes."""

    def note(self, connections: int) -> None:
        """This process has so many connections, and accepts more. Called now and then too, as a
        sign of life."""

    def lets_others_first(self) -> bool:
        """Whether this process is to leave the next connection to others."""

    def leave(self) -> None:
        """This process accepts no more."""


class WholeShare:
    """The share of a process that is alone."""

    def note(self, connections: int) -> None:
        """There is nobody to be compared with."""

    def lets_others_first(self) -> bool:
        """Never."""
        return False

    def leave(self) -> None:
        """Nobody else shares the connections."""


class Acceptor:
    """Accepts connections on the running loop, `most` at a time. `connect` makes a connection's
    protocol; `count` returns how many there are. It adds to `accepted` and `refused`."""

    def __init__(
        self,
        listener: socket.socket,
        connect: Callable[[], asyncio.Protocol],
        count: Callable[[], int],
        share: Share,
        *,
        most: int,
        accepted: Cell,
        refused: Cell,
        tls: ssl.SSLContext | None,
        handshake_seconds: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._connect = connect
        self._count = count
        self._share = share
        self._most = most
        self._accepted = accepted
        self._refused = refused
        self._tls = tls
        self._tls_seconds: dict[str, Any] = {}
        if tls is not None:
            self._tls_seconds = {
                "ssl_handshake_timeout": handshake_seconds,
                "ssl_shutdown_timeout": _TLS_END_SECONDS,
            }
        self._wait: asyncio.TimerHandle | None = None
        self._waits = 0  # in a row
        self._noting: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # connections that are made

    def start(self) -> None:
        """Accept from now on."""
        self._listener.setblocking(False)
        self._note()
        self._watch()

    async def stop(self, most_seconds: float) -> None:
        """Accept what waits, close the socket, and return when each connection is made; break what
        is not made after `most_seconds`."""
        self._share.leave()
        for timer in (self._wait, self._noting):
            if timer is not None:
                timer.cancel()
        self._loop.remove_reader(self._listener)
        with suppress(OSError):
            for _ in range(self._most):
                if not self._accept_one():
                    break
        self._listener.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=most_seconds)
        for task in self._tasks:
            task.cancel()

    def _watch(self) -> None:
        self._loop.add_reader(self._listener, self._take_turn)

    def _note(self) -> None:
        self._share.note(self._taken())
        self._noting = self._loop.call_later(_NOTE_SECONDS, self._note)

    def _taken(self) -> int:
        return self._count() + len(self._tasks)

    def _take_turn(self) -> None:
        for _ in range(_MOST_A_TURN):
            self._share.note(self._taken())
            if self._share.lets_others_first() and self._waits < _MOST_WAITS:
                self._waits += 1
                self._rest(_WAIT_SECONDS)
                return
            self._waits = 0
            if not self._accept():
                return

    def _accept(self) -> bool:
        """Accept a connection; False where none waits, or there is no room."""
        try:
            return self._accept_one()
        except OSError as error:
            _log.warning("no connection can be accepted: %s", error.strerror)
            self._rest(_FULL_SECONDS)
            return False

    def _accept_one(self) -> bool:
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise
            return True  # this one is gone; Linux reports errors of its network here, accept(2)
        self._accepted[0] += 1
        if self._taken() >= self._most:
            self._refused[0] += 1
            accepted.close()
            return True
        accepted.setblocking(False)
        task = self._loop.create_task(self._make(accepted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _make(self, accepted: socket.socket) -> None:
        with suppress(OSError):  # a TLS handshake that fails, a client that has gone
            await self._loop.connect_accepted_socket(
                self._connect, accepted, ssl=self._tls, **self._tls_seconds
            )

    def _rest(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._wait = self._loop.call_later(seconds, self._watch)
