"""The ASGI host: compositions and routes on the worker's event loop, the rest to the app behind it.

Rules:
1. No reply waits that need not: `begin` answers before anything asynchronous is set up.
2. A reply that breaks off raises in this app, and the server breaks the client's connection, so
   that half a body never looks whole. Then the exchange with the service is closed, and the request
   is counted and logged. This also holds where `send` raises.
3. When the client leaves, work for it alone is cancelled; what writes runs to its end.
4. What the app behind takes for itself, and everything where it guards its requests, goes to it.
"""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

from bff.upstream.ports import BrokenStream
from bff.web.gateway import Gateway
from bff.web.hosts.asgi.messages import (
    ClientWatches,
    IncomingBody,
    has_body,
    request_of,
)
from bff.web.hosts.behind import AppBehind, Message, Receive, Scope, Send, hand_over, scope_for_app
from bff.web.hosts.garbage import sparing_what_stays
from bff.web.http.problems import closing, no_websockets
from bff.web.http.replies import BrokenBy, Reply, close_body
from bff.web.http.requests import ClientGone, GatewayRequest
from bff.web.serving.pending import Pending


class Edge:
    """An ASGI application over a gateway and the app behind it. Belongs to one event loop; works
    on servers that send no lifespan events too."""

    def __init__(self, gateway: Gateway, behind: AppBehind) -> None:
        self._gateway = gateway
        self._behind = behind
        self._log = gateway.log
        self._telemetry = gateway.telemetry
        self._starting = asyncio.Lock()
        self._watches: ClientWatches | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self.serve(scope, receive, send)
        elif kind == "lifespan":
            await self._live(receive, send)
        else:
            await self._refuse_websocket(scope, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        watches = self._watches or await self._start()
        request = request_of(scope)
        self._gateway.locate(request)
        begun = None if self._behind.takes(request) else self._gateway.begin(request)
        if begun is None:
            await self._hand_over(request, scope, watches, receive, send)
            return
        if isinstance(begun, Reply):
            assert isinstance(begun.body, bytes)  # noqa: S101  (what begins as a reply is whole)
            await self._send(request, begun, begun.body, send)
            return
        self._telemetry.begin_work(request)
        try:
            await self._serve_pending(request, begun, scope, watches, receive, send)
        finally:
            self._telemetry.end_work(request)

    async def _serve_pending(
        self,
        request: GatewayRequest,
        pending: Pending,
        scope: Scope,
        watches: ClientWatches,
        receive: Receive,
        send: Send,
    ) -> None:
        incoming = None
        if pending.reads_body and has_body(request, scope):
            incoming = IncomingBody(receive)
            request.body = incoming.chunks()
        try:
            if pending.may_be_abandoned:
                reply = await watches.unless_client_leaves(pending.reply(), incoming, receive)
            else:
                reply = await pending.reply()
        except ClientGone:
            self._telemetry.abandoned(request)
            return
        except asyncio.CancelledError:  # by the server, which ends
            self._telemetry.broken(request, closing(request), 0, "gateway closed")
            raise
        if isinstance(reply.body, bytes):
            await self._send(request, reply, reply.body, send)
        else:
            await self._send_stream(request, reply, reply.body, watches, incoming, receive, send)

    async def _refuse_websocket(self, scope: Scope, send: Send) -> None:
        """Answer 501 where the server lets an app answer a handshake; else its answer is 403."""

        async def deny(message: Message) -> None:
            await send({**message, "type": f"websocket.{message['type']}"})

        if self._watches is None:
            await self._start()
        request = request_of({**scope, "method": "GET"})
        self._gateway.locate(request)
        reply = self._gateway.finish(request, no_websockets(request))
        assert isinstance(reply.body, bytes)  # noqa: S101  (a problem document)
        if "websocket.http.response" in (scope.get("extensions") or ()):
            await self._send(request, reply, reply.body, deny)
        else:
            await send({"type": "websocket.close", "code": 1000})
            reply.status = 403
            self._telemetry.ended(request, reply, 0)

    async def _send(self, request: GatewayRequest, reply: Reply, body: bytes, send: Send) -> None:
        try:
            await send(_head(reply))
            await send({"type": "http.response.body", "body": body})
        except (Exception, asyncio.CancelledError) as error:
            self._telemetry.broken(request, reply, 0, _broken_by(error))
            raise
        self._telemetry.ended(request, reply, len(body))

    async def _send_stream(
        self,
        request: GatewayRequest,
        reply: Reply,
        chunks: AsyncIterator[bytes],
        watches: ClientWatches,
        incoming: IncomingBody | None,
        receive: Receive,
        send: Send,
    ) -> None:
        sent_bytes = 0

        async def pump() -> None:
            nonlocal sent_bytes
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                sent_bytes += len(chunk)

        try:
            await send(_head(reply))
            await watches.stream_unless_client_leaves(pump, incoming, receive)
            await send({"type": "http.response.body", "body": b""})
        except (Exception, asyncio.CancelledError) as error:
            self._telemetry.broken(request, reply, sent_bytes, _broken_by(error))
            if isinstance(error, ClientGone):
                return
            raise
        finally:
            await close_body(chunks)
        self._telemetry.ended(request, reply, sent_bytes)

    async def _hand_over(
        self,
        request: GatewayRequest,
        scope: Scope,
        watches: ClientWatches,
        receive: Receive,
        send: Send,
    ) -> None:
        """Have the app behind answer."""
        incoming = IncomingBody(receive) if has_body(request, scope) else None

        async def unless_client_leaves(answer: Callable[[], Awaitable[None]]) -> None:
            await watches.stream_unless_client_leaves(answer, incoming, receive)

        scope = scope_for_app(request, scope, incoming)
        await hand_over(self._behind, request, scope, send, unless_client_leaves, self._gateway)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        # Whoever gets lifespan events owns the process.
        self._log.take_library_lines()
        try:
            try:
                await self._start()
            except Exception:
                message = traceback.format_exc()
                await send({"type": "lifespan.startup.failed", "message": message})
                return
            await send({"type": "lifespan.startup.complete"})
            with sparing_what_stays():
                await receive()
            await self._behind.close()
            await self._gateway.close()
        finally:
            self._log.leave_library_lines()
            self._log.flush()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> ClientWatches:
        async with self._starting:
            if self._watches is None:
                self._behind.start()
                await self._gateway.open()
                self._watches = ClientWatches(asyncio.get_running_loop())
            return self._watches


def _head(reply: Reply) -> Message:
    return {"type": "http.response.start", "status": reply.status, "headers": reply.all_headers}


def _broken_by(error: BaseException) -> BrokenBy:
    match error:
        case BrokenStream():
            return "upstream broke off"
        case ClientGone() | OSError():  # ASGI: `send` may raise it where the client has left
            return "client left"
        case _:  # the server ends, or takes no such reply, as uvicorn no status from 600 on
            return "gateway closed"
