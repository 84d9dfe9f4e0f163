"""The gateway's own `Transport`: HTTP/1.1 over `asyncio` protocols and httptools, on the loop.

    requests      a request as bytes
    addresses     names, addresses, sockets
    tunnels       through a proxy to an origin that wants TLS
    connection    one connection, one exchange at a time
    replies       a reply from bytes
    exchanges     a whole reply, a streamed one
    pool          the connections to one origin

A plain fetch costs no task, only a future and a timer. With pyreqwest (Rust's reqwest on a thread
of its own) three at once took half as much CPU again.

A request is sent a second time in one case: it went out on a connection that had served others, the
connection ended before a byte of the reply came, the method is safe, and the body is there. The
upstream had closed the connection while it was idle, most likely. Other methods don't write on a
connection whose end is there already; what else they meet is reported, never repeated.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType
from typing import Final

from bff.engine.ports import Headers, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Link
from bff.upstream.http1.addresses import Origin, Resolver
from bff.upstream.http1.connection import Connection
from bff.upstream.http1.exchanges import TOO_SLOW, StreamedReply, WholeReply
from bff.upstream.http1.pool import Limits, Pool
from bff.upstream.http1.requests import as_chunk, render_head
from bff.upstream.http1.tunnels import credentials_line
from bff.upstream.ports import BrokenStream, UpstreamRequest, UpstreamStream
from bff.upstream.tls import TlsContexts
from bff.upstream.uploads import WRONG_LENGTH, Upload, WrongLength, upload_of

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 §9.2.1

_PLAIN_LINK: Final = Link()
_NO_ORIGIN: Final = Failed(
    Reason.BAD_INPUT, detail="the URL has no origin of http or https", was_sent=False
)


# An origin, and how connections to it are made.
_PoolKey = tuple[str, Link | None]


class Http1Transport:
    """See `Transport`. Create it after fork, on the loop that uses it."""

    def __init__(self, limits: Limits) -> None:
        self.loop = asyncio.get_running_loop()
        self._limits = limits
        self._resolver = Resolver(self.loop)
        self._pools: dict[_PoolKey, Pool] = {}
        self._tls_contexts = TlsContexts(self.loop.time)

    async def fetch(
        self, request: UpstreamRequest, *, timeout_seconds: float, byte_cap: int
    ) -> UpstreamReply | Failed:
        """See `Transport.fetch`."""
        body = request.body
        if body is not None and not isinstance(body, bytes):
            return await self._fetch_with_upload(request, timeout_seconds, byte_cap)
        prepared = prepare(request)
        if isinstance(prepared, Failed):
            return prepared
        origin, data = prepared
        ends_at = self.loop.time() + timeout_seconds
        connection = self.take_idle(origin, request)
        while True:
            if connection is None:
                opened = await self.open(origin, request, ends_at)
                if isinstance(opened, Failed):
                    return opened
                connection = opened
            exchange = WholeReply(self.loop, connection, byte_cap, request.arriving, ends_at)
            connection.begin(exchange, request.method, data, is_whole=True)
            try:
                outcome = await exchange.outcome
            finally:
                exchange.leave()
            if not may_repeat(connection, request):
                return outcome
            connection = None

    def stream(
        self, request: UpstreamRequest, *, timeout_seconds: float
    ) -> AbstractAsyncContextManager[UpstreamStream | Failed]:
        """See `Transport.stream`."""
        return _Stream(self, request, timeout_seconds)

    async def close(self) -> None:
        """See `Transport.close`."""
        for pool in list(self._pools.values()):
            pool.close()
        self._resolver.close()
        await asyncio.sleep(0)  # the loop closes the sockets in its next turn

    def take_idle(self, origin: str, request: UpstreamRequest) -> Connection | None:
        """An idle connection that this request may go out on, or None."""
        pool = self._pools.get((origin, request.link))
        if pool is None:
            return None
        return pool.take() if request.method in _SAFE_METHODS else pool.take_live()

    async def open(
        self, origin: str, request: UpstreamRequest, ends_at: float
    ) -> Connection | Failed:
        """A new connection, or one that comes free, by a time of the loop."""
        key = (origin, request.link)
        pool = self._pools.get(key) or self._new_pool(key)
        return _NO_ORIGIN if pool is None else await pool.open(ends_at)

    async def _fetch_with_upload(
        self, request: UpstreamRequest, timeout_seconds: float, byte_cap: int
    ) -> UpstreamReply | Failed:
        try:
            async with (
                asyncio.timeout(timeout_seconds),
                self.stream(request, timeout_seconds=timeout_seconds) as opened,
            ):
                if isinstance(opened, Failed):
                    return opened
                body = bytearray()
                async for chunk in opened.chunks:
                    body += chunk
                    has_room = request.arriving is None or request.arriving.take(len(chunk))
                    if len(body) > byte_cap or not has_room:
                        return Failed(Reason.TOO_LARGE, status=opened.status)
                return UpstreamReply(opened.status, opened.headers, bytes(body))
        except TimeoutError:
            return TOO_SLOW
        except BrokenStream as broke:
            return broke.failure

    def _new_pool(self, key: _PoolKey) -> Pool | None:
        text, link = key
        origin = Origin.of(text)
        if origin is None:
            return None
        link = link or _PLAIN_LINK
        pool = Pool(
            origin,
            self.loop,
            self._resolver,
            partial(self._tls_contexts.get, link.tls),
            link.proxy,
            self._limits,
            on_empty=lambda: self._drop_pool(key),
        )
        self._pools[key] = pool
        return pool

    def _drop_pool(self, key: _PoolKey) -> None:
        del self._pools[key]


class _Stream(AbstractAsyncContextManager[UpstreamStream | Failed]):
    """One streamed exchange. An upload has a task of its own, so that the reply may come while the
    request is still being sent."""

    def __init__(
        self, transport: Http1Transport, request: UpstreamRequest, timeout_seconds: float
    ) -> None:
        self._transport = transport
        self._request = request
        self._timeout_seconds = timeout_seconds
        self._exchange: StreamedReply | None = None
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> UpstreamStream | Failed:
        request = self._request
        prepared = prepare(request)
        if isinstance(prepared, Failed):
            return prepared
        origin, data = prepared
        transport = self._transport
        ends_at = transport.loop.time() + self._timeout_seconds
        connection = transport.take_idle(origin, request)
        while True:
            if connection is None:
                opened = await transport.open(origin, request, ends_at)
                if isinstance(opened, Failed):
                    return opened
                connection = opened
            try:
                exchange = self._begin(connection, data, ends_at)
                failure = await exchange.head
            except BaseException:
                await self.__aexit__(None, None, None)
                raise
            if failure is None:
                return UpstreamStream(exchange.status, exchange.headers, exchange)
            if not may_repeat(connection, request):
                return failure
            connection = None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._exchange is not None:
            self._exchange.leave()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])

    def _begin(self, connection: Connection, data: bytes, ends_at: float) -> StreamedReply:
        loop = self._transport.loop
        upload = upload_of(self._request, self._timeout_seconds)
        exchange = StreamedReply(loop, connection, self._timeout_seconds, ends_at, upload)
        self._exchange = exchange
        connection.begin(exchange, self._request.method, data, is_whole=upload is None)
        if upload is not None:
            upload.clock = exchange
            self._sending = loop.create_task(_send(exchange, upload, self._request.headers))
        return exchange


def prepare(request: UpstreamRequest) -> tuple[str, bytes] | Failed:
    """The origin that the request goes to, and its bytes but for a body that is still arriving."""
    url = request.url
    start = url.find("/", 8)  # after `https://`
    origin, target = (url, "/") if start < 0 else (url[:start], url[start:])
    scheme, _, host = origin.partition("://")
    proxy = None if request.link is None or scheme == "https" else request.link.proxy
    if proxy is None:
        head = render_head(request, target, host)
    else:
        head = render_head(request, origin + target, host, credentials_line(proxy))
    if isinstance(head, Failed):
        return head
    return origin, head + request.body if isinstance(request.body, bytes) else head


def may_repeat(connection: Connection, request: UpstreamRequest) -> bool:
    """Whether the request, which went out on this connection, goes out on a fresh one."""
    if not connection.is_stale or request.method not in _SAFE_METHODS:
        return False
    return request.body is None or isinstance(request.body, bytes)


async def _send(exchange: StreamedReply, upload: Upload, headers: Headers) -> None:
    """Send a body that is still arriving, as long as the exchange goes on: in chunks, unless its
    length is declared."""
    connection = exchange.connection
    in_chunks = all(name != b"content-length" for name, _ in headers)
    try:
        async for piece in upload:
            await connection.write(exchange, as_chunk(piece) if in_chunks else piece)
            if exchange.expired():
                return
        connection.end_write(exchange, as_chunk(b"") if in_chunks else b"")
    except WrongLength:
        exchange.on_failure(WRONG_LENGTH)
    except Exception as error:  # the source's: the caller raises it
        exchange.break_off(error)
