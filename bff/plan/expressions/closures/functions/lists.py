"""Functions of lists and objects, and those that take any value.

Arguments that are expressions (`&…`) arrive as functions of an element.
"""

import json
from typing import Any

from bff.errors import EvaluationError
from bff.plan.expressions.closures.arguments import (
    STRINGS,
    all_of_one_kind,
    kind_of,
    kinds_in,
    refusal,
    require,
    require_array,
    require_comparable,
    too_deep_to_compare,
)
from bff.plan.expressions.closures.chains import Evaluate

_OBJECTS = frozenset((dict,))


def contains(subject: Any, wanted: Any) -> bool:
    if type(subject) is str:
        require("contains", 2, wanted, STRINGS, "a string, as argument 1 is one")
        return wanted in subject
    require("contains", 1, subject, frozenset((list,)), "an array or a string")
    try:
        return wanted in subject
    except RecursionError:
        raise too_deep_to_compare() from None


def length(value: Any) -> int:
    require("length", 1, value, frozenset((str, list, dict)), "a string, an array or an object")
    return len(value)


def reverse(value: Any) -> Any:
    require("reverse", 1, value, frozenset((str, list)), "an array or a string")
    return value[::-1]


def to_array(value: Any) -> list[Any]:
    return value if type(value) is list else [value]


def not_null(*values: Any) -> Any:
    for value in values:
        if value is not None:
            return value
    return None


# ---------------------------------------------------------------------------- lists


def map_each(key: Evaluate, array: Any) -> list[Any]:
    require_array("map", 2, array)
    return [key(element) for element in array]


def largest(array: Any) -> Any:
    require_comparable("max", array)
    return max(array) if array else None


def smallest(array: Any) -> Any:
    require_comparable("min", array)
    return min(array) if array else None


def sort(array: Any) -> list[Any]:
    require_comparable("sort", array)
    return sorted(array)


def sort_by(array: Any, key: Evaluate) -> list[Any]:
    keys = _keys_of("sort_by", array, key)
    return [array[index] for index in sorted(range(len(keys)), key=keys.__getitem__)]


def max_by(array: Any, key: Evaluate) -> Any:
    keys = _keys_of("max_by", array, key)
    return array[max(range(len(keys)), key=keys.__getitem__)] if keys else None


def min_by(array: Any, key: Evaluate) -> Any:
    keys = _keys_of("min_by", array, key)
    return array[min(range(len(keys)), key=keys.__getitem__)] if keys else None


def group_by(array: Any, key: Evaluate) -> dict[str, list[Any]]:
    """The elements in lists by their keys; those with no key (null) are left out."""
    require_array("group_by", 1, array)
    groups: dict[str, list[Any]] = {}
    for element in array:
        name = key(element)
        if name is None:
            continue
        if type(name) is not str:
            raise _wrong_key("group_by", "strings, or null, as keys", [name])
        groups.setdefault(name, []).append(element)
    return groups


def index_by(array: Any, key: Evaluate) -> dict[str, Any]:
    """The elements by their keys; of equal keys the first."""
    require_array("index_by", 1, array)
    index: dict[str, Any] = {}
    for element in array:
        name = key(element)
        if type(name) is not str:
            raise _wrong_key("index_by", "strings as keys", [name])
        index.setdefault(name, element)
    return index


def unique(array: Any) -> list[Any]:
    """The elements without those that equal one before."""
    require_array("unique", 1, array)
    first: dict[str, Any] = {}
    try:
        for element in array:
            first.setdefault(_identity(element), element)
    except RecursionError:
        raise too_deep_to_compare() from None
    return list(first.values())


def zip_lists(*arrays: Any) -> list[list[Any]]:
    for position, array in enumerate(arrays, 1):
        require_array("zip", position, array)
    return [list(each) for each in zip(*arrays, strict=False)]


def _keys_of(name: str, array: Any, key: Evaluate) -> list[Any]:
    require_array(name, 1, array)
    keys = [key(element) for element in array]
    if all_of_one_kind(keys):
        return keys
    raise _wrong_key(name, "numbers alone, or strings alone, as keys", keys)


def _wrong_key(name: str, expected: str, keys: list[Any]) -> EvaluationError:
    return EvaluationError(f"{name}(): argument 2 must give {expected}, not {kinds_in(keys)}")


def _identity(value: Any) -> str:
    """A text that equal values share and others don't. A sender can choose numbers and lists of one
    hash, and no texts."""
    match value:
        case float() if value.is_integer():
            return hex(int(value))
        case bool() | float() | None:
            return repr(value)
        case int():
            return hex(value)
        case list():
            return f"[{','.join(map(_identity, value))}]"
        case dict():
            parts = (f"{json.dumps(name)}:{_identity(part)}" for name, part in value.items())
            return f"{{{','.join(sorted(parts))}}}"
        case _:
            return json.dumps(value)


# ---------------------------------------------------------------------------- objects


def keys(value: Any) -> list[str]:
    require("keys", 1, value, _OBJECTS, "an object")
    return list(value)


def values(value: Any) -> list[Any]:
    require("values", 1, value, _OBJECTS, "an object")
    return list(value.values())


def items(value: Any) -> list[list[Any]]:
    require("items", 1, value, _OBJECTS, "an object")
    return [[name, part] for name, part in value.items()]


def from_items(pairs: Any) -> dict[str, Any]:
    require_array("from_items", 1, pairs)
    built: dict[str, Any] = {}
    for pair in pairs:
        if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str:
            kind = "other lists" if type(pair) is list else kind_of(pair)
            raise refusal("from_items", 1, "an array of pairs [string, value]", f"one with {kind}")
        built[pair[0]] = pair[1]
    return built


def get(value: Any, key: Any) -> Any:
    require("get", 1, value, _OBJECTS, "an object")
    require("get", 2, key, STRINGS, "a string")
    return value.get(key)


def merge(*objects: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for position, part in enumerate(objects, 1):
        require("merge", position, part, _OBJECTS, "an object")
        merged.update(part)
    return merged
