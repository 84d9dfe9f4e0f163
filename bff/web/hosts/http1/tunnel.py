"""Bytes both ways between a client and a service that have switched to a protocol of their own.

Rules:
1. What comes at one end goes out at the other as it is; nobody reads it. What came before both ends
   were there goes first.
2. While one end takes no more, the other is not read. So a tunnel holds little more than the write
   buffers of two transports.
3. An end that has sent its last byte may still be sent to, until the other has sent its own. TLS
   has no such state: where one end speaks it, the first last byte closes both.
4. When one end is gone, the other is closed too, once what waits for it is out, and at the latest
   after `LINGER_SECONDS`.
5. A tunnel is closed when nothing has come at either end for a time, and when the server closes.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from bff.web.hosts.http1.replies import render_head
from bff.web.hosts.http1.service import Service, Writer
from bff.web.http.replies import SwitchedReply
from bff.web.http.requests import GatewayRequest

LINGER_SECONDS: Final = 2.0

Cause = Literal["client", "service", "idle", "gateway"]


async def run_tunnel(
    service: Service,
    writer: Writer,
    request: GatewayRequest,
    reply: SwitchedReply,
    leave: Callable[[], bytes],
) -> None:
    """Answer with the 101, make a tunnel of the connection, and log it at its end. `leave` takes
    the connection from its protocol, and returns what came behind the request."""
    date = service.date.line()
    writer.write(render_head(reply.status, reply.lines(), b"", date, b""))
    tunnel = Tunnel(service, writer, reply)
    tunnel.open(leave())
    try:
        await tunnel.closed
    finally:
        tunnel.abort()  # where this is cancelled
        reply.facts = {**reply.facts, **tunnel.facts()}
        service.gateway.telemetry.ended(request, reply, tunnel.sent_bytes)


class Tunnel:
    """A tunnel of a service's. `open` is called once; `closed` is done when both ends are gone."""

    def __init__(self, service: Service, writer: Writer, reply: SwitchedReply) -> None:
        self.slot: int | None = None  # the wheel's
        self.closed: asyncio.Future[None] = service.loop.create_future()
        self._service = service
        self._writer = writer
        self._early = reply.early
        self._client = _End(self, "client", writer.transport)
        self._upstream = _End(self, "service", reply.transport)
        self._first_end: Literal["client", "service"] | None = None  # that has sent its last byte
        self._cause: Cause | None = None
        self._active_at = service.wheel.now
        service.connections.add(self)

    def open(self, early: bytes) -> None:
        """Couple both ends. `early` came behind the client's handshake."""
        for end, other in self._pairs():
            end.other = other
            end.transport.set_protocol(end)
        self._client.is_full = self._writer.is_paused
        self._client.data_received(early)
        self._upstream.data_received(self._early)
        self._early = b""
        for end, other in self._pairs():
            if end.transport.is_closing():  # the protocol before this one may have heard of it
                end.connection_lost(None)
            elif not other.is_full:
                end.transport.resume_reading()
        if self._service.is_closing:
            self.finish()
        elif not self.closed.done():
            self._service.wheel.schedule_in(self, self._service.settings.websocket_idle_seconds)

    def facts(self) -> Mapping[str, Any]:
        """What the log reports of it at its end."""
        return {
            "bff.received_bytes": self._client.received_bytes,
            "bff.closed_by": self._cause,
        }

    @property
    def sent_bytes(self) -> int:
        """Bytes of the service for the client."""
        return self._upstream.received_bytes

    def finish(self) -> None:
        """See `Closable`. A tunnel doesn't end by itself, so it is closed at once."""
        self._close("gateway")

    def abort(self) -> None:
        """See `Closable`."""
        self._cause = self._cause or "gateway"
        if not self._client.is_lost:
            self._writer.abort()
        if not self._upstream.is_lost:
            self._upstream.transport.abort()

    def check(self, now: float) -> float | None:
        """See `Timed`."""
        if self._cause is not None:
            self.abort()  # what waits for an end that reads nothing is not worth more time
            return None
        idle_at = self._active_at + self._service.settings.websocket_idle_seconds
        if now < idle_at:
            return idle_at
        self._close("idle")
        return None

    def touch(self) -> None:
        """Something came."""
        self._active_at = self._service.wheel.now

    def end_input(self, end: "_End") -> bool:
        """An end has sent its last byte; whether it may still be sent to."""
        other = end.other
        self._first_end = self._first_end or end.name
        can_be_half = end.transport.can_write_eof() and other.transport.can_write_eof()
        if other.has_sent_all or other.transport.is_closing() or not can_be_half:
            self._close(self._first_end)
            return False
        other.transport.write_eof()
        return True

    def lose(self, end: "_End") -> None:
        """An end is gone."""
        self._close(self._first_end or end.name)
        if self._client.is_lost and self._upstream.is_lost and not self.closed.done():
            self._service.wheel.forget(self)
            self._service.forget(self)
            self.closed.set_result(None)
            for each, _ in self._pairs():
                each.let_go()

    def _close(self, cause: Cause) -> None:
        """Close both ends, once what waits for them is out."""
        if self._cause is None:
            self._cause = cause
            self._service.wheel.schedule_in(self, LINGER_SECONDS)
        for end, _ in self._pairs():
            if not end.is_lost:
                end.transport.close()

    def _pairs(self) -> "tuple[tuple[_End, _End], tuple[_End, _End]]":
        return (self._client, self._upstream), (self._upstream, self._client)


class _End(asyncio.Protocol):
    """One end of a tunnel. `is_full`: it takes no more for now. `received_bytes` came from it."""

    __slots__ = (
        "_tunnel",
        "has_sent_all",
        "is_full",
        "is_lost",
        "name",
        "other",
        "received_bytes",
        "transport",
    )

    other: "_End"

    def __init__(
        self, tunnel: Tunnel, name: Literal["client", "service"], transport: asyncio.Transport
    ) -> None:
        self.name = name
        self.transport = transport
        self.is_full = False
        self.is_lost = False
        self.has_sent_all = False
        self.received_bytes = 0
        self._tunnel = tunnel

    def let_go(self) -> None:
        """The tunnel is over: refer to it, and to the other end, no more."""
        del self._tunnel, self.other

    # ------------------------------------------------------------------ called by the loop

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.received_bytes += len(data)
        self._tunnel.touch()
        if data and not self.other.transport.is_closing():
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`."""
        self.has_sent_all = True
        return self._tunnel.end_input(self)

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if not self.is_lost:
            self.is_lost = True
            self._tunnel.lose(self)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.is_full = True
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.is_full = False
        self.other.transport.resume_reading()
