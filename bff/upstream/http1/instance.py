"""One instance as this transport reaches it, and the exchanges with it.

Where an idle connection is there, a call is on the wire before `fetch` returns. Else its exchange
waits in the line of the instance's pool.
"""

import asyncio
from contextlib import aclosing
from functools import partial
from typing import Final, Protocol

from bff.engine.answers import Handle, OnAnswer, TaskCall, answer_to
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Link
from bff.timers import TimerWheel
from bff.upstream.http1.exchanges import TOO_SLOW, WholeReply
from bff.upstream.http1.pool import Pool, Waiter
from bff.upstream.http1.requests import Requests
from bff.upstream.http1.streams import StreamedReply
from bff.upstream.http1.switching import SwitchOffer, offering
from bff.upstream.ports import BrokenStream, SwitchedConnection, UpstreamStream
from bff.upstream.uploads import upload_of

PoolKey = tuple[str, Link | None]  # an origin, and how connections to it are made

_NO_ORIGIN: Final = Failed(
    Reason.BAD_INPUT, detail="the URL has no origin of http or https", was_sent=False
)


class Pools(Protocol):
    """The pools of a transport, and what their connections share."""

    loop: asyncio.AbstractEventLoop
    wheel: TimerWheel
    pools: dict[PoolKey, Pool]

    def new_pool(self, key: PoolKey) -> Pool | None:
        """A pool for this origin and link; None where the origin is none of HTTP."""


class Http1Instance:
    """See `Instance` and `Switching`. Instances of one origin and link share a pool."""

    def __init__(self, pools: Pools, base: str, link: Link | None) -> None:
        self._pools = pools
        self._loop = pools.loop
        self._wheel = pools.wheel
        self._requests = Requests(base, None if link is None else link.proxy)
        self.key: PoolKey = (self._requests.origin, link)

    def fetch(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        """See `Instance.fetch`."""
        data = self._requests.render(call)
        if isinstance(data, Failed):
            return self._loop.call_soon(on_answer, data)
        if not (call.body is None or isinstance(call.body, bytes)):
            return TaskCall(self._fetch_with_upload(call, timeout_seconds, byte_cap), on_answer)
        ends_at = self._loop.time() + timeout_seconds
        exchange = WholeReply(self._wheel, self, call, data, on_answer, ends_at, byte_cap)
        self._begin(exchange)
        return exchange

    def open(
        self, call: ServiceCall, on_answer: OnAnswer[UpstreamStream], *, timeout_seconds: float
    ) -> Handle:
        """See `Instance.open`."""
        data = self._requests.render(call)
        if isinstance(data, Failed):
            return self._loop.call_soon(on_answer, data)
        upload = upload_of(call, timeout_seconds)
        exchange = StreamedReply(
            self._loop, self._wheel, self, call, data, on_answer, timeout_seconds, upload
        )
        self._begin(exchange)
        return exchange

    def switch(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[SwitchedConnection | UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        """See `Switching.switch`."""
        data = self._requests.render(call)
        if isinstance(data, Failed):
            return self._loop.call_soon(on_answer, data)
        ends_at = self._loop.time() + timeout_seconds
        offer = SwitchOffer(self._wheel, self, call, offering(data), on_answer, ends_at, byte_cap)
        offer.wait()
        return offer

    def wait(self, waiter: Waiter) -> None:
        """See `Connections.wait`."""
        pool = self._pools.pools.get(self.key) or self._pools.new_pool(self.key)
        if pool is None:
            self._loop.call_soon(waiter.on_failure, _NO_ORIGIN)
        else:
            pool.wait(waiter)

    def leave(self, waiter: Waiter) -> None:
        """See `Connections.leave`."""
        pool = self._pools.pools.get(self.key)
        if pool is not None:
            pool.leave(waiter)

    def _begin(self, exchange: WholeReply | StreamedReply) -> None:
        pool = self._pools.pools.get(self.key)
        connection = None if pool is None else pool.take()
        if connection is not None:
            exchange.on_connection(connection)
        else:
            exchange.wait()

    async def _fetch_with_upload(
        self, call: ServiceCall, timeout_seconds: float, byte_cap: int
    ) -> UpstreamReply | Failed:
        try:
            async with asyncio.timeout(timeout_seconds):
                opening = partial(self.open, call, timeout_seconds=timeout_seconds)
                opened = await answer_to(opening)
                if isinstance(opened, Failed):
                    return opened
                body = bytearray()
                async with aclosing(opened.pieces()) as pieces:
                    async for piece in pieces:
                        body += piece
                        has_room = call.arriving is None or call.arriving.take(len(piece))
                        if len(body) > byte_cap or not has_room:
                            return Failed(Reason.TOO_LARGE, status=opened.status)
                return UpstreamReply(opened.status, opened.headers, bytes(body))
        except TimeoutError:
            return TOO_SLOW
        except BrokenStream as broke:
            return broke.failure
