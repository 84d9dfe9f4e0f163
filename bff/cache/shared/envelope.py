"""Entries as bytes for a store that others can write to: our own format, never a pickle.

    4   magic and version            b"bff\\x03"
    16  digest of all that follows   blake2b: detects damage; it is no signature: whoever can write
                                     to the store can forge a payload, but run no code
    16  digest of the key            detects an answer to another question
    8   stored_at, 8 ttl_seconds, 8 observed_at: IEEE doubles, big-endian, as everything here
    1   flags: 1 for may_be_stale
    2   status of its reply
    4   length of the body, 2 number of views, 2 number of tags, 2 number of headers
    for each view: 2 length of its name, 4 length of its bytes
    for each tag: 2 its length
    for each header: 2 length of its name, 2 length of its value
    the body, then each view's name and bytes, then the tags, then each header's name and value;
    nothing after

What comes back is untrusted, the digests too: every length is checked before it is used, and
nothing here raises for what it reads.
"""

import hashlib
import math
import re
import struct
from http import HTTPStatus

from bff.cache.entries import Entry
from bff.plan.model.payload import PLAIN, Head

# So much is read within the store's time even on a busy machine: 16 MiB took 35 to 116 ms of its
# 100, and after five late reads the store is left alone for a while.
MAX_VALUE_BYTES = 4 * 1024 * 1024
MAX_TTL_SECONDS = 366 * 24 * 3600.0
MAGIC = b"bff\x03"

_DIGEST_BYTES = 16
_CHECKED_FROM = len(MAGIC) + _DIGEST_BYTES
_HEAD = struct.Struct(f">{len(MAGIC)}s{_DIGEST_BYTES}s{_DIGEST_BYTES}sdddBHIHHH")
_VIEW = struct.Struct(">HI")
_TAG = struct.Struct(">H")
_HEADER = struct.Struct(">HH")
_HEADER_NAME = re.compile(rb"[a-z0-9-]+")
_NO_HEADER_VALUE = re.compile(rb"[\x00-\x08\n-\x1f\x7f]")  # a store could split replies
_STATUSES = frozenset(status.value for status in HTTPStatus if 200 <= status < 400)
_MAY_BE_STALE = 1


def encode(entry: Entry) -> bytes:
    """The entry's bytes; `decode` gives it back. Finished replies don't travel."""
    names = [name.encode() for name in entry.views]
    views = list(entry.views.values())
    tags = sorted(tag.encode() for tag in entry.tags)
    headers = entry.head.headers
    parts = [
        _HEAD.pack(
            MAGIC, b"", _digest(entry.key.encode()), entry.stored_at, entry.ttl_seconds,
            entry.observed_at, _MAY_BE_STALE if entry.may_be_stale else 0, entry.head.status,
            len(entry.body), len(views), len(tags), len(headers),
        )[_CHECKED_FROM:],
        *(_VIEW.pack(len(name), len(view)) for name, view in zip(names, views, strict=True)),
        *(_TAG.pack(len(tag)) for tag in tags),
        *(_HEADER.pack(len(name), len(value)) for name, value in headers),
        entry.body,
    ]  # fmt: skip
    for name, view in zip(names, views, strict=True):
        parts += (name, view)
    checked = b"".join((*parts, *tags, *(text for header in headers for text in header)))
    return b"".join((MAGIC, _digest(checked), checked))


def decode(data: bytes, key: str) -> Entry | None:
    """The entry, or None for anything that is not whole, ours, and stored under this key."""
    opened = _open(data, key)
    return opened if isinstance(opened, Entry) else None


def flaw(data: bytes, key: str) -> str | None:
    """The reason why `decode` refuses these bytes, for people; None when it doesn't."""
    opened = _open(data, key)
    return opened if isinstance(opened, str) else None


def _open(data: bytes, key: str) -> Entry | str:
    if len(data) > MAX_VALUE_BYTES:
        return "too large"
    if data[: len(MAGIC)] != MAGIC or len(data) < _HEAD.size:
        return "not bff's"
    if _digest(data[_CHECKED_FROM:]) != data[len(MAGIC) : _CHECKED_FROM]:
        return "damaged"
    if _HEAD.unpack_from(data)[2] != _digest(key.encode()):
        return "another key's"
    return _read(data, key) or "malformed"


def _read(data: bytes, key: str) -> Entry | None:
    (
        *_, stored_at, ttl_seconds, observed_at, flags, status,
        body_length, view_count, tag_count, header_count,
    ) = _HEAD.unpack_from(data)  # fmt: skip
    if not (
        math.isfinite(stored_at)
        and math.isfinite(observed_at)
        and 0 <= ttl_seconds <= MAX_TTL_SECONDS
        and status in _STATUSES
    ):
        return None
    tags_at = _HEAD.size + view_count * _VIEW.size
    headers_at = tags_at + tag_count * _TAG.size
    at = headers_at + header_count * _HEADER.size
    if at > len(data):
        return None
    lengths = list(_VIEW.iter_unpack(data[_HEAD.size : tags_at]))
    tag_lengths = [length for (length,) in _TAG.iter_unpack(data[tags_at:headers_at])]
    header_lengths = list(_HEADER.iter_unpack(data[headers_at:at]))
    beside = sum(map(sum, lengths)) + sum(tag_lengths) + sum(map(sum, header_lengths))
    if at + body_length + beside != len(data):
        return None
    body = data[at : (at := at + body_length)]
    views: dict[str, bytes] = {}
    try:
        for name_length, view_length in lengths:
            name = data[at : (at := at + name_length)].decode()
            views[name] = data[at : (at := at + view_length)]
        tags = frozenset(data[at : (at := at + length)].decode() for length in tag_lengths)
    except UnicodeDecodeError:
        return None
    headers = tuple(
        (data[at : (at := at + name_length)], data[at : (at := at + value_length)])
        for name_length, value_length in header_lengths
    )
    if not all(
        _HEADER_NAME.fullmatch(name) and not _NO_HEADER_VALUE.search(value)
        for name, value in headers
    ):
        return None
    may_be_stale = bool(flags & _MAY_BE_STALE)
    head = Head(status, headers) if status != PLAIN.status or headers else PLAIN
    return Entry(
        key, body, views, stored_at, ttl_seconds, observed_at, tags, may_be_stale, head=head
    )


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
