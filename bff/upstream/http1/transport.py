"""The gateway's own `Transport`: HTTP/1.1 over `asyncio` protocols and httptools, on the loop.

    requests      a request as bytes
    addresses     names, addresses, sockets
    tunnels       through a proxy to an origin that wants TLS
    connection    one connection, one exchange at a time
    replies       a reply from bytes
    exchanges     a request on its way, and its reply as a whole
    streams       a reply whose body is streamed
    switching     a connection that is given away, after a 101
    pool          the connections to one origin

Everything is done in callbacks: docs/adr/0015 and 0022.
"""

import asyncio
from contextlib import aclosing
from functools import partial
from typing import Final

from bff.engine.answers import Handle, OnAnswer, TaskCall, answer_to
from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Link
from bff.timers import TimerWheel
from bff.upstream.http1.addresses import Origin, Resolver
from bff.upstream.http1.exchanges import TOO_SLOW, WholeReply
from bff.upstream.http1.pool import Limits, Pool, Waiter
from bff.upstream.http1.requests import Outgoing, prepare
from bff.upstream.http1.streams import StreamedReply
from bff.upstream.http1.switching import SwitchOffer, offering
from bff.upstream.ports import BrokenStream, SwitchedConnection, UpstreamRequest, UpstreamStream
from bff.upstream.tls import TlsContexts
from bff.upstream.uploads import upload_of

_TICK_SECONDS: Final = 0.05
_PLAIN_LINK: Final = Link()
_NO_ORIGIN: Final = Failed(
    Reason.BAD_INPUT, detail="the URL has no origin of http or https", was_sent=False
)


# An origin, and how connections to it are made.
_PoolKey = tuple[str, Link | None]


class Http1Transport:
    """See `Transport`. Create it after fork, on the loop that uses it."""

    def __init__(self, limits: Limits) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._resolver = Resolver(self._loop)
        self._wheel = TimerWheel(self._loop, _TICK_SECONDS)
        self._pools: dict[_PoolKey, Pool] = {}
        self._tls_contexts = TlsContexts(self._loop.time)

    def fetch(
        self,
        request: UpstreamRequest,
        on_answer: OnAnswer[UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        """See `Transport.fetch`."""
        outgoing = prepare(request)
        if isinstance(outgoing, Failed):
            return self._loop.call_soon(on_answer, outgoing)
        if not outgoing.is_whole:
            reading = self._fetch_with_upload(request, timeout_seconds, byte_cap)
            return TaskCall(reading, on_answer)
        loop, arriving = self._loop, request.arriving
        ends_at = loop.time() + timeout_seconds
        exchange = WholeReply(self._wheel, self, outgoing, on_answer, ends_at, byte_cap, arriving)
        self._begin(exchange, outgoing)
        return exchange

    def open(
        self,
        request: UpstreamRequest,
        on_answer: OnAnswer[UpstreamStream],
        *,
        timeout_seconds: float,
    ) -> Handle:
        """See `Transport.open`."""
        outgoing = prepare(request)
        if isinstance(outgoing, Failed):
            return self._loop.call_soon(on_answer, outgoing)
        upload = upload_of(request, timeout_seconds)
        exchange = StreamedReply(
            self._loop, self._wheel, self, outgoing, on_answer, timeout_seconds, upload
        )
        self._begin(exchange, outgoing)
        return exchange

    def switch(
        self,
        request: UpstreamRequest,
        on_answer: OnAnswer[SwitchedConnection | UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        """See `Switching.switch`."""
        outgoing = prepare(request)
        if isinstance(outgoing, Failed):
            return self._loop.call_soon(on_answer, outgoing)
        ends_at = self._loop.time() + timeout_seconds
        outgoing = offering(outgoing)
        exchange = SwitchOffer(self._wheel, self, outgoing, on_answer, ends_at, byte_cap)
        exchange.wait()
        return exchange

    async def close(self) -> None:
        """See `Transport.close`."""
        for pool in list(self._pools.values()):
            await pool.close()
        self._resolver.close()
        self._wheel.stop()
        await asyncio.sleep(0)  # the loop closes the sockets in its next turn

    def wait(self, outgoing: Outgoing, waiter: Waiter) -> None:
        """See `Connections.wait`."""
        key = (outgoing.origin, outgoing.link)
        pool = self._pools.get(key) or self._new_pool(key)
        if pool is None:
            self._loop.call_soon(waiter.on_failure, _NO_ORIGIN)
        else:
            pool.wait(waiter)

    def leave(self, outgoing: Outgoing, waiter: Waiter) -> None:
        """See `Connections.leave`."""
        pool = self._pools.get((outgoing.origin, outgoing.link))
        if pool is not None:
            pool.leave(waiter)

    def _begin(self, exchange: WholeReply | StreamedReply, outgoing: Outgoing) -> None:
        pool = self._pools.get((outgoing.origin, outgoing.link))
        connection = None if pool is None else pool.take()
        if connection is not None:
            exchange.on_connection(connection)
        else:
            exchange.wait()

    async def _fetch_with_upload(
        self, request: UpstreamRequest, timeout_seconds: float, byte_cap: int
    ) -> UpstreamReply | Failed:
        try:
            async with asyncio.timeout(timeout_seconds):
                opening = partial(self.open, request, timeout_seconds=timeout_seconds)
                opened = await answer_to(opening)
                if isinstance(opened, Failed):
                    return opened
                body = bytearray()
                async with aclosing(opened.pieces()) as pieces:
                    async for piece in pieces:
                        body += piece
                        has_room = request.arriving is None or request.arriving.take(len(piece))
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
            self._loop,
            self._wheel,
            self._resolver,
            partial(self._tls_contexts.get, link.tls),
            link.proxy,
            self._limits,
            on_empty=lambda: self._drop_pool(key),
        )
        self._pools[key] = pool
        return pool

    def _drop_pool(self, key: _PoolKey) -> None:
        self._pools.pop(key, None)
