"""The envelope: what went in comes out, and nothing else ever does."""

import hashlib
import math
import pickle
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.cache.entries import Entry
from bff.cache.envelope import MAX_TTL_SECONDS, MAX_VALUE_BYTES, decode, encode, flaw

ENTRIES = st.builds(
    Entry,
    key=st.text(st.characters(exclude_categories=("Cs",)), max_size=50),
    body=st.binary(),
    views=st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=10), st.binary(), max_size=3
    ),
    stored_at=st.floats(0, 4e9),
    ttl_seconds=st.floats(0.001, MAX_TTL_SECONDS),
)
ENTRY = Entry("k", b'{"id":1}', {"mobile": b"[1]", "tv": b"{}"}, 1000.5, 30.0)


def content(entry: Entry) -> tuple[Any, ...]:
    views = dict(entry.views)
    return (entry.key, entry.body, views, entry.stored_at, entry.ttl_seconds, entry.expires_at)


def forged(checked: bytes) -> bytes:
    """An envelope with a right digest over whatever is in it: anybody can make one."""
    return b"bff\x01" + hashlib.blake2b(checked, digest_size=16).digest() + checked


def head(stored_at: float, ttl: float, body_length: int, views: int) -> bytes:
    key = hashlib.blake2b(b"k", digest_size=16).digest()
    return struct.pack(">16sddIH", key, stored_at, ttl, body_length, views)


@given(ENTRIES)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    decoded = decode(encode(entry), entry.key)

    assert decoded is not None
    assert content(decoded) == content(entry)


@given(st.binary())
def test_any_bytes_are_no_entry_and_no_error(data: bytes) -> None:
    assert decode(data, "k") is None
    assert decode(b"bff\x01" + data, "k") is None
    assert decode(forged(data), "k") is None


@given(st.binary(max_size=100), st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1))
def test_any_content_under_a_forged_digest_is_no_error(data: bytes, length: int, n: int) -> None:
    decoded = decode(forged(head(1.0, 1.0, length, n) + data), "k")

    assert decoded is None or (n == 0 and decoded.body == data)


def test_one_bit_that_fell_over_is_noticed_wherever_it_is() -> None:
    whole = encode(ENTRY)
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= 0x10
        assert decode(bytes(data), "k") is None, f"byte {at}"


def test_an_envelope_cut_short_anywhere_is_refused() -> None:
    whole = encode(ENTRY)

    assert [n for n in range(len(whole)) if decode(whole[:n], "k") is not None] == []


BODY_AND_VIEW = head(1.0, 1.0, 1, 1) + struct.pack(">HI", 1, 1) + b"{"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not bff's"),
        (b"bff\x01", "not bff's"),
        (b"bff\x02" + encode(ENTRY)[4:], "not bff's"),
        (pickle.dumps({"body": b"{}"}), "not bff's"),
        (b"!" + pickle.dumps(b"{}"), "not bff's"),
        (b"<html>" * 100, "not bff's"),
        (encode(ENTRY) + b"x", "damaged"),
        (encode(Entry("other", b"{}", {}, 1.0, 1.0)), "another key's"),
        (b"bff\x01" + bytes(MAX_VALUE_BYTES), "too large"),
        (forged(head(1.0, 1.0, 2**32 - 1, 0)), "malformed"),
        (forged(head(1.0, 1.0, 0, 2**16 - 1)), "malformed"),
        (forged(head(1.0, 1.0, 0, 0) + b"left over"), "malformed"),
        (forged(head(1.0, 0.0, 0, 0)), "malformed"),
        (forged(head(1.0, -1.0, 0, 0)), "malformed"),
        (forged(head(1.0, math.inf, 0, 0)), "malformed"),
        (forged(head(1.0, math.nan, 0, 0)), "malformed"),
        (forged(head(math.nan, 1.0, 0, 0)), "malformed"),
        (forged(BODY_AND_VIEW + b"\xff1"), "malformed"),
    ],
)
def test_what_is_not_ours_is_refused_with_the_reason(data: bytes, why: str) -> None:
    assert flaw(data, "k") == why
    assert decode(data, "k") is None


def test_an_envelope_that_is_right_has_no_flaw() -> None:
    assert flaw(encode(ENTRY), "k") is None
    decoded = decode(forged(BODY_AND_VIEW + b"v1"), "k")
    assert decoded is not None
    assert (decoded.body, decoded.views) == (b"{", {"v": b"1"})


def test_kept_replies_do_not_travel() -> None:
    entry = Entry("k", b"{}", {}, 1.0, 1.0)
    plain = encode(entry)
    entry.keep("mobile", Entry("k", b"secret", {}, 1.0, 1.0))

    assert encode(entry) == plain
