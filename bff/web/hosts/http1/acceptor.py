"""Accepts connections from a listening socket, which several processes may share.

One socket for all workers, because the connections that wait in its queue belong to none of them:
a worker that stops, dies or hangs takes none along. The system gives each connection to the worker
that is first, which may be the same one every time. So:

1. A worker that has more connections than its share lets the others go first, for a moment. Then it
   accepts some of what still waits: a worker that hangs makes nobody wait for longer.
2. A turn of the loop accepts a bounded number of connections.
3. Without a free file descriptor, nothing is accepted for a second.
4. At the end, what waits is accepted once more, since the socket's end may reset it.

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
from typing import Final, Protocol

_MOST_A_TURN: Final = 64
_MOST_AFTER_WAITING: Final = 2
_MOST_AT_END: Final = 1024
_WAIT_SECONDS: Final = 0.005
_FULL_SECONDS: Final = 1.0
_NO_ROOM: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger(__name__)


class Share(Protocol):
    """The share of the connections that one of several processes takes."""

    def note(self, connections: int) -> None:
        """This process has so many connections, and accepts more."""

    def lets_others_first(self) -> bool:
        """Whether this process is to leave the next connection to others."""


class WholeShare:
    """The share of a process that is alone."""

    def note(self, connections: int) -> None:
        """There is nobody to be compared with."""

    def lets_others_first(self) -> bool:
        """Never."""
        return False


class Acceptor:
    """Accepts connections on the running loop. `connect` makes a connection's protocol; `count`
    returns how many there are."""

    def __init__(
        self,
        listener: socket.socket,
        connect: Callable[[], asyncio.Protocol],
        count: Callable[[], int],
        share: Share,
        *,
        tls: ssl.SSLContext | None,
        handshake_seconds: float,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._connect = connect
        self._count = count
        self._share = share
        self._tls = tls
        self._handshake_seconds = None if tls is None else handshake_seconds
        self._wait: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # connections that are made

    def start(self) -> None:
        """Accept from now on."""
        self._listener.setblocking(False)
        self._share.note(self._count())
        self._watch()

    async def stop(self) -> None:
        """Accept what waits, close the socket, and return when each connection is made."""
        if self._wait is not None:
            self._wait.cancel()
        self._loop.remove_reader(self._listener)
        with suppress(OSError):
            for _ in range(_MOST_AT_END):
                if not self._accept_one():
                    break
        self._listener.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _watch(self) -> None:
        self._loop.add_reader(self._listener, self._take_turn)

    def _take_turn(self) -> None:
        connections = self._count() + len(self._tasks)
        for taken in range(_MOST_A_TURN):
            self._share.note(connections + taken)
            if self._share.lets_others_first():
                self._rest(_WAIT_SECONDS, self._go_on)
                return
            if not self._accept():
                return

    def _go_on(self) -> None:
        """The others had their turn."""
        for _ in range(_MOST_AFTER_WAITING):
            if not self._accept():
                break
        if self._wait is None:
            self._watch()

    def _accept(self) -> bool:
        """Accept a connection; False where none waits, or there is no room."""
        try:
            return self._accept_one()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            _log.warning("no connection can be accepted: %s", error.strerror)
            self._rest(_FULL_SECONDS, self._watch)
            return False

    def _accept_one(self) -> bool:
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionAbortedError:
            return True
        accepted.setblocking(False)
        task = self._loop.create_task(self._make(accepted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _make(self, accepted: socket.socket) -> None:
        with suppress(OSError):  # a TLS handshake that fails, a client that has gone
            await self._loop.connect_accepted_socket(
                self._connect,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake_seconds,
            )

    def _rest(self, seconds: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._listener)

        def end() -> None:
            self._wait = None
            then()

        self._wait = self._loop.call_later(seconds, end)
