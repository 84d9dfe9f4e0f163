"""Joins: objects put into other objects by matching fields, after all steps and in declared order.

Nothing is changed in place: every object and list on the way to a target is copied, everything
else is shared. So a fallback that requests share stays as declared, the sources of other joins stay
unjoined, and the next join can walk into an object in each place where one join put it.

A shared object costs nothing here, and its whole text in each place when the payload is written; a
later join on the way to a target copies it in each place. So the weight of what joins repeat has a
bound, and all copies are of what was read or repeated. Pure.
"""

import sys
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from bff.engine.payload.texts import CONTAINER_WEIGHT, weigh, write_json
from bff.errors import EvaluationError, TooLargeError
from bff.plan.model.expressions import Root
from bff.plan.model.payload import Join

_KeyOf = Callable[[dict[str, Any]], Hashable]
_Index = Mapping[Hashable, dict[str, Any]]

_MOST_WEIGHT_OF_A_BYTE = CONTAINER_WEIGHT // len("[]")  # of a small reply, weighed by its length


class Bounds(NamedTuple):
    """The weight of all bodies that a run read, and of the payload that it may make of them."""

    read_weight: int
    payload_bytes: int


def apply_joins(joins: Sequence[Join], root: Root, bounds: Bounds) -> tuple[Root, int]:
    """The root with every join applied, and the count of source elements that repeat a key.

    Sources are evaluated on the unjoined `root`. Raises `EvaluationError` when a source can't be
    evaluated or is no list, and `TooLargeError` when the joins repeat more than the bound.
    """
    joined: dict[str, Any] = dict(root)
    again, most = 0, bounds.payload_bytes
    for join in joins:
        index, repeated = _index(join, join.source.evaluate(root))
        again += repeated
        uses: Counter[Hashable] = Counter()
        key_of = _key_of([mine for mine, _ in join.match])
        joined[join.into_step] = _put(
            joined[join.into_step], join.into, join.as_name, key_of, index, uses
        )
        if uses.total() * bounds.read_weight * _MOST_WEIGHT_OF_A_BYTE > most:  # or none is needed
            most -= _repeated_weight(index, uses, most)
            if most < 0:
                raise TooLargeError(f"the join '{join.as_name}' repeats too much")
    return joined, again


def strict_key(value: Any) -> Hashable:
    """A key that is equal for two JSON values exactly when the values are equal as JSON: `1` is
    `1.0`, and neither is `"1"` or `true`, which Python has equal to 1."""
    match value:
        case bool():
            return ("boolean", value)
        case int() | float() if abs(value) >= _HASHES_REPEAT_FROM and abs(value) != inf:
            return ("number", hex(int(value)))
        case list():
            return ("list", *map(strict_key, value))
        case dict():
            return ("object", frozenset((name, strict_key(each)) for name, each in value.items()))
        case _:
            return value  # type: ignore[no-any-return]


# Python's hash of an integer is its remainder by this number: a list of larger ones can be made of
# which all collide, and 43,500 of them took a dictionary 13 s.
_HASHES_REPEAT_FROM = sys.hash_info.modulus


def _index(join: Join, source: Any) -> tuple[_Index, int]:
    """The source's objects by their keys: the first for each key. A null source is empty."""
    if source is None:
        return {}, 0
    if not isinstance(source, list):
        raise EvaluationError(f"the source of the join '{join.as_name}' is no list")
    key_of = _key_of([theirs for _, theirs in join.match])
    index: dict[Hashable, dict[str, Any]] = {}
    repeated = 0
    for element in source:
        if not isinstance(element, dict):
            continue
        key = key_of(element)
        if key is None:
            continue
        if key in index:
            repeated += 1
        else:
            index[key] = element
    return index, repeated


def _key_of(fields: Sequence[str]) -> _KeyOf:
    """The function from an object to its key; None when a field is missing or null, which matches
    nothing."""
    if len(fields) == 1:
        field = fields[0]
        return lambda element: strict_key(element.get(field))

    def key_of_several(element: dict[str, Any]) -> Hashable:
        values = [element.get(field) for field in fields]
        return None if None in values else tuple(map(strict_key, values))

    return key_of_several


def _put(
    target: Any,
    path: tuple[str, ...],
    name: str,
    key_of: _KeyOf,
    index: _Index,
    uses: Counter[Hashable],
) -> Any:
    """A copy of `target` with the match, or null, in each object at `path`; counts the uses of each
    key."""
    match target:
        case list():
            return [_put(each, path, name, key_of, index, uses) for each in target]
        case dict() if not path:
            key = key_of(target)
            found = index.get(key)
            if found is not None:
                uses[key] += 1
            return {**target, name: found}
        case dict() if path[0] in target:
            below = _put(target[path[0]], path[1:], name, key_of, index, uses)
            return {**target, path[0]: below}
        case _:
            return target


def _repeated_weight(index: _Index, uses: Counter[Hashable], most: int) -> int:
    """The weight of the joined objects in all places but the first of each."""
    return sum(
        (count - 1) * weigh(write_json(index[key]), most)
        for key, count in uses.items()
        if count > 1
    )
