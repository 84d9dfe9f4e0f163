"""Joins: objects put into other objects by matching fields, after all steps and in declared order.

What is found for an object: of a list of objects, the first that matches, or the list of all that
do (`many`); of an object keyed by id, the value under the key. Where nothing is found, the field is
null, or an empty list, or the object is dropped from its list. A source that is null puts null
everywhere, and drops nothing: nothing is known then.

Nothing is changed in place: every object and list on the way to a target is copied, everything
else is shared. So a fallback that requests share stays as declared, the sources of other joins stay
unjoined, and the next join can walk into an object in each place where one join put it.

A shared object costs nothing here, and its whole text in each place when the payload is written; a
later join on the way to a target copies it in each place. So the weight of what joins repeat has a
bound, and all copies are of what was read or repeated. Pure.
"""

import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from itertools import repeat
from math import inf
from typing import Any, NamedTuple

from bff.engine.payload.texts import CONTAINER_WEIGHT, weigh, write_json
from bff.errors import EvaluationError, TooLargeError
from bff.plan.model.expressions import Root
from bff.plan.model.payload import ByFields, ByKey, Join

_Index = Mapping[Hashable, Any]  # what is found, by key

_MOST_WEIGHT_OF_A_BYTE = CONTAINER_WEIGHT // len("[]")  # of a small reply, weighed by its length


class Bounds(NamedTuple):
    """The weight of all bodies that a run read, and of the payload that it may make of them."""

    read_weight: int
    payload_bytes: int


def apply_joins(
    joins: Sequence[Join], root: Root, bounds: Bounds
) -> tuple[Root, Mapping[str, int]]:
    """The root with every join applied, and how many elements of a source repeat a key of which
    the first counts: by the path of the join, where there are any (`{"orders.user": 2}`).

    Sources are evaluated on the unjoined `root`. Raises `EvaluationError` when a source can't be
    evaluated or is no list, and `TooLargeError` when the joins repeat more than the bound.
    """
    joined: dict[str, Any] = dict(root)
    ambiguous: dict[str, int] = {}
    most = bounds.payload_bytes
    for join in joins:
        source = join.source.evaluate(root)
        index, repeated = _index(join, source)
        if repeated:
            ambiguous[".".join((join.into_step, *join.into, join.as_name))] = repeated
        joined[join.into_step], objects = _copied_to(joined[join.into_step], join.into)
        keys = _keys_there(join.by, objects)
        nothing = _nothing_found(join.by, source)
        for target, found in zip(objects, map(index.get, keys, repeat(nothing)), strict=True):
            target[join.as_name] = found
        if join.drops and source is not None:
            dropped = {id(each) for each in objects if each[join.as_name] == nothing}
            _drop(join, joined[join.into_step], join.into, dropped)
        if len(keys) * bounds.read_weight * _MOST_WEIGHT_OF_A_BYTE > most:  # or none is needed
            most -= _repeated_weight(index, keys, most)
            if most < 0:
                raise TooLargeError(f"the join '{join.as_name}' repeats too much")
    return joined, ambiguous


def strict_key(value: Any) -> Hashable:
    """A key that is equal for two JSON values exactly when the values are equal as JSON: `1` is
    `1.0`, and neither is `"1"` or `true`, which Python has equal to 1."""
    kind = type(value)
    if kind is str or (kind is int and -_HASHES_REPEAT_FROM < value < _HASHES_REPEAT_FROM):
        return value  # type: ignore[no-any-return]  # what most are: `match` takes twice the time
    match value:
        case bool():
            return ("boolean", value)
        case int() | float() if abs(value) >= _HASHES_REPEAT_FROM and abs(value) != inf:
            return ("number", hex(int(value)))
        case list():
            return ("list", *map(_part_of_key, value))
        case dict():
            parts = frozenset((name, _part_of_key(each)) for name, each in value.items())
            return ("object", parts)
        case _:
            return value  # type: ignore[no-any-return]


def _part_of_key(value: Any) -> Hashable:
    """The key of a value that is a part of another key. Python's hash of a tuple of numbers has no
    secret, so that pairs of one hash can be chosen, of which 12,000 took 1.2 s; that of bytes has
    one."""
    match strict_key(value):
        case str() | None as key:
            return key
        case float() as number if not number.is_integer():
            return repr(number).encode()
        case int() | float() as number:
            return b"%d" % int(number)
        case key:
            return key


# Python's hash of an integer is its remainder by this number: a list of larger ones can be made of
# which all collide, and 43,500 of them took a dictionary 13 s.
_HASHES_REPEAT_FROM = sys.hash_info.modulus
_EXACT_FLOATS_BELOW = 2.0**53


