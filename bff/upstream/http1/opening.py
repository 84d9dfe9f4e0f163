"""Opens one connection to an origin: its address, a proxy's tunnel, TLS."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

from bff.engine.values.outcomes import Failed, Reason
from bff.errors import TlsFileError
from bff.plan.model.service import Proxy
from bff.timers import TimerWheel
from bff.upstream.http1.addresses import Bound, Origin, Resolver, connect_first
from bff.upstream.http1.connection import Connection, Home
from bff.upstream.http1.tunnels import NoTunnel, open_tunnel

_CLOSED_AT_ONCE: Final = Failed(Reason.DISCONNECTED, detail="closed at once", was_sent=False)


class Unopened(NamedTuple):
    """Why a connection was not opened. `seconds` is how long its request let it try, where a longer
    time could have helped."""

    failure: Failed | Exception
    seconds: float = inf


class Opener:
    """Opens connections to one origin, on one event loop. `tls` gives the context of a connection,
    where the origin uses TLS, or raises `TlsFileError`."""

    def __init__(
        self,
        origin: Origin,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        resolver: Resolver,
        tls: Callable[[], ssl.SSLContext],
        proxy: Proxy | None,
        connect_seconds: float,
        handshake_seconds: float,
    ) -> None:
        self._origin = origin
        self._loop = loop
        self._wheel = wheel
        self._resolver = resolver
        self._tls = tls
        self._proxy = proxy
        self._connect_seconds = connect_seconds
        self._handshake_seconds = handshake_seconds

    async def open(self, home: Home, ends_at: float) -> Connection | Unopened:
        """A connection for a request whose time ends at `ends_at`, by the loop."""
        origin, loop = self._origin, self._loop
        is_connected = False
        own_seconds = (ends_at - loop.time()) / 2  # see rule 4 of `bff.upstream.ports`
        by = ends_at - own_seconds
        limit = self._connect_seconds
        seconds = min(limit, own_seconds)
        try:
            context = self._tls() if origin.is_tls else None
            next_hop = self._proxy or origin
            async with Bound(loop, seconds):
                addresses = await self._resolver.addresses(
                    next_hop.host, next_hop.port, seconds / 2
                )
                made = await connect_first(loop, addresses)
            is_connected = True
            limit = self._handshake_seconds
            seconds = min(limit, by - loop.time())
            async with Bound(loop, seconds):
                if self._proxy is not None and origin.is_tls:
                    await open_tunnel(loop, made, self._proxy, origin)
                _, connection = await loop.create_connection(
                    lambda: Connection(home, loop, self._wheel),
                    sock=made,
                    ssl=context,
                    server_hostname=origin.host if origin.is_tls else None,
                )
        except TlsFileError as error:
            return Unopened(Failed(Reason.PROTOCOL, detail=f"tls.{error}", was_sent=False))
        except NoTunnel as error:
            return Unopened(error.failure)
        except OSError as error:
            failure = _why_unconnected(error, is_connected=is_connected)
            is_own = isinstance(error, TimeoutError) and seconds < limit
            return Unopened(failure, own_seconds if is_own else inf)
        if connection.is_closed:
            return Unopened(_CLOSED_AT_ONCE)
        return connection


def _why_unconnected(error: OSError, *, is_connected: bool) -> Failed:
    """The failure of a connection that was not opened. The TLS handshake comes after
    `is_connected`."""
    match error:
        case TimeoutError():
            reason = Reason.CONNECT_TIMEOUT
        case socket.gaierror():
            reason = Reason.UNRESOLVED
        case _:
            reason = Reason.PROTOCOL if is_connected else Reason.REFUSED
    return Failed(reason, detail=repr(error), was_sent=False)
