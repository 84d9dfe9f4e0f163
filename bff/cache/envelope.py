"""Entries as bytes for a store that others can write to: our own format, never a pickle.

    4   magic and version            b"bff\\x01"
    16  digest of all that follows   blake2b: finds damage; no signature, whoever can write to the
                                     store can forge a payload, but run no code
    16  digest of the key            finds an answer that was meant for another question
    8   stored_at, 8 ttl_seconds     IEEE doubles, big-endian, as everything here
    4   length of the body, 2 number of views
    for each view: 2 length of its name, 4 length of its bytes
    the body, then each view's name and bytes; nothing after

What comes back is untrusted, the digests too: every length is checked before it is used, and
nothing here raises for what it reads.
"""

import hashlib
import math
import struct

from bff.cache.entries import Entry

# Read within the store's time even on a busy machine: 16 MiB took 35 to 116 ms of its 100, and five
# reads that are too late let the store alone for a while.
MAX_VALUE_BYTES = 4 * 1024 * 1024
MAX_TTL_SECONDS = 366 * 24 * 3600.0

_MAGIC = b"bff\x01"
_DIGEST_BYTES = 16
_CHECKED_FROM = len(_MAGIC) + _DIGEST_BYTES
_HEAD = struct.Struct(f">{len(_MAGIC)}s{_DIGEST_BYTES}s{_DIGEST_BYTES}sddIH")
_VIEW = struct.Struct(">HI")


def encode(entry: Entry) -> bytes:
    """The entry's bytes; `decode` gives it back. Kept replies don't travel."""
    names = [name.encode() for name in entry.views]
    views = list(entry.views.values())
    parts = [
        _HEAD.pack(
            _MAGIC, b"", _digest(entry.key.encode()), entry.stored_at, entry.ttl_seconds,
            len(entry.body), len(views),
        )[_CHECKED_FROM:],
        *(_VIEW.pack(len(name), len(view)) for name, view in zip(names, views, strict=True)),
        entry.body,
    ]  # fmt: skip
    for name, view in zip(names, views, strict=True):
        parts += (name, view)
    checked = b"".join(parts)
    return b"".join((_MAGIC, _digest(checked), checked))


def decode(data: bytes, key: str) -> Entry | None:
    """The entry, or None for anything that is not whole, ours, and stored under this key."""
    opened = _open(data, key)
    return opened if isinstance(opened, Entry) else None


def flaw(data: bytes, key: str) -> str | None:
    """Why `decode` refuses these bytes, for people; None when it doesn't."""
    opened = _open(data, key)
    return opened if isinstance(opened, str) else None


def _open(data: bytes, key: str) -> Entry | str:
    if len(data) > MAX_VALUE_BYTES:
        return "too large"
    if data[: len(_MAGIC)] != _MAGIC or len(data) < _HEAD.size:
        return "not bff's"
    if _digest(data[_CHECKED_FROM:]) != data[len(_MAGIC) : _CHECKED_FROM]:
        return "damaged"
    if _HEAD.unpack_from(data)[2] != _digest(key.encode()):
        return "another key's"
    return _read(data, key) or "malformed"


def _read(data: bytes, key: str) -> Entry | None:
    _, _, _, stored_at, ttl_seconds, body_length, view_count = _HEAD.unpack_from(data)
    if not (math.isfinite(stored_at) and 0 < ttl_seconds <= MAX_TTL_SECONDS):
        return None
    at = _HEAD.size + view_count * _VIEW.size
    if at > len(data):
        return None
    lengths = list(_VIEW.iter_unpack(data[_HEAD.size : at]))
    if at + body_length + sum(map(sum, lengths)) != len(data):
        return None
    body = data[at : (at := at + body_length)]
    views: dict[str, bytes] = {}
    for name_length, view_length in lengths:
        try:
            name = data[at : (at := at + name_length)].decode()
        except UnicodeDecodeError:
            return None
        views[name] = data[at : (at := at + view_length)]
    return Entry(key, body, views, stored_at, ttl_seconds)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
