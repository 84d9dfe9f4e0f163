"""Content codings: which one a client gets, and that each comes back as it was."""

import gzip

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bff.web.http.codings import choose_coding, encode

DECODERS = {
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    "gzip": gzip.decompress,
}


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        (" ", "identity"),
        (",,", "identity"),
        ("identity", "identity"),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "br"),  # Chrome and Firefox
        ("gzip, deflate", "gzip"),
        ("zstd, gzip", "zstd"),
        ("deflate", "identity"),
        ("compress, dcb", "identity"),
        ("*", "br"),
        ("*;q=0", "identity"),
        ("*;q=0, gzip", "gzip"),
        ("br;q=0, *", "zstd"),
        ("br;q=0, zstd;q=0, gzip;q=0, *", "identity"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("gzip;q=0.5, br;q=0.50", "br"),
        ("gzip;q=0.001", "gzip"),
        ("gzip; Q=0.5 , br ; q = 1", "gzip"),  # no blanks beside the equals sign
        ("gzip;q=0", "identity"),
        ("gzip;q=0.000", "identity"),
        ("gzip;q=1.000", "gzip"),
        ("gzip;q=1.001", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip;q=-1", "identity"),
        ("gzip;q=0.0001", "identity"),
        ("gzip;q=high", "identity"),
        ("gzip;q=", "identity"),
        ("gzip;level=9", "identity"),  # what can't be read is not wanted
        ("identity;q=1, gzip;q=0.5", "identity"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0.5, gzip;q=0.4", "identity"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("identity;q=0", "identity"),  # it can't be answered otherwise
        ("identity;q=0, *;q=0", "identity"),
        ("gzip, identity;q=0", "gzip"),
        ("é;q=1", "identity"),
        ("g" * 10_000, "identity"),
    ],
)
def test_coding_that_a_client_likes_best(accepts: str | None, coding: str) -> None:
    header = None if accepts is None else accepts.encode("latin-1")
    assert choose_coding(header) == coding
    assert choose_coding(header) == coding  # out of memory, too


@given(st.binary(max_size=200))
def test_any_header_gets_a_coding_that_there_is(header: bytes) -> None:
    assert choose_coding(header) in {"identity", *DECODERS}


@given(st.binary(max_size=3000))
def test_each_coding_comes_back_as_it_was_and_is_the_same_bytes_twice(body: bytes) -> None:
    for coding, decode in DECODERS.items():
        coded = encode(body, coding)
        assert decode(coded) == body
        assert encode(body, coding) == coded


@pytest.mark.parametrize("coding", DECODERS)
def test_json_is_shorter_in_each_coding(coding: str) -> None:
    body = b'{"id":1,"title":"Hat, or a cap","price":9.5},' * 50
    assert len(encode(body, coding)) < len(body) / 5
