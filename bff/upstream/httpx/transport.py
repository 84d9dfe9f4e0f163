"""The portable `Transport`, over httpx's transport without its client.

Without the client there are no cookies, redirects, decoding, default headers or environment to
switch off, and the request target goes out as given. pytest-httpx can mock it. With 32 at a time an
exchange costs fifty times the CPU of `bff.upstream.http1`.

Each exchange has a task of its own, behind the port's callbacks.

h11 keeps bytes that come behind a reply, and reads them as the reply to the next request on that
connection: a service that isn't trusted with the replies to others is for `http1`.

httpcore's pool loses connections that are cancelled while they open (httpcore #1093). So the pool
has no limit, which such connections could use up.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any

import httpx

from bff.engine.answers import Handle, OnAnswer, TaskCall
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.errors import TlsFileError
from bff.plan.model.service import Link
from bff.telemetry.metrics.families import Metrics
from bff.upstream.guards import content_length
from bff.upstream.httpx.connections import ConnectionCounts, ConnectionTrace
from bff.upstream.httpx.failures import UpstreamError, failure_of
from bff.upstream.httpx.link_pools import LinkPool
from bff.upstream.httpx.replies import byte_stream, chunks_of, fault, headers_of, read_whole
from bff.upstream.httpx.requests import UpstreamRequest, refuse, render
from bff.upstream.pool_counts import PoolCounts, watch_connections
from bff.upstream.ports import WHOLE_BYTES, BrokenStream, UpstreamStream, server_at
from bff.upstream.tls import TlsContexts
from bff.upstream.uploads import WRONG_LENGTH, Upload, WrongLength, upload_of


class HttpxTransport:
    """See `Transport`. Create it after fork, on the loop that uses it."""

    def __init__(
        self,
        *,
        connect_timeout_seconds: float,
        idle_seconds: float,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._connect_timeout_seconds = connect_timeout_seconds
        self._closing: set[asyncio.Task[None]] = set()
        self._limits = httpx.Limits(
            max_connections=None, max_keepalive_connections=None, keepalive_expiry=idle_seconds
        )
        self._contexts = TlsContexts(asyncio.get_running_loop().time)
        self._contexts.get(None)  # now, since no exchange has time for it, and all need one
        self._pools: dict[Link | None, LinkPool] = {}
        self._connections = ConnectionCounts()

    def at(self, base: str, link: Link | None) -> "HttpxInstance":
        """See `Transport.at`."""
        server = server_at(base)
        watch_connections(self._metrics, server, self._connections.count)
        counts, connections = PoolCounts(self._metrics, server), self._connections.at(server)
        trace = partial(ConnectionTrace, connections, counts, time.perf_counter)
        return HttpxInstance(self, base, link, trace)

    async def close(self) -> None:
        """See `Transport.close`."""
        await asyncio.gather(*self._closing)
        for pool in self._pools.values():
            await pool.close()

    def close_soon(self, closing: Coroutine[Any, Any, None]) -> None:
        """Close an exchange that somebody has left."""
        task = asyncio.get_running_loop().create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def send(
        self,
        request: UpstreamRequest,
        body: bytes | AsyncIterator[bytes] | None,
        timeout_seconds: float,
        trace: ConnectionTrace,
    ) -> httpx.Response:
        """The reply once its head is there."""
        connect = min(self._connect_timeout_seconds, timeout_seconds / 2)
        outgoing = render(request, body, connect, timeout_seconds)
        outgoing.extensions["trace"] = trace
        pool = await self._pool_of(request.link).get()
        try:
            return await pool.handle_async_request(outgoing)
        except httpx.ProxyError:
            trace.refuse_tunnel()
            raise
        finally:
            if (left := trace.end()) is not None:
                self.close_soon(left.aclose())

    def _pool_of(self, link: Link | None) -> LinkPool:
        found = self._pools.get(link)
        if found is None:
            found = self._pools[link] = LinkPool(link, self._contexts, self._limits)
        return found


class HttpxInstance:
    """See `Instance`."""

    def __init__(
        self,
        transport: HttpxTransport,
        base: str,
        link: Link | None,
        trace: Callable[[], ConnectionTrace],
    ) -> None:
        self._transport = transport
        self._trace = trace
        self._base = base
        self._link = link

    def fetch(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        """See `Instance.fetch`."""
        return TaskCall(self._fetch(call, timeout_seconds, byte_cap), on_answer)

    def open(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[UpstreamStream],
        *,
        timeout_seconds: float,
    ) -> Handle:
        """See `Instance.open`."""
        request = self._request(call)
        exchange = _Exchange(self._transport, request, call, timeout_seconds, self._trace())
        exchange.opening = TaskCall(exchange.open(), on_answer)
        return exchange

    async def _fetch(
        self, call: ServiceCall, timeout_seconds: float, byte_cap: int
    ) -> UpstreamReply | Failed:
        request = self._request(call)
        if (refused := refuse(request)) is not None:
            return refused
        head_came = False
        upload = upload_of(call, timeout_seconds)
        try:
            async with asyncio.timeout(timeout_seconds):
                response = await self._transport.send(
                    request,
                    call.body if upload is None else upload,
                    timeout_seconds,
                    self._trace(),
                )
                head_came = True
                try:
                    return fault(response) or await read_whole(response, byte_cap, call.arriving)
                finally:
                    await byte_stream(response).aclose()
        except TimeoutError:
            return Failed(Reason.TIMEOUT, detail="the reply was not there in time")
        except UpstreamError as error:
            return failure_of(error, head_came=head_came, is_tls=request.url.startswith("https"))
        except TlsFileError as error:
            return Failed(Reason.PROTOCOL, detail=f"tls.{error}", was_sent=False)
        except WrongLength:
            return WRONG_LENGTH

    def _request(self, call: ServiceCall) -> UpstreamRequest:
        headers = call.headers
        if call.trace is not None:
            headers = [*headers, *call.trace.headers({name for name, _ in headers})]
        return UpstreamRequest(call.method, self._base + call.target, headers, self._link)


class _Exchange:
    """One streamed exchange, and its body; the clock for the head stops while the upload is
    awaited."""

    opening: TaskCall[UpstreamStream]

    def __init__(
        self,
        transport: HttpxTransport,
        request: UpstreamRequest,
        call: ServiceCall,
        timeout_seconds: float,
        trace: ConnectionTrace,
    ) -> None:
        self._transport = transport
        self._trace = trace
        self._request = request
        self._call = call
        self._timeout_seconds = timeout_seconds
        self._response: httpx.Response | None = None
        self._chunks: AsyncGenerator[bytes, None] | None = None
        self._first = b""  # of the chunks, until somebody takes it

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        if self._chunks is None:
            raise StopAsyncIteration
        return await anext(self._chunks)

    async def aclose(self) -> None:
        """See `ArrivingBody.aclose`."""
        self.cancel()

    def cancel(self) -> None:
        """See `Handle.cancel`."""
        self.opening.cancel()
        if self._response is not None:
            self._transport.close_soon(self._close(self._response))
            self._response = None

    async def open(self) -> UpstreamStream | Failed:
        """Send the request, and wait for the beginning of the body."""
        if (refused := refuse(self._request)) is not None:
            return refused
        upload = upload_of(self._call, self._timeout_seconds)
        body = self._call.body if upload is None else upload
        try:
            async with self._clock_of(upload):
                response = await self._transport.send(
                    self._request, body, self._timeout_seconds, self._trace
                )
        except TimeoutError:
            return Failed(Reason.TIMEOUT, detail="no head came in time")
        except UpstreamError as error:
            is_tls = self._request.url.startswith("https")
            return failure_of(error, head_came=False, is_tls=is_tls)
        except TlsFileError as error:
            return Failed(Reason.PROTOCOL, detail=f"tls.{error}", was_sent=False)
        except WrongLength:
            return WRONG_LENGTH
        finally:
            if upload is not None:
                upload.abandon()
        if (flaw := fault(response)) is not None:
            await self._close(response)
            return flaw
        self._response = response
        self._chunks = chunks_of(response)
        headers = headers_of(response)
        length = content_length(dict(headers).get(b"content-length", b""))
        try:
            if length is not None and length <= WHOLE_BYTES:
                body = b"".join([chunk async for chunk in self._chunks])
                return UpstreamStream(response.status_code, headers, body)
            self._first = await anext(self._chunks, b"")
        except BrokenStream as broke:
            return broke.failure
        return UpstreamStream(response.status_code, headers, self if self._first else b"")

    def _clock_of(self, upload: Upload | None) -> asyncio.Timeout:
        # No variable of `open` may hold it: it holds the task, and that the frame where it ended.
        clock = asyncio.timeout(self._timeout_seconds)
        if upload is not None:
            upload.clock = clock
        return clock

    async def _close(self, response: httpx.Response) -> None:
        if self._chunks is not None:
            await self._chunks.aclose()
        await byte_stream(response).aclose()
