"""From what the gateway has begun to a Flask response: whole, or streamed from the loop."""

import asyncio
from collections.abc import Iterator

from bff.web.hosts.flask.loop_thread import Exchange
from bff.web.hosts.flask.wsgi import (
    Environ,
    GatewayResponse,
    body_reader,
    mark_logged,
    response_of,
)
from bff.web.http.logs import Log
from bff.web.http.replies import Reply
from bff.web.http.requests import ClientGone, GatewayRequest
from bff.web.serving.dispatch import Pending


class Answers:
    """Makes responses, and logs their requests. Safe between threads."""

    def __init__(self, log: Log) -> None:
        self._log = log

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
        read = body_reader(environ) if begun.reads_body else None
        exchange = Exchange(loop, read or _nothing)
        if read is not None:
            request.body = exchange.request_body()
        try:
            reply = exchange.reply(begun.reply)
        except ClientGone:
            mark_logged(environ)
            self._log.abandoned(request)
            return GatewayResponse(status=400)  # nobody is there to read it
        if isinstance(reply.body, bytes):
            return self.whole(environ, request, reply)
        return self._streamed(environ, request, reply, exchange)

    def whole(self, environ: Environ, request: GatewayRequest, reply: Reply) -> GatewayResponse:
        """The response with a body that is there."""
        body = reply.body if isinstance(reply.body, bytes) else b""
        mark_logged(environ)
        self._log.request(request, reply, len(body))
        return response_of(reply, body)

    def _streamed(
        self, environ: Environ, request: GatewayRequest, reply: Reply, exchange: Exchange
    ) -> GatewayResponse:
        sent_bytes = 0
        why_broken: str | None = "client left"

        def body() -> Iterator[bytes]:
            nonlocal sent_bytes, why_broken
            try:
                for chunk in exchange.chunks():
                    yield chunk
                    sent_bytes += len(chunk)
            except Exception:
                why_broken = "upstream broke off"
                raise
            why_broken = None

        def end() -> None:
            exchange.close()
            if why_broken is None:
                self._log.request(request, reply, sent_bytes)
            else:
                self._log.broken(request, reply, sent_bytes, why_broken)

        mark_logged(environ)
        response = response_of(reply, body())
        response.call_on_close(end)
        return response


def _nothing(_: int) -> bytes:
    return b""