def _index(join: Join, source: Any) -> tuple[_Index, int]:
    """What is found in the source, by key, and how many keys are repeated there in doubt of what is
    meant. In a null source nothing is found."""
    if source is None:
        return {}, 0
    match join.by:
        case ByKey():
            if not isinstance(source, dict):
                raise EvaluationError(f"the source of the join '{join.as_name}' is no object")
            return source, 0
        case ByFields(pairs, many):
            if not isinstance(source, list):
                raise EvaluationError(f"the source of the join '{join.as_name}' is no list")
            elements = [element for element in source if isinstance(element, dict)]
            keys = _keys(elements, [theirs for _, theirs in pairs])
            return (_all(keys, elements), 0) if many else _first(keys, elements)


def _first(keys: list[Hashable], elements: list[dict[str, Any]]) -> tuple[_Index, int]:
    """The first element for each key, and how many are not the first."""
    index = dict(zip(reversed(keys), reversed(elements), strict=True))
    index.pop(None, None)
    return index, len(keys) - keys.count(None) - len(index)


def _all(keys: list[Hashable], elements: list[dict[str, Any]]) -> _Index:
    """The elements for each key, in their order."""
    index: dict[Hashable, list[dict[str, Any]]] = {}
    for key, element in zip(keys, elements, strict=True):
        if key is not None:
            index.setdefault(key, []).append(element)
    return index


def _keys_there(by: ByFields | ByKey, objects: Sequence[dict[str, Any]]) -> list[Hashable]:
    """The key of each object that the join goes into."""
    match by:
        case ByKey(field):
            return [_text_key(each.get(field)) for each in objects]
        case ByFields(pairs):
            return _keys(objects, [mine for mine, _ in pairs])


def _text_key(value: Any) -> str | None:
    """The key of an object that a value stands for: JSON's integers by their digits."""
    match value:
        case str():
            return value
        case bool():
            return None
        case float() if value.is_integer() and abs(value) < _EXACT_FLOATS_BELOW:
            return str(int(value))
        case int() if abs(value) < _HASHES_REPEAT_FROM**2:  # Python refuses to write very long ones
            return str(value)
        case _:
            return None


def _nothing_found(by: ByFields | ByKey, source: Any) -> list[Any] | None:
    return [] if source is not None and isinstance(by, ByFields) and by.many else None


def _drop(join: Join, value: Any, path: tuple[str, ...], dropped: Set[int]) -> None:
    """Take the dropped objects from the lists that they stand in; `value` is a copy as
    `_copied_to` makes it. Raises `EvaluationError` for one that stands in no list."""
    if isinstance(value, list):
        if not path:
            value[:] = [each for each in value if id(each) not in dropped]
        for each in value:
            if path or isinstance(each, list):
                _drop(join, each, path, dropped)
    elif isinstance(value, dict) and path:
        if path[0] in value:
            _drop(join, value[path[0]], path[1:], dropped)
    elif id(value) in dropped:
        raise EvaluationError(f"the join '{join.as_name}' drops what stands in no list")


def _keys(objects: Sequence[dict[str, Any]], fields: Sequence[str]) -> list[Hashable]:
    """The key of each object; None when a field is missing or null, which matches nothing."""
    if len(fields) == 1:
        return [strict_key(each.get(fields[0])) for each in objects]
    columns = [[_part_of_key(each.get(field)) for each in objects] for field in fields]
    return [None if None in key else key for key in zip(*columns, strict=True)]


def _copied_to(target: Any, path: tuple[str, ...]) -> tuple[Any, list[dict[str, Any]]]:
    """A copy of `target` down to the objects at `path`, and those objects, which are copies too."""
    objects: list[dict[str, Any]] = []
    copied = _copied(target, objects)
    for name in path:
        above, objects = objects, []
        for each in above:
            if name in each:
                each[name] = _copied(each[name], objects)
    return copied, objects


def _copied(value: Any, objects: list[dict[str, Any]]) -> Any:
    """A copy of the value, which is an object, or of each object in its lists; the copies are added
    to `objects`. Other values are shared."""
    if isinstance(value, list):
        copies: list[Any] = []
        for each in value:
            if isinstance(each, dict):  # most are: a call for each takes as long as the copy
                each = each.copy()
                objects.append(each)
                copies.append(each)
            else:
                copies.append(_copied(each, objects))
        return copies
    if isinstance(value, dict):
        value = value.copy()
        objects.append(value)
    return value


def _repeated_weight(index: _Index, keys: Iterable[Hashable], most: int) -> int:
    """The weight of what is found, in all places but the first of each."""
    return sum(
        (count - 1) * weigh(write_json(index[key]), most)
        for key, count in Counter(keys).items()
        if count > 1 and key in index
    )
