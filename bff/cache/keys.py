"""Cache keys: everything that can reach a payload, digested.

A key holds the project's namespace, the composition's digest (plan, operations, schemas), the
value of every input that the plan reads anywhere (calls, conditions, iterations, joins, responses,
tags), and the caller's identity where that reaches the payload. All four come out of the compiled
plan, so nothing can be forgotten by hand (ADR 0004). May not read requests.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from bff.plan.model.composition import Composition

_DIGEST_BYTES = 20
_ABSENT = math.nan  # stands for an input that is not there: it is written as no JSON value is


class KeyRecipe:
    """Makes the keys of one composition, 40 hexadecimal digits each, in about 1 µs. Safe to
    share between threads.

    Raises `ValueError` when the plan reads an input that it can't hold: a key that lacked it would
    hand one caller's payload to another.
    """

    __slots__ = ("_by_identity", "_claims", "_params", "_start")

    def __init__(self, composition: Composition) -> None:
        reads = composition.key_reads
        foreign = sorted(path for path in reads if path[:1] not in (("params",), ("claims",)))
        if foreign:
            raise ValueError(f"{composition.name}: no cache key can hold {foreign}")
        self._by_identity = composition.scope == "identity"
        self._params = _names(reads, "params")
        self._claims = _names(reads, "claims")
        if self._claims != () and not self._by_identity:
            raise ValueError(f"{composition.name}: claims reach what is shared by everyone")
        # The names are a function of the digest, which depends on everything that reads them.
        start = f"{composition.namespace}\0{composition.digest}\0"
        self._start = hashlib.blake2b(start.encode(), digest_size=_DIGEST_BYTES)

    def __call__(
        self, params: Mapping[str, Any], claims: Mapping[str, Any], identity_key: str
    ) -> str:
        """The key for these inputs, which are JSON values, or absent.
        `identity_key` separates callers; it and the claims count where they reach the payload."""
        # JSON text is unambiguous: 1, 1.0, "1", true and null differ, strings and lists end where
        # they end. The order of an object's keys counts, since expressions can see it.
        read = _values(self._params, params)
        digest = self._start.copy()
        if self._by_identity:
            digest.update(to_json([read, _values(self._claims, claims), identity_key]))
        else:
            digest.update(to_json(read))
        return digest.hexdigest()


def _names(reads: frozenset[tuple[str, ...]], root: str) -> tuple[str, ...] | None:
    """What is read below a root, None for all of it. Whole values: a path below one may run
    through a list, where it names many."""
    if (root,) in reads:
        return None
    return tuple(sorted({path[1] for path in reads if path[0] == root}))


def _values(names: tuple[str, ...] | None, given: Mapping[str, Any]) -> Any:
    if names is None:
        return dict(given)
    get = given.get
    return [get(name, _ABSENT) for name in names]
