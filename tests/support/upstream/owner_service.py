"""A service that answers with whom it was asked for, on the loop of the test.

async with OwnerService() as service:
    ...a gateway over service.url...
    assert service.told("7") == ["ann"]        # whom it was asked for, at paths that end in 7

`/owner/N?sub=S` answers `{"sub": S, "n": N}`; any other path whom `X-User` names. A
handshake of a WebSocket is taken, and the caller's name comes first in it.
"""

import asyncio
import json
from collections import defaultdict
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from bff.upstream.passthrough.handshake import accept_of


class Call(NamedTuple):
    """What arrived. `owner` is whom it was for; None where nobody was named."""

    method: str
    target: str
    owner: str | None
    headers: dict[str, str]


class OwnerService:
    """Records calls by the last segment of their paths. `hold` keeps replies to steps back
    until `release`."""

    def __init__(self) -> None:
        self.calls: defaultdict[str, list[Call]] = defaultdict(list)
        self._open = asyncio.Event()
        self._open.set()
        self._arrived = asyncio.Condition()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._open.set()
        self._server.close()
        for writer in self._connections.values():
            writer.close()
        await asyncio.gather(*self._connections)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def told(self, last_segment: str) -> list[str | None]:
        """Whom it was asked for at paths that end so."""
        return [call.owner for call in self.calls[last_segment]]

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    async def wait_for_calls(self, last_segment: str, number: int) -> None:
        """Wait until so many have arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.calls[last_segment]) >= number)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            del self._connections[task]
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")[:-2]
        pairs = (each.partition(":") for each in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if "transfer-encoding" in headers:
            await reader.readuntil(b"0\r\n\r\n")
        else:
            await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = line.split(" ")
        parts = urlsplit(target)
        last = parts.path.rpartition("/")[2]
        is_call = parts.path.startswith(("/owner/", "/told/"))
        owner = parse_qs(parts.query).get("sub", [headers.get("x-user")])[0]
        async with self._arrived:
            self.calls[last].append(Call(method, target, owner, headers))
            self._arrived.notify_all()
        if headers.get("upgrade") == "websocket":
            accept = accept_of(headers["sec-websocket-key"].encode()).decode()
            writer.write(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\n\r\n{owner}".encode()
            )
            return False
        if is_call:
            await self._open.wait()
        body = b"" if method == "HEAD" else json.dumps({"sub": owner, "n": last}).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        return True
