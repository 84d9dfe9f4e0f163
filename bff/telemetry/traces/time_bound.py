"""Connections of a synchronous httpx client on which a whole exchange has a bound in time.

httpx bounds each read alone (httpx #1450): of a server that sends a byte now and then, it waits for
ever. Its thread can't be cancelled, so each read and each write gets what is left.
"""

import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx


class TimeBound(httpcore.NetworkBackend):
    """Opens connections of one client, which one thread uses. Begin each exchange with `begin`."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()
        self._ends_at = 0.0

    def bind(self, client: httpx.Client) -> None:
        """Have the client open its connections here, those through proxies included."""
        for transport in (client._transport, *client._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                transport._pool._network_backend = self

    def begin(self, seconds: float) -> None:
        """An exchange begins, which has so long."""
        self._ends_at = time.monotonic() + seconds

    def left(self, timeout: float | None) -> float:
        """How long one operation may take."""
        left = max(0.001, self._ends_at - time.monotonic())  # 0 would mean: without waiting
        return left if timeout is None else min(timeout, left)

    @property
    def is_over(self) -> bool:
        """Whether the exchange has taken its time."""
        return time.monotonic() >= self._ends_at

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """See httpcore."""
        stream = self._backend.connect_tcp(
            host, port, self.left(timeout), local_address, socket_options
        )
        return _Stream(stream, self)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, bound: TimeBound) -> None:
        self._stream = stream
        self._bound = bound

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._bound.is_over:
            raise httpcore.ReadTimeout
        return self._stream.read(max_bytes, self._bound.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._bound.is_over:
            raise httpcore.WriteTimeout
        self._stream.write(buffer, self._bound.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._bound.left(timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._bound)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
