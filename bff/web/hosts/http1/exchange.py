"""One request and its reply.

    begin      from memory or refused: a reply, which is written at once
               a call: a callback writes the reply when it is there
               anything else, and a body that still arrives: a task does
               a switch: a tunnel takes the connection, and a task waits for its end
    refuse     the body broke its framing or came too slowly
    lose       the client left

Rules:
1. A reply is started once; whatever else would be answered is dropped.
2. A reply that breaks off breaks the connection, so that half a body never looks whole.
3. When the client leaves, work for it alone is cancelled at once; what writes runs to its end.
4. Each request has one line in the log.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Final, Protocol

from bff.engine.answers import Handle
from bff.web.hosts.behind import hand_over, scope_for_app
from bff.web.hosts.http1.answers import Begun, note_reply, overloaded, write_reply
from bff.web.hosts.http1.bodies import IncomingBody
from bff.web.hosts.http1.framing import HeaderFields, Refusal
from bff.web.hosts.http1.messages import AppReply, scope_of
from bff.web.hosts.http1.replies import (
    CONTINUE,
    StreamFraming,
    connection_line,
    render_head,
)
from bff.web.hosts.http1.service import Service, Writer
from bff.web.hosts.http1.tunnel import run_tunnel
from bff.web.http.problems import closing, internal_error, problem
from bff.web.http.replies import BrokenBy, RawHeader, Reply, SwitchedReply, close_body, header_lines
from bff.web.http.requests import ClientGone, GatewayRequest
from bff.web.serving.pending import PendingCall

_MOST_DROPPED_BYTES: Final = 64 * 1024  # of a body that nobody wants, so that its connection lasts


class Line(Protocol):
    """The connection of an exchange."""

    def advance(self) -> None:
        """A reply that took waiting is out, or none will come."""

    def leave(self) -> bytes:
        """Leave the transport to another protocol; return what came behind this request."""


class Exchange:
    """A request at work on its `line`. `ended` holds once its reply is out, or none will come."""

    ended = False
    keeps_connection = False
    _work: Handle | None = None
    _may_be_abandoned = False
    _started = False
    _is_logged = False

    def __init__(
        self,
        service: Service,
        writer: Writer,
        line: Line,
        request: GatewayRequest,
        fields: HeaderFields,
        body: IncomingBody | None,
    ) -> None:
        self.request = request
        self.body = body
        self._service = service
        self._writer = writer
        self._line = line
        self._keeps_alive = fields.keeps_alive
        self._expects_continue = fields.expects_continue
        self._works = service.works
        self._telemetry = service.gateway.telemetry

    @property
    def is_streaming(self) -> bool:
        """Whether a part of the reply is out."""
        return self._started and not self.ended

    @property
    def waits_for_body(self) -> bool:
        """Whether the client is to send more of its body now."""
        return self.body is not None and self.body.is_waited_for and not self._expects_continue

    def begin(self, begun: Begun) -> None:
        """Answer, or set to work what takes waiting."""
        service = self._service
        if isinstance(begun, Reply):
            self._end_with(begun)
            return
        if begun is None:
            self._works = service.app_works
        elif begun.switches:
            self._works = service.tunnels
        if not self._works.has_room:
            self._works.refused[0] += 1
            self._end_with(service.gateway.finish(self.request, overloaded(self.request)))
        elif begun is None:
            self._work = self._works.start(self._run(self._hand_over))
        else:
            if self.body is not None:
                if begun.reads_body:
                    self.request.body = self.body.chunks()
                else:
                    self.body.drop()
            self._may_be_abandoned = begun.may_be_abandoned
            self._telemetry.begin_work(self.request, "websocket" if begun.switches else None)
            if isinstance(begun, PendingCall):
                self._work = begun.begin(self._take)
                self._works.hold(self._work)
            else:
                self._work = self._works.start(self._run(begun.reply))

    def refuse(self, refusal: Refusal) -> None:
        """Answer that the request is broken, where it is not answered yet. The connection is of no
        more use."""
        is_late = self._started
        if is_late:
            self._break()
        else:
            reply = problem(self.request, *refusal)
            self._write_whole(self._service.gateway.finish(self.request, reply), keeps=False)
        self._stop(cancels=self._may_be_abandoned or is_late)

    def lose(self) -> None:
        """The client left."""
        # First, so that the line and the spans of the request have the calls that this cancels.
        self._stop(cancels=self._may_be_abandoned or self._started)
        if self._service.is_over:
            self._note_cut()
            self._telemetry.end_work(self.request)  # its task may not run again
        elif not self._is_logged and not self._started and self._may_be_abandoned:
            self._is_logged = True
            self._telemetry.abandoned(self.request)

    def ask_for_body(self) -> None:
        """Somebody reads the body: a client that waits with it may send it (RFC 9110 §10.1.1)."""
        if self._expects_continue and self.body is not None and self.body.is_waited_for:
            self._expects_continue = False
            if not self._started and self.body.received_bytes == 0:
                self._writer.write(CONTINUE)

    def _stop(self, *, cancels: bool) -> None:
        if self.body is not None:
            self.body.break_off()
        if self._work is not None and cancels:
            self._works.cancel(self._work)
            self._telemetry.end_work(self.request)

    def _end_with(self, reply: Reply) -> None:
        """Answer in this callback."""
        self._write_whole(reply, keeps=self._may_keep())
        if self.body is not None:
            self.body.drop()
        self.ended = True

    async def _run(self, work: Callable[[], Awaitable[Reply | None]]) -> None:
        """Answer with what the work comes to; None where that has answered."""
        request = self.request
        try:
            reply = await work()
            if reply is not None:
                await self._answer(reply)
        except ClientGone:
            if not self._is_logged:
                self._telemetry.abandoned(request)
        except asyncio.CancelledError:
            if self._service.is_over:  # and the client left before that
                self._note_cut()
            raise
        except Exception as error:
            self._telemetry.bug(request, error)
            if self._started:
                self._break()
            else:
                reply = self._service.gateway.finish(request, internal_error(request))
                self._write_whole(reply, keeps=False)
        finally:
            self._end()

    def _note_cut(self) -> None:
        """The server ends, and the request with it, unless that is answered."""
        if not self._is_logged and not self._started:
            self._is_logged = True
            reply = self._service.gateway.finish(self.request, closing(self.request))
            self._telemetry.broken(self.request, reply, 0, "gateway closed")

    def _end(self) -> None:
        self._work = None
        self._telemetry.end_work(self.request)
        if self.body is not None:
            self.body.drop()
        self.ended = True
        self._line.advance()

    def _take(self, reply: Reply | ClientGone) -> None:
        """Write the reply to a call. A body that still arrives takes a task."""
        if self._work is not None:
            self._works.release(self._work)
        if isinstance(reply, Reply) and isinstance(reply.body, bytes):
            try:
                self._write_whole(reply, keeps=self._may_keep())
            except Exception as error:
                self._telemetry.bug(self.request, error)
                self._break()
            self._end()
        elif isinstance(reply, Reply):
            task = self._works.start(self._run(partial(self._answer, reply)))
            task.add_done_callback(partial(self._close_body_of, reply))
            self._work = task
        else:
            if not self._is_logged:
                self._telemetry.abandoned(self.request)
            self._end()

    def _close_body_of(self, reply: Reply, task: asyncio.Task[None]) -> None:
        """Close a body whose task was cancelled, perhaps before it began."""
        if task.cancelled() and not isinstance(reply.body, bytes):
            self._works.start(close_body(reply.body))

    async def _answer(self, reply: Reply) -> None:
        if isinstance(reply, SwitchedReply):
            self._started = self._is_logged = True
            await run_tunnel(self._service, self._writer, self.request, reply, self._line.leave)
        elif isinstance(reply.body, bytes):
            self._write_whole(reply, keeps=self._may_keep())
        else:
            await self._stream(reply, reply.body)

    def _write_whole(self, reply: Reply, *, keeps: bool) -> None:
        if self._started:
            return
        self._started = True
        self.keeps_connection = keeps
        write_reply(self._service, self._writer, self.request, reply, keeps)
        if not self._is_logged:
            self._is_logged = True
            note_reply(self._telemetry, self._writer, self.request, reply)

    async def _stream(self, reply: Reply, pieces: AsyncIterator[bytes]) -> None:
        sent_bytes = 0
        try:
            framing = self._start_stream(reply.status, reply.all_headers)
            if not framing.is_empty:
                async for piece in pieces:
                    self._writer.write(framing.frame(piece))
                    sent_bytes += len(piece)
                    await self._writer.drain()
            self._writer.write(framing.end())
        except (ClientGone, asyncio.CancelledError):
            if not self._is_logged:
                self._is_logged = True
                why: BrokenBy = "gateway closed" if self._service.is_over else "client left"
                self._telemetry.broken(self.request, reply, sent_bytes, why)
            raise
        except Exception:
            self._telemetry.broken(self.request, reply, sent_bytes, "upstream broke off")
            self._break()
        else:
            self._telemetry.ended(self.request, reply, sent_bytes)
        finally:
            await close_body(pieces)

    def _start_stream(self, status: int, headers: Iterable[RawHeader]) -> StreamFraming:
        if self._started or self._writer.is_lost:
            raise ClientGone
        framing = StreamFraming(self.request.method, status, headers, self.request.version)
        self._started = True
        self.keeps_connection = self._may_keep() and not framing.ends_connection
        connection = connection_line(self.request.version, self.keeps_connection)
        date = self._service.date.line()
        lines = header_lines(headers)
        self._writer.write(render_head(status, lines, framing.line, date, connection))
        return framing

    def _break(self) -> None:
        self.keeps_connection = False
        self._writer.abort()

    def _may_keep(self) -> bool:
        """Whether the connection lasts: what comes of the body is little enough to be dropped."""
        if self._service.is_closing or not self._keeps_alive:
            return False
        body = self.body
        if body is None or body.finished:
            return True
        to_come = body.bytes_to_come
        is_little = to_come is not None and to_come <= _MOST_DROPPED_BYTES
        return is_little and not self._expects_continue

    async def _hand_over(self) -> None:
        """Have the app behind answer. It ends what writes by itself, so it may be cancelled."""
        self._is_logged = self._may_be_abandoned = True
        request, reply = self.request, AppReply(self._writer, self._start_stream)
        scope = scope_for_app(request, scope_of(request, self._writer.peer), self.body)
        service, until_left = self._service, self._unless_client_leaves
        await hand_over(service.behind, request, scope, reply.send, until_left, service.gateway)

    async def _unless_client_leaves(self, answer: Callable[[], Awaitable[None]]) -> None:
        try:
            await answer()
        except asyncio.CancelledError:
            if self._writer.is_lost and not self._service.is_over:
                raise ClientGone from None
            raise
