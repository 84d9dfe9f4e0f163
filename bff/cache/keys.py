"""Cache keys: everything that can reach a payload, digested.

A key holds the composition's digest (plan, operations, schemas, instances) and the value of every
input that the plan reads anywhere: calls, conditions, iterations, joins, responses. Both come out
of the compiled plan, so nothing can be forgotten by hand (ADR 0004). May not read requests.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from bff.plan.nodes import Composition

_DIGEST_BYTES = 20


class KeyRecipe:
    """Makes the keys of one composition, 40 hexadecimal digits each, in about 1 µs. Safe to
    share between threads.

    Raises `ValueError` when the plan reads an input that is no param: a key that lacked it would
    hand one caller's payload to another.
    """

    __slots__ = ("_names", "_start")

    def __init__(self, composition: Composition) -> None:
        foreign = sorted(path for path in composition.key_reads if path[:1] != ("params",))
        if foreign:
            raise ValueError(f"{composition.name}: no cache key can hold {foreign}")
        # Whole params: a path below one may run through a list, where it names many values.
        names = {path[1] for path in composition.key_reads if len(path) > 1}
        reads_all = ("params",) in composition.key_reads
        self._names = None if reads_all else tuple(sorted(names))
        # The names are a function of the digest, which depends on everything that reads them.
        self._start = hashlib.blake2b(composition.digest.encode(), digest_size=_DIGEST_BYTES)
        self._start.update(b"\0")

    def __call__(self, params: Mapping[str, Any]) -> str:
        """The key for these params, which are JSON values; an absent one reads as null."""
        # JSON text is unambiguous: 1, 1.0, "1", true and null differ, strings and lists end where
        # they end. The order of an object's keys counts, since expressions can see it.
        read: Any
        if self._names is None:
            read = dict(params)
        else:
            get = params.get
            read = [get(name) for name in self._names]
        digest = self._start.copy()
        digest.update(to_json(read))
        return digest.hexdigest()
