"""A body of a gigabyte each way, through a route, in constant memory of the gateway."""

import asyncio
import hashlib
import json
from collections.abc import Callable

from bench.soak.callers import Wrong
from bench.soak.line import Line
from bench.soak.upstream import PIECE

_READ_BYTES = 1 << 16
_SAMPLE_SECONDS = 0.25
MOST_MEGABYTES = 24.0  # more than before: buffers of both sockets, and the load beside it


async def pass_giants(port: int, count: int, read_megabytes: Callable[[], float]) -> None:
    """Download and upload so many bytes. `read_megabytes` returns what the largest worker has.
    Raises `Wrong` where it grows meanwhile, or other bytes come; and what a line raises."""
    before = read_megabytes()
    moving = asyncio.gather(_download(port, count), _upload(port, count))
    most = before
    while not moving.done():
        await asyncio.wait([moving], timeout=_SAMPLE_SECONDS)
        most = max(most, read_megabytes())
    await moving
    if most > before + MOST_MEGABYTES:
        raise Wrong(f"{before:g} -> {most:g} MB with a giant on its way")


async def _download(port: int, count: int) -> None:
    line = Line(port)
    request = f"GET /raw/bytes/{count} HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n"
    await line.send(request.encode())
    head = await line.read_head()
    if b" 200 " not in head[:16]:
        raise Wrong(f"for a giant: {head[:100]!r}")
    pattern, at = PIECE * (_READ_BYTES // len(PIECE) + 1), 0
    while data := await line.read_some(_READ_BYTES):
        begin = at % 256
        if data != pattern[begin : begin + len(data)]:
            raise Wrong(f"other bytes after {at:,}")
        at += len(data)
    line.close()
    if at != count:
        raise Wrong(f"{at:,} bytes of {count:,}")


async def _upload(port: int, count: int) -> None:
    line = Line(port)
    head = f"POST /raw/digest HTTP/1.1\r\nHost: soak\r\nContent-Length: {count}\r\n\r\n"
    await line.send(head.encode())
    digest = hashlib.sha256()
    for at in range(0, count, len(PIECE)):
        piece = PIECE[: count - at]
        digest.update(piece)
        await line.send(piece)
    reply = await line.read()
    line.close()
    expected = {"length": count, "sha256": digest.hexdigest()}
    if reply.status != 200 or json.loads(reply.body) != expected:
        raise Wrong(f"for a giant: {reply.status} {reply.body[:200]!r}")
