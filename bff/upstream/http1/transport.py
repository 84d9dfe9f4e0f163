"""The gateway's own `Transport`: HTTP/1.1 over `asyncio` protocols and httptools, on the loop.

    instance      one instance, and the exchanges with it
    requests      a request as bytes
    addresses     names, addresses, sockets
    tunnels       through a proxy to an origin that wants TLS
    connection    one connection, one exchange at a time
    replies       a reply from bytes
    exchanges     a request on its way, and its reply as a whole
    streams       a reply whose body is streamed
    switching     a connection that is given away, after a 101
    pool          the connections to one origin
    opening       opens one of them

Everything is done in callbacks: docs/adr/0015 and 0022.
"""

import asyncio
from functools import partial
from typing import Final

from bff.plan.model.service import Link
from bff.telemetry.metrics.families import Metrics
from bff.timers import TimerWheel
from bff.upstream.http1.addresses import Origin, Resolver
from bff.upstream.http1.instance import Http1Instance, PoolKey
from bff.upstream.http1.opening import Opener
from bff.upstream.http1.pool import Limits, Pool
from bff.upstream.pool_counts import OpenConnections, PoolCounts, watch_connections
from bff.upstream.ports import Server, server_at
from bff.upstream.tls import TlsContexts

_TICK_SECONDS: Final = 0.05
_PLAIN_LINK: Final = Link()


class Http1Transport:
    """See `Transport`. Create it after fork, on the loop that uses it."""

    def __init__(self, limits: Limits, metrics: Metrics | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.wheel = TimerWheel(self.loop, _TICK_SECONDS)
        self.pools: dict[PoolKey, Pool] = {}
        # By host and port: each place is counted once a second, and may be one of many hundreds.
        self._pools_at: dict[tuple[str, str], list[Pool]] = {}
        self._limits = limits
        self._metrics = metrics or Metrics()
        self._resolver = Resolver(self.loop)
        self._tls_contexts = TlsContexts(self.loop.time)

    def at(self, base: str, link: Link | None) -> Http1Instance:
        """See `Transport.at`."""
        instance = Http1Instance(self, base, link)
        server = server_at(base)
        if instance.key in self.pools:  # its series may have ended, with a version of the project
            self.pools[instance.key].counts = PoolCounts(self._metrics, server)
        watch_connections(self._metrics, server, self._count)
        return instance

    async def close(self) -> None:
        """See `Transport.close`."""
        for pool in list(self.pools.values()):
            await pool.close()
        self._resolver.close()
        self.wheel.stop()
        await asyncio.sleep(0)  # the loop closes the sockets in its next turn

    def new_pool(self, key: PoolKey) -> Pool | None:
        """A pool for this origin and link; None where the origin is none of HTTP."""
        text, link = key
        origin = Origin.of(text)
        if origin is None:
            return None
        link = link or _PLAIN_LINK
        server = server_at(text)
        opener = Opener(
            origin,
            self.loop,
            self.wheel,
            self._resolver,
            partial(self._tls_contexts.get, link.tls),
            link.proxy,
            self._limits.connect_seconds,
            self._limits.handshake_seconds,
        )
        pool = Pool(
            self.loop,
            opener,
            self._limits,
            on_empty=lambda: self._drop_pool(key, server),
            counts=PoolCounts(self._metrics, server),
        )
        self.pools[key] = pool
        self._pools_at.setdefault(server[1:], []).append(pool)
        return pool

    def _count(self, server: Server) -> OpenConnections:
        found = self._pools_at.get(server[1:], ())
        return OpenConnections(
            sum(pool.active for pool in found),
            sum(pool.idle for pool in found),
            sum(pool.waiting for pool in found),
        )

    def _drop_pool(self, key: PoolKey, server: Server) -> None:
        pool = self.pools.pop(key, None)
        found = self._pools_at.get(server[1:], [])
        if pool in found:
            found.remove(pool)
        if not found:
            self._pools_at.pop(server[1:], None)
