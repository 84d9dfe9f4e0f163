"""What is known of tokens that were looked at lately, bounded.

Rules:
1. A token is known by its SHA-256; nothing looks one up by a part of it.
2. The oldest go first, so a flood of invented tokens can't push out others where the two have a
   memory each. What was forgotten is found out again.

Safe on any thread: reading takes no lock.
"""

import hashlib
from threading import Lock
from typing import Final, Generic, NamedTuple, TypeVar

MOST_TOKENS: Final = 20_000
MOST_BYTES: Final = 64 * 1024 * 1024
BYTES_A_CHARACTER: Final = 8  # what Python holds for claims, of each character of their JSON

T = TypeVar("T")

_BYTES_A_TOKEN: Final = 1024


class _Known(NamedTuple, Generic[T]):
    answer: T
    until: float
    size: int


class TokenMemory(Generic[T]):
    """Remembers `most_tokens` and about `most_bytes` at most. Times are in seconds of one clock."""

    def __init__(self, most_tokens: int = MOST_TOKENS, most_bytes: int = MOST_BYTES) -> None:
        self._most_tokens = most_tokens
        self._most_bytes = most_bytes
        self._known: dict[bytes, _Known[T]] = {}
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._known)

    def recall(self, digest: bytes, now: float) -> T | None:
        """The answer, while it holds."""
        found = self._known.get(digest)
        return None if found is None or now >= found.until else found.answer

    def remember(self, digest: bytes, answer: T, until: float, size: int = 0) -> None:
        """Remember an answer of about so many bytes until then."""
        size += _BYTES_A_TOKEN
        with self._lock:
            self._forget(digest)
            while self._known and (
                len(self._known) >= self._most_tokens or self._bytes + size > self._most_bytes
            ):
                self._forget(next(iter(self._known)))
            self._known[digest] = _Known(answer, until, size)
            self._bytes += size

    def _forget(self, digest: bytes) -> None:
        found = self._known.pop(digest, None)
        if found is not None:
            self._bytes -= found.size


def digest_of(token: str) -> bytes:
    """What a token is remembered by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
