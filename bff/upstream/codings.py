"""Content codings of replies, decoded within bounds (RFC 9110 §8.4). Pure.

Rules:
1. A body is whole, and of one coding: data that is damaged, cut off, or that goes on behind its end
   is refused. Only gzip's members and zstd's frames may follow one another; empty ones are bounded.
2. Nobody gets more than `most` bytes: decoding stops where the next piece is beyond them.
3. Pieces, some of them empty, come often, so that the caller can do something else between two:
   each takes at most a millisecond. Of brotli, one alone may take 15 ms, and that of a body that
   is refused then: it fills a window of 16 MiB from a few bytes.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import brotli
import zstandard

PIECE_BYTES: Final = 65_536
MOST_PARTS: Final = 100  # members or frames of one body; each costs a copy of the rest
MOST_CODINGS: Final = 2

_SLICE_BYTES: Final = 8_192  # of what is given to brotli and zstd at once
_ZSTD_WINDOW_BYTES: Final = 8 * 1024 * 1024  # the most that a content coding may ask for: RFC 9659
_BEHIND_ITS_END: Final = "data behind the end"
_CUT_OFF: Final = "cut off"


class BadCoding(Exception):
    """The body can't be decoded; the text says why."""


class TooLong(Exception):
    """The body is longer than it may be, once it is decoded."""


def codings_of(content_encoding: str) -> tuple[str, ...]:
    """The codings of a `Content-Encoding`, in the order in which they are to be taken off. Raises
    `BadCoding` for one that is unknown, and for too many."""
    names = [name.strip().lower().removeprefix("x-") for name in content_encoding.split(",")]
    codings = [name for name in reversed(names) if name not in ("", "identity")]
    if len(codings) > MOST_CODINGS:
        raise BadCoding(f"over {MOST_CODINGS} codings")
    for name in codings:
        if name not in _DECODERS:
            raise BadCoding(f"the coding '{name[:40]}' was not asked for")
    return tuple(codings)


def decode(body: bytes, coding: str, most: int) -> Iterator[bytes]:
    """The body without its coding, in pieces. Raises `BadCoding`, and `TooLong` where there are
    more than `most` bytes."""
    left = most
    try:
        for piece in _DECODERS[coding](body, most):
            left -= len(piece)
            if left < 0:
                raise TooLong
            yield piece
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise BadCoding(str(error)) from error


def _gunzip(body: bytes, most: int) -> Iterator[bytes]:
    for _ in range(MOST_PARTS):
        inflating = zlib.decompressobj(wbits=31)
        yield from _inflate(inflating, body)
        body = inflating.unused_data
        if not body:
            return
        if body[:2] != b"\x1f\x8b":
            raise BadCoding(_BEHIND_ITS_END)
        yield b""
    raise BadCoding(f"over {MOST_PARTS} members")


def _undeflate(body: bytes, most: int) -> Iterator[bytes]:
    """With the head of zlib, as the standard has it, or without, as some servers send it."""
    has_head = len(body) > 1 and body[0] & 15 == 8 and int.from_bytes(body[:2]) % 31 == 0
    inflating = zlib.decompressobj(wbits=15 if has_head else -15)
    yield from _inflate(inflating, body)
    if inflating.unused_data:
        raise BadCoding(_BEHIND_ITS_END)


def _inflate(inflating: "zlib._Decompress", body: bytes) -> Iterator[bytes]:
    while piece := inflating.decompress(body, PIECE_BYTES):
        yield piece
        body = inflating.unconsumed_tail
    if not inflating.eof:
        raise BadCoding(_CUT_OFF)


def _unbrotli(body: bytes, most: int) -> Iterator[bytes]:
    decompressor = brotli.Decompressor()
    for count, data in enumerate(_slices(body)):
        if count:
            yield b""  # blocks of metadata come to nothing
        while piece := decompressor.process(data, output_buffer_limit=PIECE_BYTES):
            yield piece
            data = b""
    if not decompressor.is_finished():
        raise BadCoding(_CUT_OFF)


def _unzstd(body: bytes, most: int) -> Iterator[bytes]:
    """Twice, first to count: one of zstandard's decompressors can be stopped, and the other one
    alone says where a frame ends."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    counting = decompressor.stream_writer(_Count(most))  # type: ignore[arg-type]  # it only writes
    for count, data in enumerate(_slices(body)):
        if count:
            yield b""
        counting.write(data)
    frames = 1
    frame = decompressor.decompressobj()
    for data in _slices(body):
        while data:
            if frame.eof:
                frames += 1
                frame = decompressor.decompressobj()
            yield frame.decompress(data)
            data = frame.unused_data
            if frames > MOST_PARTS:
                raise BadCoding(f"over {MOST_PARTS} frames")
    if not frame.eof:
        raise BadCoding(_CUT_OFF)


class _Count:
    """Takes bytes, and counts them. Raises `TooLong` beyond `most`."""

    def __init__(self, most: int) -> None:
        self._left = most

    def write(self, data: bytes) -> int:
        """Take these bytes."""
        self._left -= len(data)
        if self._left < 0:
            raise TooLong
        return len(data)


def _slices(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _SLICE_BYTES):
        yield body[start : start + _SLICE_BYTES]


_DECODERS: Final[Mapping[str, Callable[[bytes, int], Iterator[bytes]]]] = {
    "gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
CODINGS: Final = tuple(_DECODERS)
