"""Content codings of replies: what is decoded, and what is refused."""

import gzip
import os
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.codings import (
    CODINGS,
    MOST_PARTS,
    PIECE_BYTES,
    BadCoding,
    TooLong,
    codings_of,
    decode,
)

MOST = 1_000_000
TEXT = b'{"name": "charg\xc3\xa9e"}'


def raw_deflate(body: bytes) -> bytes:
    deflating = zlib.compressobj(wbits=-15)
    return deflating.compress(body) + deflating.flush()


def streamed_zstd(body: bytes) -> bytes:
    """Without the length in its head."""
    compressing = zstandard.ZstdCompressor(write_content_size=False, write_checksum=True)
    return compressing.compress(body)


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without a head": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
    "zstd without a length": ("zstd", streamed_zstd),
}
every_encoder = pytest.mark.parametrize("kind", ENCODERS)


def decoded(body: bytes, coding: str, most: int = MOST) -> bytes:
    return b"".join(decode(body, coding, most))


@every_encoder
@pytest.mark.parametrize(
    "body", [b"", b"x", TEXT, b"x" * MOST, os.urandom(200_000)], ids=["0", "1", "few", "x", "noise"]
)
def test_body_comes_back_in_bounded_pieces(kind: str, body: bytes) -> None:
    coding, encode = ENCODERS[kind]
    pieces = list(decode(encode(body), coding, MOST))
    assert b"".join(pieces) == body
    if not body.startswith(b"xx"):  # of which zstd makes much from little, at once
        assert all(len(piece) <= 4 * PIECE_BYTES for piece in pieces)


@every_encoder
@pytest.mark.parametrize("size", [1, 65_536, 1_000_000])
def test_bound_is_exact(kind: str, size: int) -> None:
    coding, encode = ENCODERS[kind]
    body = encode(b"x" * size)
    assert len(decoded(body, coding, size)) == size
    with pytest.raises(TooLong):
        decoded(body, coding, size - 1)


@every_encoder
def test_body_of_fifty_megabytes_is_not_made(kind: str) -> None:
    coding, encode = ENCODERS[kind]
    body = encode(b"a" * 50_000_000)
    made: list[int] = []
    with pytest.raises(TooLong):
        made.extend(len(piece) for piece in decode(body, coding, 100_000))
    assert sum(made) <= 100_000


@pytest.mark.parametrize(
    ("coding", "empty"),
    [
        ("br", b"\x06"),  # a block of metadata, without any
        ("zstd", zstandard.ZstdCompressor().compress(b"")),
        ("zstd", b"\x50\x2a\x4d\x18" + bytes(4)),  # a frame to be skipped
    ],
)
def test_body_that_comes_to_nothing_holds_nobody(coding: str, empty: bytes) -> None:
    """As long as a reply may be, one alone took 40 to 100 ms in one piece."""
    start = b"\x0c" if coding == "br" else b""  # the window, and the first block
    pieces = 0
    with suppress(BadCoding):
        for piece in decode(start + empty * (4_000_000 // len(empty)), coding, MOST):
            assert not piece
            pieces += 1
    assert pieces > 400


@every_encoder
def test_body_that_is_cut_off_anywhere_is_refused(kind: str) -> None:
    coding, encode = ENCODERS[kind]
    whole = encode(TEXT)
    for end in range(len(whole)):
        with pytest.raises(BadCoding):
            decoded(whole[:end], coding)


@every_encoder
@pytest.mark.parametrize("surplus", [b"\0\0\0", b"x", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
def test_data_behind_the_end_is_refused(kind: str, surplus: bytes) -> None:
    coding, encode = ENCODERS[kind]
    with pytest.raises(BadCoding):
        decoded(encode(TEXT) + surplus, coding)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("body", [TEXT, b"", b"\0" * 100, b"\xff" * 100])
def test_what_is_not_of_the_coding_is_refused(coding: str, body: bytes) -> None:
    with pytest.raises(BadCoding):
        decoded(body, coding)


@pytest.mark.parametrize("kind", ["gzip", "zstd", "zstd without a length"])
def test_parts_may_follow_one_another_and_are_bounded(kind: str) -> None:
    coding, encode = ENCODERS[kind]
    assert decoded(encode(TEXT[:8]) + encode(TEXT[8:]), coding) == TEXT
    assert decoded(encode(b"") * MOST_PARTS, coding) == b""
    with pytest.raises(BadCoding, match="over 100"):
        decoded(encode(b"") * (MOST_PARTS + 1), coding)


def test_zstd_of_a_window_that_no_client_need_have_is_refused() -> None:
    params = zstandard.ZstdCompressionParameters(window_log=24, write_content_size=False)
    body = zstandard.ZstdCompressor(compression_params=params).compress(os.urandom(9_000_000))
    with pytest.raises(BadCoding):
        decoded(body, "zstd", 10_000_000)


def test_zstd_that_states_a_wrong_length_is_refused() -> None:
    body = zstandard.ZstdCompressor().compress(b"x" * 300)
    stated = (300 - 256).to_bytes(2, "little")
    assert stated in body[:8]
    with pytest.raises(BadCoding):
        decoded(body.replace(stated, (200 - 256).to_bytes(2, "little", signed=True), 1), "zstd")


@given(st.sampled_from(CODINGS), st.binary(max_size=200))
def test_whatever_bytes_come_end_as_a_body_or_are_refused(coding: str, noise: bytes) -> None:
    with suppress(BadCoding, TooLong):
        assert len(decoded(noise, coding)) <= MOST


@pytest.mark.parametrize(
    ("header", "codings"),
    [
        ("gzip", ("gzip",)),
        ("GZip", ("gzip",)),
        ("x-gzip", ("gzip",)),
        ("identity", ()),
        ("", ()),
        (" br , gzip ", ("gzip", "br")),
        ("gzip, identity, gzip", ("gzip", "gzip")),
    ],
)
def test_codings_are_taken_off_in_reverse(header: str, codings: tuple[str, ...]) -> None:
    assert codings_of(header) == codings


@pytest.mark.parametrize(
    "header", ["snappy", "compress", "gzip, snappy", "gzip, br, gzip", "gz ip"]
)
def test_coding_that_was_not_asked_for_is_refused(header: str) -> None:
    with pytest.raises(BadCoding):
        codings_of(header)
