"""From what the gateway has begun to a Flask response: whole, or streamed from the loop."""

import asyncio
import weakref
from collections.abc import Iterator

from bff.web.hosts.flask.loop_thread import Closing, Exchange
from bff.web.hosts.flask.visits import visit_in
from bff.web.hosts.flask.wsgi import (
    Environ,
    GatewayResponse,
    body_reader,
    mark_logged,
    response_of,
)
from bff.web.http.problems import closing, slow_body
from bff.web.http.replies import BrokenBy, Reply
from bff.web.http.requests import ClientGone, GatewayRequest, SlowBody
from bff.web.serving.pending import Pending
from bff.web.telemetry.telemetry import Telemetry


class Answers:
    """Makes responses, and logs their requests. Safe between threads."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._exchanges: set[Exchange] = set()

    def close(self) -> None:
        """End what waits for a reply now: its answer is 503."""
        for exchange in [*self._exchanges]:
            exchange.stop()

    def answer(
        self,
        environ: Environ,
        request: GatewayRequest,
        begun: Reply | Pending,
        loop: asyncio.AbstractEventLoop,
    ) -> GatewayResponse:
        """The response; this thread waits for the loop where there is anything to wait for."""
        if isinstance(begun, Reply):
            return self.whole(environ, request, begun)
        visit = visit_in(environ)
        read = None
        if begun.reads_body and visit is None:
            read = body_reader(environ)
        exchange = Exchange(loop, read or _nothing)
        if read is not None:
            request.body = exchange.request_body()
        elif begun.reads_body and visit is not None:
            request.body = visit.body
        self._exchanges.add(exchange)
        if visit is None:  # else it is at work as the app's
            self._telemetry.begin_work(request)
        is_streamed = False
        try:
            exchange.begin(begun.reply)
            if visit is not None and begun.may_be_abandoned:
                visit.when_left(exchange.abandon)
            reply = exchange.reply()
            is_streamed = not isinstance(reply.body, bytes)
        except SlowBody:
            return self.whole(environ, request, slow_body(request))
        except ClientGone:
            mark_logged(environ)
            self._telemetry.abandoned(request)
            return GatewayResponse(status=400)  # nobody is there to read it
        except Closing:
            return self.whole(environ, request, closing(request))
        finally:
            self._exchanges.discard(exchange)
            if not is_streamed:
                self._telemetry.end_work(request)
        if isinstance(reply.body, bytes):
            return self.whole(environ, request, reply)
        if visit is not None:
            visit.when_left(exchange.abandon)
        return self._streamed(environ, request, reply, exchange, loop)

    def whole(self, environ: Environ, request: GatewayRequest, reply: Reply) -> GatewayResponse:
        """The response with a body that is there."""
        body = reply.body if isinstance(reply.body, bytes) else b""
        mark_logged(environ)
        self._telemetry.ended(request, reply, len(body))
        return response_of(reply, body)

    def _streamed(
        self,
        environ: Environ,
        request: GatewayRequest,
        reply: Reply,
        exchange: Exchange,
        loop: asyncio.AbstractEventLoop,
    ) -> GatewayResponse:
        sent_bytes = 0
        why_broken: BrokenBy | None = "client left"

        def body() -> Iterator[bytes]:
            nonlocal sent_bytes, why_broken
            try:
                for chunk in exchange.chunks():
                    yield chunk
                    sent_bytes += len(chunk)
            except Exception as error:
                if isinstance(error, Closing):
                    why_broken = "gateway closed"
                elif not isinstance(error, ClientGone):
                    why_broken = "upstream broke off"
                ending()  # werkzeug's server never closes it where the client has left, too
                raise
            why_broken = None

        def end() -> None:
            exchange.abandon()
            self._telemetry.end_work(request)
            if why_broken is None:
                self._telemetry.ended(request, reply, sent_bytes)
            else:
                self._telemetry.broken(request, reply, sent_bytes, why_broken)

        def end_on_loop() -> None:
            try:
                loop.call_soon_threadsafe(end)
            except RuntimeError:  # it is closed
                end()

        def ending() -> None:
            if dropped.detach() is not None:
                end()

        mark_logged(environ)
        response = response_of(reply, body())
        # Once: when a server closes it, or when an app's own hook has put another in its place. The
        # collector may find that one in any thread, which may hold a lock that `end` would take.
        dropped = weakref.finalize(response, end_on_loop)
        dropped.atexit = False
        response.call_on_close(ending)
        return response


def _nothing(_: int) -> bytes:
    return b""
