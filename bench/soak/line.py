"""A caller's connection to the gateway, and the replies on it."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")

WAIT_SECONDS = 8.0  # for any part of a reply; more is late

Header = tuple[str, str]


class Broken(Exception):
    """The connection ended within a reply, or before it."""


class Late(Exception):
    """Nothing came in time."""


class Reply(NamedTuple):
    """A whole reply; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Line:
    """A connection that is opened when it is needed, and kept while both sides keep it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, method: str, target: str, headers: Sequence[Header] = (), body: bytes | None = None
    ) -> Reply:
        """Send a request, and read its reply. A reading request that finds a kept connection
        closed goes out once more, as browsers have it. Raises `Broken` and `Late`."""
        lines = [f"{method} {target} HTTP/1.1", "Host: soak"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        data = "\r\n".join([*lines, "", ""]).encode() + (body or b"")
        is_reused = self._writer is not None
        try:
            await self.send(data)
            return await self.read(method)
        except Broken:
            if not is_reused or method not in ("GET", "HEAD"):
                raise
        await self.send(data)
        return await self.read(method)

    async def send(self, data: bytes) -> None:
        """Send these bytes as they are, on a new connection where the gateway has ended the one
        that was kept. Raises `Broken` and `Late`."""
        if self._reader is not None and self._reader.at_eof():
            self.close()
        if self._writer is None:
            opening = asyncio.open_connection("127.0.0.1", self._port, limit=1 << 17)
            self._reader, self._writer = await self._within(opening)
        writer = self._writer
        assert writer is not None
        writer.write(data)
        await self._within(writer.drain())

    async def read_head(self) -> bytes:
        """The next head, whatever it is of. Raises `Broken` and `Late`."""
        return await self._within(self._reading.readuntil(b"\r\n\r\n"))

    async def read(self, method: str = "GET") -> Reply:
        """The next reply. Raises `Broken` and `Late`."""
        while True:
            head = await self.read_head()
            first, *lines = head[:-4].decode("latin-1").split("\r\n")
            status = int(first.split(" ")[1])
            if status != 100:
                break
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        body = await self._read_body(method, status, headers)
        if headers.get("connection") == "close":
            self.close()
        return Reply(status, headers, body)

    async def read_to_end(self) -> bytes:
        """All that comes until the gateway closes. Raises `Broken` and `Late`."""
        data = await self._within(self._reading.read(-1))
        self.close()
        return data

    async def read_exactly(self, count: int) -> bytes:
        """So many bytes. Raises `Broken` and `Late`."""
        return await self._within(self._reading.readexactly(count))

    async def read_some(self, count: int) -> bytes:
        """Some bytes, `count` at most. Raises `Broken` and `Late`."""
        return await self._within(self._reading.read(count))

    @property
    def is_open(self) -> bool:
        """Whether more may be asked on this connection."""
        return self._writer is not None

    def close(self) -> None:
        """Close in good order."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    def reset(self) -> None:
        """Leave at once, whatever is on its way."""
        if self._writer is not None:
            with suppress(OSError):
                raw = self._writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        self._reader = self._writer = None

    @property
    def _reading(self) -> asyncio.StreamReader:
        assert self._reader is not None, "nothing was sent"
        return self._reader

    async def _read_body(self, method: str, status: int, headers: dict[str, str]) -> bytes:
        if method == "HEAD" or status in (204, 304):
            return b""
        if headers.get("transfer-encoding") != "chunked":
            return await self._within(self._reading.readexactly(int(headers["content-length"])))
        pieces = []
        while True:
            size = int(await self._within(self._reading.readuntil(b"\r\n")), 16)
            pieces.append((await self._within(self._reading.readexactly(size + 2)))[:-2])
            if size == 0:
                return b"".join(pieces)

    async def _within(self, waiting: Awaitable[_T]) -> _T:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await waiting
        except TimeoutError:
            self.reset()
            raise Late from None
        except (OSError, asyncio.IncompleteReadError) as error:
            self.reset()
            raise Broken(repr(error)) from None
