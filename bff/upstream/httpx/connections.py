"""Counts the connections of httpx's pools. httpcore opens them, and reports that to the extension
`trace` of a request.

Rules:
1. A request waits while httpcore opens a connection for it. It doesn't wait where a connection is
   idle, or for another request: the pools have no limit.
2. A connection counts as open from the first request on it until httpcore drops its stream, since
   httpcore does not report that it closes a connection.
"""

import weakref
from collections.abc import Callable
from typing import Any, Final

import httpcore

from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.httpx.failures import why_unconnected
from bff.upstream.pool_counts import OpenConnections, PoolCounts
from bff.upstream.ports import Server

_OPENED: Final = (".connect_tcp.complete", ".start_tls.complete")
_FAILED: Final = (".connect_tcp.failed", ".start_tls.failed")
_SENDS: Final = "http11.send_request_headers.started"
_CLOSES: Final = "http11.response_closed.started"


class Connections:
    """The connections to one place, in all pools."""

    def __init__(self) -> None:
        self._open = 0
        self.active = 0
        self.waiting = 0

    def add(self, stream: httpcore.AsyncNetworkStream) -> None:
        """Count an open connection, as long as its stream lives."""
        self._open += 1
        weakref.finalize(stream, self._let_go).atexit = False

    def count(self) -> OpenConnections:
        """The present numbers."""
        return OpenConnections(self.active, max(0, self._open - self.active), self.waiting)

    def _let_go(self) -> None:
        self._open -= 1


class ConnectionCounts:
    """The connections of a transport, by the places that they lead to. A place is forgotten with
    the last connection to it, and the last instance there."""

    def __init__(self) -> None:
        self._places: weakref.WeakValueDictionary[tuple[str, str], Connections]
        self._places = weakref.WeakValueDictionary()

    def at(self, server: Server) -> Connections:
        """The connections to a server."""
        return self._places.setdefault((server.host, server.port), Connections())

    def count(self, server: Server) -> OpenConnections:
        """The present numbers of the connections to a server."""
        return self.at(server).count()


class ConnectionTrace:
    """httpcore's `trace` of one exchange, for which it opens a connection or uses an idle one."""

    __slots__ = ("_began_at", "_clock", "_connections", "_counts", "_is_active", "_stream")

    def __init__(
        self, connections: Connections, counts: PoolCounts, clock: Callable[[], float]
    ) -> None:
        self._connections = connections
        self._counts = counts
        self._clock = clock
        self._began_at: float | None = None  # while a connection is being opened
        self._stream: httpcore.AsyncNetworkStream | None = None  # of that one
        self._is_active = False

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        """See httpcore's documentation on its extensions."""
        if event.startswith("connection."):
            self._open()
        if event.endswith(_OPENED):
            self._stream = info["return_value"]
        elif event.endswith(_FAILED):
            error = info["exception"]
            if isinstance(error, Exception):  # else it was cancelled
                self._end_opening(_why(error))
        elif event == _SENDS and info["request"].method != b"CONNECT":  # which opens a tunnel
            self._send()
        elif event == _CLOSES and self._is_active:
            self._is_active = False
            self._connections.active -= 1

    def refuse_tunnel(self) -> None:
        """The proxy refused the tunnel, which httpcore does not report in an event."""
        self._end_opening(Failed(Reason.REFUSED))

    def end(self) -> httpcore.AsyncNetworkStream | None:
        """The head of the reply is there, or none will come. Returns the stream of a connection
        that was still being opened. The caller must close it: httpcore leaves it open where the
        request is cancelled."""
        if self._began_at is not None:
            self._wait_no_more()
        left, self._stream = self._stream, None
        return left

    def _open(self) -> None:
        if self._began_at is None:
            self._began_at = self._clock()
            self._connections.waiting += 1

    def _send(self) -> None:
        self._is_active = True
        self._connections.active += 1
        if self._began_at is None:
            self._counts.reused[0] += 1
        else:
            self._end_opening(None)
        if self._stream is not None:
            self._connections.add(self._stream)
            self._stream = None

    def _end_opening(self, failure: Failed | None) -> None:
        self._counts.connect(self._wait_no_more(), failure)

    def _wait_no_more(self) -> float:
        began_at, self._began_at = self._began_at, None
        assert began_at is not None  # noqa: S101  (nothing is opened otherwise)
        seconds = self._clock() - began_at
        self._connections.waiting -= 1
        self._counts.wait(seconds)
        return seconds


def _why(error: Exception) -> Failed:
    is_late = isinstance(error, httpcore.ConnectTimeout)
    return Failed(Reason.CONNECT_TIMEOUT if is_late else why_unconnected(error))
