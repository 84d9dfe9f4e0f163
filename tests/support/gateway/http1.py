"""A connection to our own server without sockets: a test decides in which pieces its bytes come."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from bff.web.gateway import Gateway
from bff.web.hosts.behind import Scope, Send
from bff.web.hosts.http1.protocol import Connection
from bff.web.hosts.http1.service import Service
from bff.web.http.requests import REQUEST_BODY, GatewayRequest

Seen = tuple[str, str, bytes]
Arrival = tuple[int, bytes]  # a piece, and the client's port that it comes from


class EchoApp:
    """An app behind that takes what is below /raw, and what nobody else answers. It notes a request
    when all of it has come."""

    def __init__(self) -> None:
        self.seen: defaultdict[int, list[Seen]] = defaultdict(list)  # by the client's port

    def takes(self, request: GatewayRequest) -> bool:
        return request.raw_path.startswith("/raw")

    def start(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    async def __call__(self, scope: Scope, send: Send) -> None:
        incoming = scope[REQUEST_BODY]
        chunks = [] if incoming is None else [chunk async for chunk in incoming.chunks()]
        query = scope["query_string"].decode()
        target = scope["raw_path"].decode() + (f"?{query}" if query else "")
        self.seen[scope["client"][1]].append((scope["method"], target, b"".join(chunks)))
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


class PiecewiseTransport(asyncio.Transport):
    """What a connection writes to; it reads at once. While it `holds`, `close` doesn't come to its
    end, as if something written waited to go out."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port: int = 1) -> None:
        super().__init__()
        self.written = b""
        self.readable = asyncio.Event()
        self.readable.set()
        self.ended = False
        self.holds = False
        self._loop = loop
        self._port = port
        self.protocol: asyncio.Protocol | None = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", self._port) if name in ("peername", "sockname") else default

    def bring(self, data: bytes) -> None:
        """Bytes arrive, unless the connection has ended."""
        if self.protocol is not None and not self.ended:
            self.protocol.data_received(data)

    def write(self, data: Any) -> None:
        assert not self.ended, "written after the end"
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.ended

    def close(self) -> None:
        self.ended = True
        if self.protocol is not None and not self.holds:
            self._loop.call_soon(self.protocol.connection_lost, None)
            self.protocol = None

    abort = close

    def pause_reading(self) -> None:
        self.readable.clear()

    def resume_reading(self) -> None:
        self.readable.set()


async def exchange(
    gateway: Gateway, arrivals: Sequence[Arrival], *, breathes: bool
) -> list[tuple[bytes, list[Seen]]]:
    """Bring pieces to new connections, in this order; for each connection what it wrote until its
    end, and what the app saw. `breathes`: the loop runs between two pieces."""
    loop = asyncio.get_running_loop()
    app = EchoApp()
    service = Service(gateway, app, gateway.settings, loop)
    ports = sorted({port for port, _ in arrivals})
    transports = {port: PiecewiseTransport(loop, port) for port in ports}
    for transport in transports.values():
        connection = Connection(service)
        transport.set_protocol(connection)
        connection.connection_made(transport)
    try:
        for port, piece in arrivals:
            transport = transports[port]
            if breathes:
                await asyncio.sleep(0)
            await transport.readable.wait()
            transport.bring(piece)
        for _ in range(1000):
            if all(each.ended for each in transports.values()):
                break
            await asyncio.sleep(0)
    finally:
        service.wheel.stop()
    return [(each.written, app.seen[port]) for port, each in transports.items()]
