"""Our HTTP/1.1 server: it listens, and closes in good order.

server = Http1Server(gateway, behind)
await server.start(sock=sock)    # on the loop that serves
await server.close(grace_seconds)
"""

import asyncio
import socket
import ssl
from typing import Final

from bff.web.gateway import Gateway
from bff.web.hosts.behind import AppBehind
from bff.web.hosts.http1.acceptor import Acceptor, Share, WholeShare
from bff.web.hosts.http1.protocol import MOST_TURNED_AWAY, Connection
from bff.web.hosts.http1.service import Service

_HANDSHAKE_END_SECONDS: Final = 2.0  # for those that are under way at the end


class Http1Server:
    """Serves a gateway and the app behind it on one loop, by HTTP/1.1 and HTTP/1.0."""

    def __init__(self, gateway: Gateway, behind: AppBehind) -> None:
        self.gateway = gateway
        self._behind = behind
        self._settings = gateway.settings
        self._service: Service | None = None
        self._acceptor: Acceptor | None = None

    async def start(
        self,
        *,
        sock: socket.socket,
        share: Share | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Open the gateway, then accept connections from a socket that listens: all, or a `share`
        of them. Raises `SettingsError` and `OSError`."""
        loop = asyncio.get_running_loop()
        self._behind.start()
        await self.gateway.open()
        service = self._service = Service(self.gateway, self._behind, self._settings, loop)
        self._acceptor = Acceptor(
            sock,
            lambda: Connection(service),
            lambda: len(service.connections),
            share or WholeShare(),
            most=self._settings.connections + MOST_TURNED_AWAY,
            accepted=service.accepted,
            refused=service.refused("connections"),
            tls=tls,
            handshake_seconds=self._settings.head_seconds,
        )
        self._acceptor.start()

    async def close(self, grace_seconds: float) -> None:
        """Accept no more, let requests at work end, and close the gateway.

        What is not over after `grace_seconds` is cancelled, and its connection broken.
        """
        if self._acceptor is None or self._service is None:
            return
        service = self._service
        end = asyncio.get_running_loop().time() + grace_seconds
        await self._acceptor.stop(min(grace_seconds, _HANDSHAKE_END_SECONDS))
        await service.close_connections(grace_seconds)
        await service.tunnels.end(0)
        await service.works.end(max(0.0, end - asyncio.get_running_loop().time()))
        await self._behind.close()
        await service.app_works.end(0)
        service.wheel.stop()
        await self.gateway.close()
        self._acceptor = self._service = None
