"""One connection: the messages that come on it, one after the other.

    idle      no byte of a request is here
    head      a part of a head is here
    exchange  a request is at work, or its body is still to come
    ending    nothing is read any more; what still comes is dropped, for a while

Rules:
1. One request is at work. What comes after it waits, unread, up to a bound; then the connection
   stops reading. So replies go out in the order of their requests.
2. Nothing is begun while the client does not read its replies.
3. A head is read when all of it is here. What is not HTTP is refused, and nothing after it is read.
4. After a refusal the connection is closed for writing first: a reset would take the reply from a
   client that still sends (RFC 9112 §9.6).
5. Its times are looked at by the wheel. A request that is answered at once sets none.
6. A WebSocket takes the transport over, with what came behind its handshake (`tunnel.py`).
"""

import asyncio
from typing import Final

from bff.timers import SpeedWatch
from bff.web.hosts.http1.answers import answer, begin, refuse_head, request_of
from bff.web.hosts.http1.bodies import IncomingBody, MalformedBody
from bff.web.hosts.http1.exchange import Exchange
from bff.web.hosts.http1.framing import (
    END_OF_HEAD,
    MALFORMED,
    TOO_SLOW,
    Head,
    Refusal,
    read_head,
    refuse_beginning,
)
from bff.web.hosts.http1.replies import FULL
from bff.web.hosts.http1.service import Service, Writer
from bff.web.http.replies import Reply

MOST_TURNED_AWAY: Final = 64  # connections beyond the bound, which get an answer
_MOST_KNOWN_BYTES: Final = 2048  # of a head, kept with each connection
_MOST_BLANK_BYTES: Final = 64  # before a request
_LINGER_SECONDS: Final = 2.0  # for a client that still sends what was refused


