"""Counts the connections of httpx's pools, which httpcore opens: by its traces."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.httpx.failures import why_unconnected
from bff.upstream.pool_counts import OpenConnections, PoolCounts
from bff.upstream.ports import Server

_OPENS = "connection."  # how the events of a connection that is being opened begin
_SENDS = "http11.send_request_headers.started"


class ConnectionTrace:
    """httpcore's `trace` of one exchange: it opens a connection, or has one that was there."""

    __slots__ = ("_began_at", "_clock", "_counts", "_is_over")

    def __init__(self, counts: PoolCounts, clock: Callable[[], float]) -> None:
        self._counts = counts
        self._clock = clock
        self._began_at: float | None = None
        self._is_over = False

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        """See httpcore's documentation on its extensions."""
        if self._is_over:
            return
        if event.startswith(_OPENS):
            if self._began_at is None:
                self._began_at = self._clock()
            if event.endswith(".failed"):
                self._is_over = True
                error = info["exception"]
                if isinstance(error, Exception):  # else it was cancelled
                    self._counts.connect(self._clock() - self._began_at, _why(error))
        elif event == _SENDS:
            self._is_over = True
            if self._began_at is None:
                self._counts.reused[0] += 1
            else:
                self._counts.connect(self._clock() - self._began_at)


def _why(error: Exception) -> Failed:
    is_late = isinstance(error, httpcore.ConnectTimeout)
    return Failed(Reason.CONNECT_TIMEOUT if is_late else why_unconnected(error))


def count_connections(pools: Iterable[httpx.AsyncHTTPTransport], server: Server) -> OpenConnections:
    """The connections to a server; nobody waits for one, since the pools have no limit."""
    parts = urlsplit(server.base)
    origin = httpcore.Origin(parts.scheme.encode(), server.host.encode(), int(server.port))
    found = [
        connection.is_idle()
        for pool in pools
        for connection in pool._pool.connections
        if connection.can_handle_request(origin)
    ]
    return OpenConnections(found.count(False), found.count(True), 0)
