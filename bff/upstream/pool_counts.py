"""Counts what pools of connections do, by the host and port that they lead to.

Two pools may lead to one place: with other TLS files, or through a proxy. They count as one.
A series ends with the last version of the project that has the instance.
"""

from collections.abc import Callable
from typing import NamedTuple

from bff.engine.values.outcomes import Failed
from bff.telemetry.metrics.definitions.services import (
    CONNECTS,
    OPEN_CONNECTIONS,
    POOL_WAITING,
    POOL_WAITS,
    REUSED_CONNECTIONS,
)
from bff.telemetry.metrics.families import Cell, Metrics
from bff.upstream.ports import Server


class OpenConnections(NamedTuple):
    """The connections to one server: how many are active and idle, and how many requests wait."""

    active: int
    idle: int
    waiting: int


class PoolCounts:
    """The counts of connections to one server. `reused` is the cell of requests on kept
    connections; it is held, since most requests count there."""

    def __init__(self, metrics: Metrics, server: Server) -> None:
        self._waits = metrics.histogram(POOL_WAITS)
        self._connects = metrics.histogram(CONNECTS)
        self._place = (server.host, server.port)
        self.reused: Cell = metrics.counter(REUSED_CONNECTIONS).at(*self._place)

    def wait(self, seconds: float) -> None:
        """A request waited for a connection for some seconds."""
        self._waits.observe(self._waits.at(*self._place), seconds)

    def connect(self, seconds: float, failure: Failed | Exception | None = None) -> None:
        """A connection was opened, or failed to open, after some seconds."""
        match failure:
            case None:
                error = ""
            case Failed(reason=reason):
                error = reason.word
            case _:
                error = "bug"
        self._connects.observe(self._connects.at(*self._place, error), seconds)


def watch_connections(
    metrics: Metrics, server: Server, count: Callable[[Server], OpenConnections]
) -> None:
    """From now on `count` gives the connections to a server."""
    _, host, port = server
    if not host:  # the URL is none, and no connection comes of it
        return
    open_connections, waiting = metrics.gauge(OPEN_CONNECTIONS), metrics.gauge(POOL_WAITING)
    open_connections.watch((host, port, "active"), lambda: count(server).active)
    open_connections.watch((host, port, "idle"), lambda: count(server).idle)
    waiting.watch((host, port), lambda: count(server).waiting)
