"""A secret: a text that shows nowhere.

Only `reveal` returns it. Its `repr`, its `str`, a format and an f-string show `•••`; JSON and
pickles refuse it. A traceback shows no values. What needs a mark of the secret, such as a cache
key, has its `fingerprint`.
"""

import hashlib
from functools import lru_cache
from typing import Final, Never

SHOWN: Final = "•••"

# About 15 ms and 8 MB a secret, once a release: a guess costs whoever reads a key as much.
_COST: Final = 2**13
_MARK_BYTES: Final = 20


class Secret:
    """Immutable; equal to a secret of the same text. Safe to share between threads."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text, for the wire alone."""
        return self.__text

    def fingerprint(self, key: str) -> str:
        """40 hexadecimal digits that another secret, or another key, would not have. The secret
        can't be computed from them (scrypt, RFC 7914)."""
        return _fingerprint(self.__text, key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__text == other.__text

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __repr__(self) -> str:
        return f"Secret({SHOWN})"

    def __str__(self) -> str:
        return SHOWN

    def __format__(self, spec: str) -> str:
        return format(SHOWN, spec)

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not pickled")


class UnreadSecret(Secret):
    """Stands for a secret where no environment is read. Its text is not the secret's."""

    __slots__ = ()


@lru_cache(1024)
def _fingerprint(text: str, key: str) -> str:
    mark = hashlib.scrypt(text.encode(), salt=key.encode(), n=_COST, r=8, p=1, dklen=_MARK_BYTES)
    return mark.hex()