class Connection(asyncio.Protocol):
    """A client's connection to a service."""

    _transport: asyncio.Transport
    _writer: Writer

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.slot: int | None = None  # the wheel's
        self._service = service
        self._unread = b""
        self._at = 0  # where in `_unread` the next message begins
        self._blank_bytes = 0  # skipped before the next request
        self._known: Head | None = None  # of the request before
        self._exchange: Exchange | None = None
        self._is_reading = True
        self._is_ending = False
        self._rests_since = service.wheel.now  # without a request; or since the head began
        self._has_partial_head = False
        self._incoming = SpeedWatch(settings.speed_seconds, settings.body_bytes_per_second)
        self._outgoing = SpeedWatch(settings.speed_seconds, settings.reply_bytes_per_second)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        service = self._service
        self._transport = transport
        self._writer = Writer(transport, service.loop)
        if service.has_room_for(self):
            service.wheel.schedule_in(self, service.settings.idle_seconds)
        else:
            self._writer.write(FULL)
            self._linger()

    def data_received(self, data: bytes) -> None:
        if self._is_ending:
            return
        known = self._known
        may_begin = self._exchange is None and not self._writer.is_paused
        if known is not None and known.raw == data and may_begin and self._at == len(self._unread):
            # It comes again, whole; to look at it as at any other takes a tenth of a hit's time.
            self._unread, self._at, self._blank_bytes = b"", 0, 0
            self._begin(known)
            if self._exchange is not None:
                self.advance()
            return
        self._unread = self._unread[self._at :] + data if self._unread else data
        self._at = 0
        self.advance()

    def pause_writing(self) -> None:
        self._writer.pause()
        now = self._service.wheel.now
        self._service.wheel.schedule(self, self._outgoing.begin(now, self._writer.flushed_bytes))

    def resume_writing(self) -> None:
        self._writer.resume()
        self._outgoing.stop()
        self.advance()

    def eof_received(self) -> None:
        """A client that closes its side has left: TCP does not tell whether it still reads. To one
        that does, half a reply must not look whole."""
        if self._exchange is not None and self._exchange.is_streaming:
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._writer.lose()
        if self._exchange is not None:
            self._exchange.lose()
        self.leave()

    def leave(self) -> bytes:
        """See `Line`. Be done with the transport."""
        self._service.wheel.forget(self)
        self._service.forget(self)
        self._is_ending = True
        self._exchange = None
        return self._unread[self._at :]

    def finish(self) -> None:
        """See `Closable`."""
        self._service.wheel.schedule_in(self, _LINGER_SECONDS)

    def abort(self) -> None:
        """See `Closable`."""
        self._writer.abort()

    def check(self, now: float) -> float | None:
        """Act on what is late; return when to look again."""
        settings = self._service.settings
        if self._writer.waiting_bytes:
            again = self._outgoing.look(now, self._writer.flushed_bytes)
            if again is None:
                self.abort()
            return again
        if self._is_ending:
            self._transport.close()  # what the client still sends is not worth more time
            return None
        if self._exchange is not None:
            return self._check_body(self._exchange, now)
        end = self._rests_since + (
            settings.head_seconds if self._has_partial_head else self._service.idle_seconds
        )
        if now < end:
            return end
        if self._has_partial_head:
            self._refuse(TOO_SLOW)
        else:
            self._close()
        return None

    def _check_body(self, exchange: Exchange, now: float) -> float | None:
        body = exchange.body
        if body is None or body.finished:
            return now + self._service.settings.speed_seconds
        if not (self._is_reading and exchange.waits_for_body):  # the gateway is the slow one
            return self._incoming.begin(now, body.received_bytes)
        again = self._incoming.look(now, body.received_bytes)
        if again is None:
            self._refuse(TOO_SLOW)
        return again

    def advance(self) -> None:
        """See `Line`. Go as far as what is here allows."""
        while not self._is_ending:
            exchange = self._exchange
            if exchange is not None:
                if not self._go_on(exchange):
                    break
            elif self._at == len(self._unread) or self._writer.is_paused or not self._begin_next():
                break
        has_body = self._exchange is not None and self._exchange.body is not None
        if has_body or self._at < len(self._unread) or not self._is_reading:
            self._bound_reading()

    def _go_on(self, exchange: Exchange) -> bool:
        """Feed the request at work; whether it is over."""
        body = exchange.body
        if body is not None and not body.finished and not self._feed(body):
            return False
        if not exchange.ended:
            return False
        is_whole = body is None or body.finished
        if not exchange.keeps_connection:
            (self._close if is_whole else self._linger)()
            return False
        if is_whole:
            self._exchange = None
            self._rests_since = self._service.wheel.now
            if self._service.is_closing:  # since the reply began
                self.finish()
        return is_whole

    def _feed(self, body: IncomingBody) -> bool:
        """Feed the body what is here; False where its framing is broken."""
        if self._at < len(self._unread):
            try:
                self._at = body.feed(self._unread, self._at)
            except MalformedBody:
                self._refuse(MALFORMED)
                return False
        return True

    def _begin_next(self) -> bool:
        """Begin the next request; False where none is here."""
        unread = self._unread
        if unread.startswith(b"\r\n", self._at) and not self._skip_blank_lines():
            return False
        end = unread.find(END_OF_HEAD, self._at)
        if end < 0:
            self._wait_for_head()
            return False
        start, self._at = self._at, end + len(END_OF_HEAD)
        self._has_partial_head, self._blank_bytes = False, 0
        head = read_head(unread[start : self._at], self._service.settings, self._known)
        if isinstance(head, Refusal):
            self._refuse(head)
            return False
        self._known = head if len(head.raw) <= _MOST_KNOWN_BYTES else None
        self._begin(head)
        return True

    def _begin(self, head: Head) -> None:
        service, fields = self._service, head.fields
        request = request_of(head, self._writer.peer)
        body = None if fields.body is None else IncomingBody(fields.body, self._read_on)
        if body is None:
            begun = begin(service, request)
            if isinstance(begun, Reply) and isinstance(begun.body, bytes):
                # It needs no exchange: 2 of the 15 µs of a hit.
                keeps = fields.keeps_alive and not service.is_closing
                answer(service, self._writer, request, begun, keeps)
                self._rests_since = service.wheel.now
                if not keeps:
                    self._close()
                return
        exchange = self._exchange = Exchange(service, self._writer, self, request, fields, body)
        if body is not None:
            if not self._feed(body):
                return
            if not body.finished:
                service.wheel.schedule(self, self._incoming.begin(service.wheel.now, 0))
            begun = begin(service, request)
        exchange.begin(begun)

    def _read_on(self) -> None:
        """The reader of the body waits for more, or has taken some."""
        if self._exchange is not None:
            self._exchange.ask_for_body()
        self._bound_reading()

    def _skip_blank_lines(self) -> bool:
        """RFC 9112 §2.2. False where they are too many, or nothing follows yet."""
        while self._unread.startswith(b"\r\n", self._at):
            self._at += 2
            self._blank_bytes += 2
        if self._blank_bytes > _MOST_BLANK_BYTES:
            self._refuse(MALFORMED)
            return False
        self._has_partial_head = False
        return self._at < len(self._unread)

    def _wait_for_head(self) -> None:
        """A part of a head is here."""
        service = self._service
        refusal = refuse_beginning(self._unread[self._at :], service.settings)
        if refusal is not None:
            self._refuse(refusal)
        elif not self._has_partial_head:
            self._has_partial_head = True
            self._rests_since = service.wheel.now
            service.wheel.schedule_in(self, service.settings.head_seconds)

    def _bound_reading(self) -> None:
        """Stop reading while much of what came is unread; go on after that."""
        most = self._service.unread_bytes
        body = None if self._exchange is None else self._exchange.body
        body_bytes = 0 if body is None else body.unread_bytes
        is_full = max(len(self._unread) - self._at, body_bytes) > most
        if is_full is self._is_reading and not self._is_ending:
            self._is_reading = not is_full
            if is_full:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what is no request, and end."""
        self._service.refused(refusal.reason)[0] += 1
        if self._exchange is not None:
            self._exchange.refuse(refusal)
        else:
            refuse_head(self._service, self._writer, refusal)
        self._linger()

    def _close(self) -> None:
        """Close when what was written has gone out."""
        if self._at < len(self._unread):  # what a client sends unasked may go on
            self._linger()
        elif not self._is_ending:
            self._begin_end()
            self._transport.close()

    def _linger(self) -> None:
        """Close for writing. Drop what comes until the client closes too, or a time is over."""
        if self._is_ending:
            return
        self._begin_end()
        if not self._transport.is_closing():
            self._transport.resume_reading()
            if self._transport.can_write_eof():  # not over TLS: the client finds the end itself
                self._transport.write_eof()

    def _begin_end(self) -> None:
        self._is_ending = True
        self._unread, self._at = b"", 0
        self._service.wheel.schedule_in(self, _LINGER_SECONDS)
