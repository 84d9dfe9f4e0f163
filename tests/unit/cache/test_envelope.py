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
from bff.cache.shared.envelope import MAX_TTL_SECONDS, MAX_VALUE_BYTES, decode, encode, flaw
from bff.plan.model.payload import Head

ENTRIES = st.builds(
    Entry,
    key=st.text(st.characters(exclude_categories=("Cs",)), max_size=50),
    body=st.binary(),
    views=st.dictionaries(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=10), st.binary(), max_size=3
    ),
    stored_at=st.floats(0, 4e9),
    ttl_seconds=st.floats(0, MAX_TTL_SECONDS),
    observed_at=st.floats(0, 4e9),
    tags=st.frozensets(st.text(st.characters(exclude_categories=("Cs",)), max_size=20), max_size=3),
    may_be_stale=st.booleans(),
    head=st.builds(
        Head,
        st.sampled_from([200, 201, 204, 303]),
        st.lists(
            st.tuples(
                st.from_regex(rb"[a-z0-9-]{1,9}", fullmatch=True),
                st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc"))).map(
                    str.encode
                ),
            ),
            max_size=3,
        ).map(tuple),
    ),
)
ENTRY = Entry(
    "k", b'{"id":1}', {"mobile": b"[1]", "tv": b"{}"}, 1000.5, 30.0, 999.0, frozenset({"a", "é"})
)


def content(entry: Entry) -> tuple[Any, ...]:
    return (
        entry.key, entry.body, dict(entry.views), entry.stored_at, entry.ttl_seconds,
        entry.expires_at, entry.observed_at, entry.tags, entry.may_be_stale,
        entry.head,
    )  # fmt: skip


def plain(key: str, body: bytes = b"{}") -> Entry:
    return Entry(key, body, {}, 1.0, 1.0, 1.0)


def forged(checked: bytes) -> bytes:
    """An envelope with a right digest over whatever is in it: anybody can make one."""
    return b"bff\x03" + hashlib.blake2b(checked, digest_size=16).digest() + checked


def head(
    stored_at: float,
    ttl: float,
    body_length: int,
    views: int,
    tags: int = 0,
    observed: float = 1.0,
    status: int = 200,
    headers: int = 0,
) -> bytes:
    key = hashlib.blake2b(b"k", digest_size=16).digest()
    return struct.pack(
        ">16sdddBHIHHH",
        key, stored_at, ttl, observed, 1, status, body_length, views, tags, headers,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "name", "value", "is_refused"),
    [
        (303, b"location", b"/a", False),
        (500, b"location", b"/a", True),
        (100, b"location", b"/a", True),
        (299, b"location", b"/a", True),
        (200, b"Location", b"/a", True),
        (200, b"", b"/a", True),
        (200, b"x-a", b"b\r\nset-cookie: c=d", True),
        (200, b"x-a", b"\x00", True),
    ],
)
def test_forged_head_can_not_break_a_reply(
    status: int, name: bytes, value: bytes, is_refused: bool
) -> None:
    lengths = struct.pack(">HH", len(name), len(value))
    data = head(1.0, 1.0, 2, 0, status=status, headers=1) + lengths + b"{}" + name + value
    decoded = decode(forged(data), "k")
    assert (decoded is None) == is_refused
    assert decoded is None or decoded.head == Head(status, ((name, value),))


@given(ENTRIES)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    decoded = decode(encode(entry), entry.key)

    assert decoded is not None
    assert content(decoded) == content(entry)


@given(st.binary())
def test_any_bytes_are_no_entry_and_no_error(data: bytes) -> None:
    assert decode(data, "k") is None
    assert decode(b"bff\x03" + data, "k") is None
    assert decode(forged(data), "k") is None


@given(
    st.binary(max_size=100), st.integers(0, 2**32 - 1), st.integers(0, 5), st.integers(0, 2**16 - 1)
)
def test_any_content_under_a_forged_digest_is_no_error(
    data: bytes, length: int, views: int, tags: int
) -> None:
    decoded = decode(forged(head(1.0, 1.0, length, views, tags) + data), "k")

    assert decoded is None or len(decoded.body) <= len(data)


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
BODY_AND_TAG = head(1.0, 1.0, 1, 0, 1) + struct.pack(">H", 1) + b"{"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not bff's"),
        (b"bff\x03", "not bff's"),
        (b"bff\x01" + encode(ENTRY)[4:], "not bff's"),
        (pickle.dumps({"body": b"{}"}), "not bff's"),
        (b"!" + pickle.dumps(b"{}"), "not bff's"),
        (b"<html>" * 100, "not bff's"),
        (encode(ENTRY) + b"x", "damaged"),
        (encode(plain("other")), "another key's"),
        (b"bff\x03" + bytes(MAX_VALUE_BYTES), "too large"),
        (forged(head(1.0, 1.0, 2**32 - 1, 0)), "malformed"),
        (forged(head(1.0, 1.0, 0, 2**16 - 1)), "malformed"),
        (forged(head(1.0, 1.0, 0, 0) + b"left over"), "malformed"),
        (forged(head(1.0, 1.0, 0, 0, 2**16 - 1)), "malformed"),
        (forged(head(1.0, 1.0, 0, 0, observed=math.nan)), "malformed"),
        (forged(head(1.0, 1.0, 0, 0, observed=math.inf)), "malformed"),
        (forged(head(1.0, MAX_TTL_SECONDS + 1, 0, 0)), "malformed"),
        (forged(head(1.0, -1.0, 0, 0)), "malformed"),
        (forged(head(1.0, math.inf, 0, 0)), "malformed"),
        (forged(head(1.0, math.nan, 0, 0)), "malformed"),
        (forged(head(math.nan, 1.0, 0, 0)), "malformed"),
        (forged(BODY_AND_VIEW + b"\xff1"), "malformed"),
        (forged(BODY_AND_TAG + b"\xff"), "malformed"),
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
    decoded = decode(forged(BODY_AND_TAG + b"t"), "k")
    assert decoded is not None
    assert (decoded.body, decoded.tags) == (b"{", {"t"})


def test_an_entry_for_failures_alone_may_have_no_time_at_all() -> None:
    decoded = decode(forged(head(1.0, 0.0, 0, 0)), "k")

    assert decoded is not None
    assert decoded.expires_at == decoded.stored_at


def test_what_one_process_remembers_of_an_entry_does_not_travel() -> None:
    entry = plain("k")
    fresh = encode(entry)
    entry.keep("mobile", plain("k", b"secret"))
    entry.rest(5.0, "refused")

    assert encode(entry) == fresh
