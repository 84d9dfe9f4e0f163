"""The text of an API key: a prefix, 256 random bits, a checksum. Pure.

    bff_key_4fQ…(43 characters)…Zr9kT2c

The prefix lets scanners of repositories find a key that leaked. The checksum (CRC-32) lets the
gateway, and a scanner, know a mistyped key from one that was revoked, without a look-up. All
characters are letters, digits and `_`, so a double click selects a whole key.
"""

import hashlib
import zlib
from collections.abc import Callable
from typing import Final

PREFIX: Final = "bff_key_"
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES: Final = 32
_BODY: Final = 43  # digits that hold 256 bits
_CHECK: Final = 6  # digits that hold 32 bits
LENGTH: Final = len(PREFIX) + _BODY + _CHECK


def new_key(random_bytes: Callable[[int], bytes]) -> str:
    """A new key, made of what `random_bytes` returns for a number of bytes."""
    body = PREFIX + _in_base_62(int.from_bytes(random_bytes(_RANDOM_BYTES)), _BODY)
    return body + _checksum(body)


def is_whole(text: str) -> bool:
    """Whether it is a key as `new_key` makes them, and mistyped nowhere."""
    if len(text) != LENGTH or not text.isascii() or not text.startswith(PREFIX):
        return False
    return _checksum(text[:-_CHECK]) == text[-_CHECK:]


def digest_of(key: str) -> bytes:
    """What is stored of a key, its SHA-256. A slow hash would add nothing: nobody guesses one of
    2^256 keys, however quick a guess is."""
    return hashlib.sha256(key.encode()).digest()


def _checksum(body: str) -> str:
    return _in_base_62(zlib.crc32(body.encode()), _CHECK)


def _in_base_62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
