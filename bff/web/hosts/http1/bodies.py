"""A request's body: its bytes out of its framing, and their way to the one who reads it.

Rules:
1. A decoder takes what has arrived, and says where the body ended. It keeps no bytes.
2. An `IncomingBody` holds what nobody has read yet; the connection stops reading while that is
   much. A body that nobody wants is decoded and dropped.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Final

from bff.web.hosts.http1.framing import Chunked
from bff.web.http.requests import ClientGone

# RFC 9112 §7.1: no blank before or after the size; extensions are visible, and dropped.
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t -~\x80-\xff]*)?")
_TRAILER_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*")
_LONGEST_LINE: Final = 1024
_MOST_EXTENSION_BYTES: Final = 16 * 1024  # of all chunks of a body
_MOST_TRAILER_BYTES: Final = 8 * 1024
_PIECE_BYTES: Final = 48


class MalformedBody(Exception):
    """The body's framing is broken; where a next request begins is not known."""


class LengthDecoder:
    """A body of a length that its head gave."""

    def __init__(self, length: int) -> None:
        self.left = length

    @property
    def finished(self) -> bool:
        return self.left == 0

    def decode(self, data: bytes, at: int, out: Callable[[bytes], None]) -> int:
        """Give `out` what of the body is in `data` from `at` on; return where that ended."""
        end = min(len(data), at + self.left)
        if end > at:
            self.left -= end - at
            out(data[at:end])
        return end


class ChunkDecoder:
    """A body in chunks (RFC 9112 §7.1), of which extensions and trailers are dropped."""

    left = None  # the body's length is not known

    def __init__(self) -> None:
        self.finished = False
        self._line = b""  # the beginning of a line
        self._data_left = 0
        # Functions rather than methods: those would hold their object in a cycle.
        self._read_line = ChunkDecoder._read_size
        self._extension_bytes = 0
        self._trailer_bytes = 0

    def decode(self, data: bytes, at: int, out: Callable[[bytes], None]) -> int:
        """As `LengthDecoder.decode`. Raises `MalformedBody`."""
        while at < len(data) and not self.finished:
            if self._data_left:
                end = min(len(data), at + self._data_left)
                self._data_left -= end - at
                out(data[at:end])
                at = end
            else:
                at = self._take_line(data, at)
        return at

    def _take_line(self, data: bytes, at: int) -> int:
        """Read the line that `data` brings the end of; store its beginning otherwise."""
        end = data.find(b"\n", at)
        part = data[at:] if end < 0 else data[at : end + 1]
        self._line += part
        if len(self._line) > _LONGEST_LINE:
            raise MalformedBody
        if end >= 0:
            line, self._line = self._line, b""
            if not line.endswith(b"\r\n"):
                raise MalformedBody
            self._read_line(self, line[:-2])
        return at + len(part)

    def _read_size(self, line: bytes) -> None:
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise MalformedBody
        self._extension_bytes += len(line) - len(match[1])
        if self._extension_bytes > _MOST_EXTENSION_BYTES:
            raise MalformedBody
        self._data_left = int(match[1], 16)
        self._read_line = (
            ChunkDecoder._read_chunk_end if self._data_left else ChunkDecoder._read_trailer
        )

    def _read_chunk_end(self, line: bytes) -> None:
        if line:
            raise MalformedBody
        self._read_line = ChunkDecoder._read_size

    def _read_trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        if not line:
            self.finished = True
        elif self._trailer_bytes > _MOST_TRAILER_BYTES or not _TRAILER_LINE.fullmatch(line):
            raise MalformedBody


class IncomingBody:
    """A body between its connection and its one reader. Belongs to a loop.

    `on_read` is called when the reader waits for bytes or has taken some. `unread_bytes` is what is
    held, and counts what each piece takes beside its bytes: chunks may have one byte each.
    `received_bytes` counts what came, for those who measure its speed.
    """

    def __init__(self, framing: int | Chunked, on_read: Callable[[], None]) -> None:
        self._decoder = LengthDecoder(framing) if isinstance(framing, int) else ChunkDecoder()
        self._on_read = on_read
        self._pieces: list[bytes] = []
        self._waiting: asyncio.Future[None] | None = None
        self._gone = False
        self._is_dropped = False
        self._is_read = False
        self.unread_bytes = 0
        self.received_bytes = 0

    @property
    def finished(self) -> bool:
        """Whether the whole body has arrived."""
        return self._decoder.finished

    @property
    def bytes_to_come(self) -> int | None:
        """None where that is not known."""
        return self._decoder.left

    @property
    def is_waited_for(self) -> bool:
        """Whether more of it is wanted now: its reader waits, or it is dropped as it comes."""
        return self._waiting is not None or self._is_dropped

    def feed(self, data: bytes, at: int) -> int:
        """Take what of the body is in `data` from `at` on; return where it ended. Raises
        `MalformedBody`."""
        end = self._decoder.decode(data, at, self._drop if self._is_dropped else self._store)
        self.received_bytes += end - at
        self._wake()
        return end

    def drop(self) -> None:
        """Nobody reads on: what is here and what comes is dropped."""
        self._is_dropped = True
        self._pieces.clear()
        self.unread_bytes = 0

    def break_off(self) -> None:
        """No more will come: the reader gets `ClientGone`."""
        self._gone = True
        self._wake()

    async def _read(self) -> bytes:
        """What is here, or the next that comes; empty at the end. Raises `ClientGone`."""
        while not self._pieces:
            if self._decoder.finished:
                return b""
            if self._gone:
                raise ClientGone
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                self._on_read()
                await self._waiting
            finally:
                self._waiting = None
        piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self.unread_bytes = 0
        self._on_read()
        return piece

    async def chunks(self) -> AsyncIterator[bytes]:
        """Each piece as it comes. Raises `ClientGone`."""
        self._is_read = True
        while piece := await self._read():
            yield piece

    def end_unread(self) -> None:
        """The reply goes out. Where nobody has read of the body until now, nobody will."""
        if not self._is_read:
            self.drop()

    def _store(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.unread_bytes += len(piece) + _PIECE_BYTES

    def _drop(self, piece: bytes) -> None:
        pass

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
