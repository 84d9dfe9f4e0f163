"""`python -m bench.soak.upstream PORT`: a service with faults, which the path names.

    GET  /items/ID          {"id", "name", "version"}; a version for each id, from 0
    PUT  /items/ID          raises the version, and answers the same
    GET  /odd/FAULT/ID      the item, or what goes wrong with it (`FAULTS`)
    GET  /bytes/COUNT       so many bytes; ?chunked without a length, ?break to break off halfway
    POST /digest            the length and the SHA-256 of the body
    GET  /counts            what was malformed in requests; else there is nothing to tell
    anything else           ok; a WebSocket gets back what it sends

It reads requests strictly: what a gateway forwards must be framed in one way alone.
"""

import asyncio
import base64
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

_HEAD_BYTES = 48 * 1024
PIECE = bytes(range(256)) * 64
_SLOW_SECONDS = 0.2
_WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3

Writer = asyncio.StreamWriter


class Closed(Exception):
    """The connection is of no more use."""


class Upstream:
    """What the service holds, for all connections."""

    def __init__(self) -> None:
        self.versions: Counter[str] = Counter()
        self.malformed: Counter[str] = Counter()

    def item(self, key: str) -> bytes:
        """An item as JSON."""
        value = {"id": int(key), "name": f"item-{key}", "version": self.versions[key]}
        return json.dumps(value).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        """Answer what comes on a connection, until it ends."""
        try:
            while await self._answer_one(reader, writer):
                pass
        except (Closed, OSError, asyncio.IncompleteReadError):
            pass
        except (ValueError, KeyError, asyncio.LimitOverrunError) as error:
            self.malformed[repr(error)[:200]] += 1
        finally:
            writer.transport.abort()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: Writer) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, target, version = line.split(" ")
        if version != "HTTP/1.1" or not target.startswith("/") or "#" in target:
            raise ValueError(line)
        headers = [(name.lower(), value) for name, _, value in (x.partition(": ") for x in lines)]
        names = [name for name, _ in headers]
        if names.count("host") != 1 or any(" " in name or not name for name in names):
            raise ValueError(head)
        if "upgrade" in names:
            await _echo(reader, writer, dict(headers))
            return False
        length, digest = await _read_body(reader, dict(headers), names)
        path, _, query = target.partition("?")
        match path.split("/"):
            case ["", "items", key] if key.isdigit():
                self.versions[key] += method == "PUT"
                await _reply(writer, self.item(key))
            case ["", "odd", fault, key]:
                await FAULTS[fault](writer, self.item(key))
            case ["", "bytes", count]:
                await _send_bytes(writer, int(count), query)
            case ["", "digest"]:
                await _reply(writer, json.dumps({"length": length, "sha256": digest}).encode())
            case ["", "counts"]:
                await _reply(writer, json.dumps({"malformed": self.malformed}).encode())
            case _:
                await _reply(writer, b"" if method == "HEAD" else b"ok")
        return True


async def _read_body(
    reader: asyncio.StreamReader, headers: dict[str, str], names: list[str]
) -> tuple[int, str]:
    """The body's length and digest. Raises `ValueError` where its framing is read in two ways."""
    digest, length = hashlib.sha256(), 0
    coding, stated = headers.get("transfer-encoding"), headers.get("content-length")
    if names.count("content-length") + names.count("transfer-encoding") > 1:
        raise ValueError("framed twice")
    if coding is not None:
        if coding != "chunked":
            raise ValueError(f"coding {coding!r}")
        while True:
            size = int((await reader.readuntil(b"\r\n"))[:-2], 16)
            piece = await reader.readexactly(size + 2)
            if piece[-2:] != b"\r\n":
                raise ValueError("a chunk without its end")
            digest.update(piece[:-2])
            length += size
            if size == 0:
                return length, digest.hexdigest()
    left = int(stated or "0")
    while left:
        piece = await reader.read(min(left, 65536))
        if not piece:
            raise Closed
        digest.update(piece)
        length += len(piece)
        left -= len(piece)
    return length, digest.hexdigest()


async def _echo(reader: asyncio.StreamReader, writer: Writer, headers: dict[str, str]) -> None:
    """A tunnel that gives back what comes."""
    key = headers["sec-websocket-key"].encode()
    accept = base64.b64encode(hashlib.sha1(key + _WEBSOCKET).digest())
    fields = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\n" + fields + accept + b"\r\n\r\n")
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def _reply(writer: Writer, body: bytes, status: bytes = b"200 OK") -> None:
    writer.write(_head(body, status) + body)
    await writer.drain()


def _head(body: bytes, status: bytes = b"200 OK") -> bytes:
    return (
        b'HTTP/1.1 %b\r\nContent-Type: application/json\r\nETag: "soak"\r\n'
        b"Content-Length: %d\r\n\r\n" % (status, len(body))
    )


async def _send_bytes(writer: Writer, count: int, query: str) -> None:
    is_chunked = "chunked" in query
    framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % count
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%b\r\n\r\n" % framing)
    left = count // 2 if "break" in query else count
    while left:
        piece = PIECE[: min(left, len(PIECE))]
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
        await writer.drain()
        left -= len(piece)
    if "break" in query:
        raise Closed
    if is_chunked:
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _slow(writer: Writer, item: bytes) -> None:
    await asyncio.sleep(_SLOW_SECONDS)
    await _reply(writer, item)


async def _drip(writer: Writer, item: bytes) -> None:
    data = _head(item) + item
    for at in range(0, len(data), 10):
        writer.write(data[at : at + 10])
        await asyncio.sleep(_SLOW_SECONDS / 20)


async def _hang(writer: Writer, item: bytes) -> None:
    try:
        await asyncio.sleep(30)
    finally:
        raise Closed


async def _early(writer: Writer, item: bytes) -> None:
    raise Closed


async def _half(writer: Writer, item: bytes) -> None:
    writer.write(_head(item) + item[:10])
    await writer.drain()
    raise Closed


async def _error(writer: Writer, item: bytes) -> None:
    await _reply(writer, b"{}", b"500 Oh")


def _raw(data: bytes) -> Callable[[Writer, bytes], Coroutine[Any, Any, None]]:
    async def send(writer: Writer, item: bytes) -> None:
        writer.write(data)
        await writer.drain()
        raise Closed

    return send


async def _other(writer: Writer, item: bytes) -> None:
    await _reply(writer, b'{"id": "none", "nothing": [' + b"1," * 50 + b"1]}")


async def _no_json(writer: Writer, item: bytes) -> None:
    await _reply(writer, item[:-1])


async def _huge(writer: Writer, item: bytes) -> None:
    await _reply(writer, b'{"id": 1, "name": "' + b"x" * 5_000_000 + b'", "version": 0}')


FAULTS: dict[str, Callable[[Writer, bytes], Coroutine[Any, Any, None]]] = {
    "none": _reply,
    "slow": _slow,
    "drip": _drip,
    "hang": _hang,
    "early": _early,
    "half": _half,
    "error": _error,
    "other": _other,
    "no-json": _no_json,
    "huge": _huge,
    "no-http": _raw(b"SSH-2.0-nothing\r\n\r\n"),
    "two-lengths": _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
    "bad-chunk": _raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "endless-100": _raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "switches": _raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
}
SOUND = ("none", "slow", "drip")  # those that still give the item


async def main(port: int) -> None:
    """Serve until the process is ended."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", port, limit=_HEAD_BYTES)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
