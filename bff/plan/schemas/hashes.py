"""Bounds how many values of one hash a set or a dict takes.

Python computes the hash of a number, a UUID or a tuple without a secret, so a sender can choose
20,000 values of one hash, which took a set 31 s to compare. Honest values of one hash are few:
numbers of 64 bits have nine at most.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError, core_schema

MOST_OF_ONE_HASH = 16
LEAST_INTEGER, MOST_INTEGER = -(2**63), 2**63 - 1

_HASHED = {
    "set": "items_schema", "frozenset": "items_schema", "dict": "keys_schema",
    "frozendict": "keys_schema", "ordered-dict": "keys_schema", "counter": "keys_schema",
}  # fmt: skip
# Python's hash of a text has a secret; the others have too few values, or too few of one hash.
_HASHES_DIFFER = frozenset(
    {"str", "bytes", "bool", "none", "float", "date", "time", "datetime", "timedelta", "literal"}
)
_ANY_KEYS = ("keys_schema", {"type": "any"})  # JSON's keys are texts


def chosen_part(schema: Mapping[str, Any]) -> str | None:
    """The key of the part of a set's or a dict's core schema whose values a sender can choose to
    have one hash; None where there is no such part."""
    part = _HASHED.get(schema["type"], "")
    if part not in schema or (part, schema[part]) == _ANY_KEYS or _hashes_differ(schema[part]):
        return None
    return part


def count_hashes(schema: Any) -> Any:
    """The core schema, whose values may have `MOST_OF_ONE_HASH` different ones of one hash at most
    in one validation. The context of a validation holds the values that came, by their hashes."""
    return core_schema.with_info_after_validator_function(_count_hash, schema)


def _hashes_differ(schema: dict[str, Any]) -> bool:
    match schema:
        case {"type": "int", "ge": least, "le": most}:
            return bool(least >= LEAST_INTEGER and most <= MOST_INTEGER)
        case _:
            return schema["type"] in _HASHES_DIFFER


def _count_hash(value: Any, info: ValidationInfo) -> Any:
    seen: dict[int, list[Any]] = info.context  # type: ignore[assignment]
    try:
        same = seen.setdefault(hash(value), [])
    except TypeError:  # the set reports it
        return value
    if value not in same:
        if len(same) == MOST_OF_ONE_HASH:
            raise PydanticCustomError("same_hash", "too many values have the same hash")
        same.append(value)
    return value
