"""A tunnel through a proxy to an origin that wants TLS (CONNECT, RFC 9110 §9.3.6).

Rules:
1. A 2xx opens the tunnel, whatever its headers say: it has no body. Anything else is a refusal.
2. The reply's head is read as strictly as a service's, and has its bounds. A byte behind it is a
   fault: nobody speaks in a tunnel before the gateway does.
3. Without a tunnel the socket is closed, and nothing of a request was sent.
"""

import asyncio
import socket
from typing import Final

from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Proxy
from bff.upstream.http1.addresses import Origin
from bff.upstream.http1.replies import BadReply, ReplyReader
from bff.version import __version__

_HEAD_END: Final = b"\r\n\r\n"


class NoTunnel(Exception):
    """The proxy opened no tunnel; `failure` says why."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.failure = Failed(reason, detail=f"the proxy: {detail}", was_sent=False)
        super().__init__(detail)


async def open_tunnel(
    loop: asyncio.AbstractEventLoop, made: socket.socket, proxy: Proxy, origin: Origin
) -> None:
    """Make the connected socket a tunnel to the origin. Raises `NoTunnel`."""
    try:
        await loop.sock_sendall(made, connect_request(proxy, origin))
        status, surplus = await _read_reply(loop, made)
        if not 200 <= status < 300:
            raise NoTunnel(Reason.REFUSED, f"{status} to CONNECT")
        if surplus:
            raise NoTunnel(Reason.PROTOCOL, "bytes behind its reply to CONNECT")
    except BaseException as error:
        made.close()
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            raise NoTunnel(Reason.DISCONNECTED, repr(error)) from error
        raise


def connect_request(proxy: Proxy, origin: Origin) -> bytes:
    """The request for a tunnel."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    target = f"{host}:{origin.port}"
    lines = f"user-agent: bff/{__version__}\r\n{credentials_line(proxy)}"
    return f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{lines}\r\n".encode("ascii")


def credentials_line(proxy: Proxy) -> str:
    """The line of a head that identifies the gateway to the proxy, or nothing."""
    secret = proxy.authorization
    return "" if secret is None else f"proxy-authorization: {secret}\r\n"


async def _read_reply(loop: asyncio.AbstractEventLoop, made: socket.socket) -> tuple[int, bytes]:
    """The status, and what came behind the head. The reader gets one head at a time, since it
    doesn't say where one ended."""
    reader = ReplyReader()
    reader.begin("HEAD")  # whose replies have no body either
    data = tail = b""
    try:
        while not reader.ended:
            if not data and not (data := await loop.sock_recv(made, 65_536)):
                raise NoTunnel(Reason.DISCONNECTED, "the connection ended before its reply")
            joined = tail + data
            end = joined.find(_HEAD_END)
            cut = len(data) if end < 0 else end + len(_HEAD_END) - len(tail)
            reader.feed(data[:cut])
            tail = joined[-3:] if end < 0 else b""
            data = data[cut:]
    except BadReply as error:
        reason = Reason.REFUSED if error.failure.status == 407 else Reason.PROTOCOL
        raise NoTunnel(reason, str(error)) from error
    finally:
        reader.close()
    return reader.status, data
