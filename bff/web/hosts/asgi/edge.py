"""The ASGI edge: match, build the request, look up, produce, send.

Compositions and routes are answered on the worker's event loop; everything else goes to the Flask
app through a thread pool. Rules:
1. Nobody waits who needs not: `lookup` answers before anything asynchronous is set up.
2. A reply that breaks off raises in this app, and the server breaks the client's connection, so
   that half a body never looks whole.
3. When the client leaves, work for it alone is cancelled; what writes runs to its end.
"""

import asyncio
import gc
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from flask import Flask

from bff.web.hosts.asgi.messages import (
    ASKED_FOR,
    ClientWatches,
    IncomingBody,
    Message,
    Receive,
    Scope,
    Send,
    has_body,
    request_of,
    scope_for_flask,
)
from bff.web.hosts.flask.claims import FlaskClaims
from bff.web.hosts.flask.extension import Gateway
from bff.web.http.replies import Reply, close_body
from bff.web.http.requests import ClientGone, GatewayRequest
from bff.web.serving.dispatch import Dispatcher
from bff.web.serving.release import Runtime
from bff.web.serving.routing import NoMatch

_FLASK_ENDS_SECONDS = 10
_GC_THRESHOLDS = (10_000, 20, 20)  # 700 objects would be there after two requests


class Edge:
    """An ASGI application over a gateway and the Flask app that it is mounted in. Belongs to one
    event loop; works on servers that send no lifespan events too."""

    def __init__(self, gateway: Gateway, app: Flask) -> None:
        self._gateway = gateway
        self._log = gateway.log
        self.app = app
        self._claims = FlaskClaims(app)
        self._flask = WSGIMiddleware(_terminated(app), workers=gateway.settings.flask_threads)
        self._starting = asyncio.Lock()
        self._runtime: Runtime | None = None
        self._watches: ClientWatches

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self.serve(scope, receive, send)
        elif kind == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def answer_at_once(self, scope: Scope, send: Callable[[Message], object]) -> bool:
        """Answer an HTTP request that memory has the reply to; False where it hasn't, and `serve`
        is to answer. Never waits, and may be called on any thread, where `send` may, and does its
        work when it is called.
        """
        if self._runtime is None:
            return False
        request = scope[ASKED_FOR] = request_of(scope)
        reply = self._recall(self._runtime.dispatcher, request)
        if reply is None or not isinstance(reply.body, bytes):
            return False
        send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        send({"type": "http.response.body", "body": reply.body})
        self._log.request(request, reply, len(reply.body))
        return True

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        runtime = self._runtime or await self._start()
        dispatcher = runtime.dispatcher  # pinned: a reload does not change it on the way
        request = scope.get(ASKED_FOR)
        if request is None:
            request = request_of(scope)
            reply = self._recall(dispatcher, request)
            if reply is not None and isinstance(reply.body, bytes):
                await self._send(request, reply, reply.body, send)
                return
        match = dispatcher.match(request.method, request.raw_path)
        if type(match) is NoMatch or self._claims.take(request):
            await self._hand_to_flask(request, scope, receive, send)
            return
        incoming = None
        if has_body(request, scope) and dispatcher.reads_body(match):
            incoming = IncomingBody(receive)
            request.body = incoming.chunks()
        reply = dispatcher.lookup(match, request)
        if reply is None:
            work = dispatcher.produce(match, request)
            try:
                if dispatcher.may_be_abandoned(match, request.method):
                    reply = await self._watches.unless_client_leaves(work, incoming, receive)
                else:
                    reply = await work
            except ClientGone:
                self._log.abandoned(request)
                return
        if isinstance(reply.body, bytes):
            await self._send(request, reply, reply.body, send)
        else:
            await self._send_stream(request, reply, reply.body, incoming, receive, send)

    def _recall(self, dispatcher: Dispatcher, request: GatewayRequest) -> Reply | None:
        return dispatcher.recall(request) if self._claims.by_line else None

    async def _send(self, request: GatewayRequest, reply: Reply, body: bytes, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
        )
        await send({"type": "http.response.body", "body": body})
        self._log.request(request, reply, len(body))

    async def _send_stream(
        self,
        request: GatewayRequest,
        reply: Reply,
        chunks: AsyncIterator[bytes],
        incoming: IncomingBody | None,
        receive: Receive,
        send: Send,
    ) -> None:
        sent_bytes = 0
        await send(
            {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
        )

        async def pump() -> None:
            nonlocal sent_bytes
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                sent_bytes += len(chunk)

        try:
            await self._watches.stream_unless_client_leaves(pump, incoming, receive)
        except ClientGone:
            self._log.broken(request, reply, sent_bytes, "client left")
            return
        except Exception:
            self._log.broken(request, reply, sent_bytes, "upstream broke off")
            raise
        finally:
            await close_body(chunks)
        await send({"type": "http.response.body", "body": b""})
        self._log.request(request, reply, sent_bytes)

    async def _hand_to_flask(
        self, request: GatewayRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        status, sent_bytes = 500, 0

        async def send_and_note(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                if all(name != b"x-request-id" for name, _ in message["headers"]):
                    message["headers"].append((b"x-request-id", request.request_id))
            else:
                sent_bytes += len(message["body"])
            await send(message)

        async def receive_in_coroutine() -> Message:
            return await receive()  # a2wsgi takes coroutines alone, granian's gives a future

        flask = cast(Any, self._flask)  # its own types for scopes are narrower than anybody's
        try:
            await flask(scope_for_flask(request, scope), receive_in_coroutine, send_and_note)
        finally:
            self._log.request(request, Reply(status, [], facts={"flask": True}), sent_bytes)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start()
        except Exception:
            message = traceback.format_exc()
            await send({"type": "lifespan.startup.failed", "message": message})
            return
        await send({"type": "lifespan.startup.complete"})
        # Whoever is told of its life owns the process.
        library_lines = self._log.take_library_lines()
        try:
            with _sparing_what_stays():
                await receive()
            await self._let_flask_end()
            if self._runtime is not None:
                await self._runtime.close()
        finally:
            logging.getLogger("bff").removeHandler(library_lines)
            self._log.flush()
        await send({"type": "lifespan.shutdown.complete"})

    async def _let_flask_end(self) -> None:
        """Wait for views that run or wait for a thread: their replies go out on this loop."""
        end = asyncio.to_thread(self._flask.executor.shutdown)
        with suppress(TimeoutError):
            await asyncio.wait_for(end, _FLASK_ENDS_SECONDS)

    async def _start(self) -> Runtime:
        async with self._starting:
            if self._runtime is None:
                self._watches = ClientWatches(asyncio.get_running_loop())
                self._runtime = await self._gateway.open_runtime()
                self._gateway.stand_behind(asyncio.get_running_loop(), self._runtime)
            return self._runtime


@contextmanager
def _sparing_what_stays() -> Iterator[None]:
    """Keep the garbage collector from walking, again and again, what lives as long as the process:
    10 to 65 µs of a screen of three calls, and most of the slowest hundredth of all requests."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _terminated(app: Flask) -> Any:
    """The app, told that reading its input ends by itself, so that bodies without a length are
    read too (werkzeug takes them for empty otherwise)."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input_terminated"] = True
        return app(environ, start_response)

    return call
