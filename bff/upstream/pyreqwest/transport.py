"""The fast `Transport`, over pyreqwest (Rust's reqwest on a thread of its own).

A call costs 30 µs of CPU, both threads and the socket's work included. The figures at the functions
are CPU per call on one core, 9.4 KB from nginx, 32 at a time.

Facts about the library:
1. A task that is cancelled before the head came stops waiting. The exchange goes on in Rust until
   its own timeout, and its reply is dropped, so every exchange has a timeout in Rust. After the
   head, leaving an exchange closes its connection at once.
2. An await whose result is there when the task is cancelled returns the result and loses the
   cancellation. A `CancellationWatch` finds it.
3. It adds `Accept: */*` and `User-Agent: bff` where the request has none, puts headers of one name
   side by side, writes names in lower case, and drops reply headers that are not ASCII.
4. Its URL parser encodes some characters again, and its header values are UTF-8. The rare request
   that it would not send byte for byte goes through `HttpxTransport`.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from types import TracebackType
from typing import Final

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.httpx.transport import HttpxTransport
from bff.upstream.ports import UpstreamRequest, UpstreamStream
from bff.upstream.pyreqwest.failures import failure_of
from bff.upstream.pyreqwest.replies import (
    CancellationWatch,
    Chunks,
    LazyHeaders,
    LazyReply,
    RelayedStream,
    read_on,
)
from bff.upstream.pyreqwest.requests import built, goes_unchanged
from bff.upstream.uploads import WRONG_LENGTH, Upload, WrongLength, upload_of

# A reply up to this size takes one read: the library collects as much before it returns the head,
# which is right for `fetch`.
_ONE_READ_BYTES: Final = 65_536

# The longest time of an upload and its reply together; see fact 1 above.
_UPLOAD_BOUND: Final = timedelta(hours=1)

# Connect timeouts of clients are halves of the longest one, down to this.
_LEAST_CONNECT_SECONDS: Final = 0.01

_SWITCHED: Final = Failed(Reason.PROTOCOL, status=101, detail="switched protocols unasked")


class PyreqwestTransport:
    """See `Transport`. Create it on its loop and after any fork: a child lacks the library's
    thread."""

    def __init__(self, *, connect_timeout_seconds: float, idle_seconds: float) -> None:
        self.loop = asyncio.get_running_loop()
        self._connect_timeout_seconds = connect_timeout_seconds
        self._idle_seconds = idle_seconds
        self._client = self._build_client(connect_timeout_seconds)
        self._hurried_clients: dict[float, Client] = {}  # by their connect timeouts
        self._streaming_clients: dict[float, Client] = {}
        self._exact: HttpxTransport | None = None

    async def fetch(
        self, request: UpstreamRequest, *, timeout_seconds: float, byte_cap: int
    ) -> UpstreamReply | Failed:
        """See `Transport.fetch`.

        The timeout is Rust's: `asyncio.timeout` around it costs 3 µs more and would leave the
        exchange running. A streamed read with a cap costs no more than `send()` and its `bytes()`.
        """
        if not goes_unchanged(request):
            return await self._exact_transport().fetch(
                request, timeout_seconds=timeout_seconds, byte_cap=byte_cap
            )
        watch = CancellationWatch(self.loop)
        outcome = await self._fetch_unchanged(request, timeout_seconds, byte_cap)
        watch.check()
        return outcome

    def stream(
        self, request: UpstreamRequest, *, timeout_seconds: float
    ) -> AbstractAsyncContextManager[UpstreamStream | Failed]:
        """See `Transport.stream`."""
        if not goes_unchanged(request):
            return self._exact_transport().stream(request, timeout_seconds=timeout_seconds)
        return _Exchange(self, request, timeout_seconds)

    async def close(self) -> None:
        """See `Transport.close`."""
        more = (*self._hurried_clients.values(), *self._streaming_clients.values())
        for client in (self._client, *more):
            await client.close()
        if self._exact is not None:
            await self._exact.close()

    def client_within(self, timeout_seconds: float) -> Client:
        """The client for exchanges with a timeout of their own, that connects in half of it.

        In the library the connect timeout belongs to a client, and a client costs 20 ms. So there
        is one for each halving of the longest connect timeout: seven at most.
        """
        seconds = self._connect_timeout_seconds
        if timeout_seconds >= 2 * seconds:
            return self._client
        while seconds > timeout_seconds / 2 and seconds > _LEAST_CONNECT_SECONDS:
            seconds /= 2
        client = self._hurried_clients.get(seconds)
        if client is None:
            client = self._hurried_clients[seconds] = self._build_client(seconds)
        return client

    def client_for_silence(self, timeout_seconds: float) -> Client:
        """The client with this bound on the wait for a head and on each later silence: one for each
        timeout that a service declares."""
        client = self._streaming_clients.get(timeout_seconds)
        if client is None:
            connect = min(self._connect_timeout_seconds, timeout_seconds / 2)
            client = self._build_client(connect, timedelta(seconds=timeout_seconds))
            self._streaming_clients[timeout_seconds] = client
        return client

    async def _fetch_unchanged(
        self, request: UpstreamRequest, timeout_seconds: float, byte_cap: int
    ) -> UpstreamReply | Failed:
        upload = upload_of(request, timeout_seconds)
        try:
            exchange = (
                built(self.client_within(timeout_seconds), request, upload)
                .timeout(timedelta(seconds=timeout_seconds))
                .build_streamed()
            )
        except ValueError as error:
            return Failed(Reason.BAD_INPUT, detail=str(error), was_sent=False)
        reply: Response | None = None
        whole = False
        try:
            reply = await exchange.__aenter__()
            if reply.status == 101:
                return _SWITCHED
            reader = reply.body_reader
            first_bytes = min(_ONE_READ_BYTES, byte_cap + 1)
            piece = await reader.read(first_bytes)
            if piece is None or len(piece) < first_bytes:
                body = b"" if piece is None else piece.to_bytes()
            elif (rest := await read_on(reply, piece, byte_cap, request.arriving)) is None:
                return Failed(Reason.TOO_LARGE, status=reply.status)
            else:
                body = rest
            whole = True
            return LazyReply(reply.status, LazyHeaders(reply.headers), body)
        except PyreqwestError as error:
            return failure_of(error)
        except WrongLength:
            return WRONG_LENGTH
        finally:
            if upload is not None:
                upload.abandon()
            if reply is not None and not whole:  # leaving a whole one costs 2 µs for nothing
                await exchange.__aexit__(None, None, None)

    def _exact_transport(self) -> HttpxTransport:
        if self._exact is None:  # it reads the system's certificates: some 20 ms
            self._exact = HttpxTransport(
                connect_timeout_seconds=self._connect_timeout_seconds,
                idle_seconds=self._idle_seconds,
            )
        return self._exact

    def _build_client(
        self, connect_seconds: float, read_timeout: timedelta | None = None
    ) -> Client:
        builder = (
            ClientBuilder()
            .follow_redirects(False)
            .no_proxy()
            .default_cookie_store(False)
            .referer(False)
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
            .http1_only()
            .http1_lower_case_headers()
            .user_agent("bff")
            .tcp_nodelay(True)
            .connect_timeout(timedelta(seconds=connect_seconds))
            .pool_idle_timeout(timedelta(seconds=self._idle_seconds))
        )
        if read_timeout is not None:
            builder = builder.read_timeout(read_timeout)
        return builder.build()


class _Exchange(AbstractAsyncContextManager[UpstreamStream | Failed]):
    """One streamed exchange.

    The head comes as soon as it is there. That takes a read buffer of 0 bytes, and 7 µs more than
    to collect 64 KiB first.
    """

    def __init__(
        self, transport: PyreqwestTransport, request: UpstreamRequest, timeout_seconds: float
    ) -> None:
        self._transport = transport
        self._request = request
        self._timeout_seconds = timeout_seconds
        self._upload = upload_of(request, timeout_seconds)
        self._exchange: StreamRequest | None = None
        self._chunks: Chunks | None = None

    async def __aenter__(self) -> UpstreamStream | Failed:
        watch = CancellationWatch(self._transport.loop)
        opened = await self._open()
        try:
            watch.check()
        except asyncio.CancelledError:
            await self.__aexit__(None, None, None)
            raise
        return opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._upload is not None:
            self._upload.abandon()
        whole = self._chunks is not None and self._chunks.were_read
        if self._exchange is not None and not whole:  # leaving a whole one costs 2 µs for nothing
            await self._exchange.__aexit__(None, None, None)

    async def _open(self) -> UpstreamStream | Failed:
        upload = self._upload
        transport, seconds = self._transport, self._timeout_seconds
        if upload is None:
            client = transport.client_for_silence(seconds)
        else:
            client = transport.client_within(seconds)
        try:
            builder = built(client, self._request, upload).streamed_read_buffer_limit(0)
            if upload is not None:
                builder = builder.timeout(_UPLOAD_BOUND)
            exchange = builder.build_streamed()
        except ValueError as error:
            return Failed(Reason.BAD_INPUT, detail=str(error), was_sent=False)
        try:
            if upload is None:
                reply = await exchange.__aenter__()
            else:
                reply = await self._send_upload(exchange, upload)
        except PyreqwestError as error:
            return failure_of(error)
        except TimeoutError:
            return Failed(Reason.TIMEOUT, detail="no head came in time")
        except WrongLength:
            return WRONG_LENGTH
        self._exchange = exchange
        if reply.status == 101:
            return _SWITCHED
        loop = self._transport.loop
        self._chunks = Chunks(loop, reply.body_reader, upload, self._timeout_seconds)
        return RelayedStream(reply.status, LazyHeaders(reply.headers), self._chunks)

    async def _send_upload(self, exchange: StreamRequest, upload: Upload) -> Response:
        try:
            async with asyncio.timeout(self._timeout_seconds) as clock:
                upload.clock = clock
                return await exchange.__aenter__()
        except BaseException:
            upload.abandon()
            raise
        finally:
            upload.clock = None
