"""The built-in functions of JMESPath at run time.

They do what the `jmespath` library's do, over plain JSON values (dict, list, str, int, float,
bool, None). What a function refuses is an `EvaluationError`
(`bff.plan.expressions.closures.arguments`). Where the library lets Python show through, these are
stricter:

- `merge` takes objects alone (there, only its first argument is checked);
- `to_number` gives null for `'nan'` and `'inf'`, and `sum` and `avg` refuse a result too big for
  a number: JSON has no such numbers;
- `contains` in a string, and `min_by` and `max_by` over mixed keys, refuse as the others do
  (there, Python's own TypeError comes out).

Arguments that are expressions (`&…`) arrive as closures. Nothing here changes its arguments;
results may share structure with them.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bff.errors import EvaluationError
from bff.plan.expressions.closures.arguments import (
    NUMBERS,
    STRINGS,
    all_of_one_kind,
    kind_of,
    kinds_in,
    require,
    require_all,
    require_array,
    require_comparable,
    too_deep_to_compare,
)
from bff.plan.expressions.closures.chains import Evaluate
from bff.plan.expressions.closures.growth import LARGEST_VALUE, too_large


@dataclass(frozen=True, slots=True)
class Function:
    """One built-in: how many arguments it takes, and which of them is an expression."""

    call: Callable[..., Any]
    arity: int
    variadic: bool = False  # `arity` is then the least
    expression_at: int | None = None


# ---------------------------------------------------------------------------- numbers


def _abs(number: Any) -> Any:
    require("abs", 1, number, NUMBERS, "a number")
    return abs(number)


def _ceil(number: Any) -> Any:
    require("ceil", 1, number, NUMBERS, "a number")
    return math.ceil(number)


def _floor(number: Any) -> Any:
    require("floor", 1, number, NUMBERS, "a number")
    return math.floor(number)


def _sum(numbers: Any) -> Any:
    require_all("sum", 1, numbers, NUMBERS, "an array of numbers")
    return _finite("sum", lambda: sum(numbers))


def _avg(numbers: Any) -> Any:
    require_all("avg", 1, numbers, NUMBERS, "an array of numbers")
    return _finite("avg", lambda: sum(numbers) / len(numbers)) if numbers else None


def _finite(name: str, compute: Callable[[], Any]) -> Any:
    try:
        result = compute()
    except OverflowError:
        result = math.inf
    if type(result) is float and not math.isfinite(result):
        raise EvaluationError(f"{name}(): the result is too big for a number")
    return result


def _to_number(value: Any) -> Any:
    if type(value) in NUMBERS:
        return value
    if type(value) is not str:
        return None
    try:
        return int(value)
    except ValueError:
        pass
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


# ---------------------------------------------------------------------------- strings


def _starts_with(text: Any, prefix: Any) -> bool:
    require("starts_with", 1, text, STRINGS, "a string")
    require("starts_with", 2, prefix, STRINGS, "a string")
    return bool(text.startswith(prefix))


def _ends_with(text: Any, suffix: Any) -> bool:
    require("ends_with", 1, text, STRINGS, "a string")
    require("ends_with", 2, suffix, STRINGS, "a string")
    return bool(text.endswith(suffix))


def _join(separator: Any, texts: Any) -> str:
    require("join", 1, separator, STRINGS, "a string")
    require_all("join", 2, texts, STRINGS, "an array of strings")
    if sum(map(len, texts), len(separator) * len(texts)) > LARGEST_VALUE:
        raise too_large()
    return str(separator.join(texts))


def _to_string(value: Any) -> str:
    if type(value) is str:
        return value
    try:
        return json.dumps(value, separators=(",", ":"))
    except (RecursionError, ValueError):  # ValueError: an integer of thousands of digits
        raise EvaluationError("to_string(): the value is too big for a text") from None


# ---------------------------------------------------------------------------- arrays


def _contains(subject: Any, wanted: Any) -> bool:
    if type(subject) is str:
        require("contains", 2, wanted, STRINGS, "a string, as argument 1 is one")
        return wanted in subject
    require("contains", 1, subject, frozenset((list,)), "an array or a string")
    try:
        return wanted in subject
    except RecursionError:
        raise too_deep_to_compare() from None


def _length(value: Any) -> int:
    require("length", 1, value, frozenset((str, list, dict)), "a string, an array or an object")
    return len(value)


def _reverse(value: Any) -> Any:
    require("reverse", 1, value, frozenset((str, list)), "an array or a string")
    return value[::-1]


def _to_array(value: Any) -> list[Any]:
    return value if type(value) is list else [value]


def _map(key: Evaluate, array: Any) -> list[Any]:
    require_array("map", 2, array)
    return [key(element) for element in array]


def _max(array: Any) -> Any:
    require_comparable("max", array)
    return max(array) if array else None


def _min(array: Any) -> Any:
    require_comparable("min", array)
    return min(array) if array else None


def _sort(array: Any) -> list[Any]:
    require_comparable("sort", array)
    return sorted(array)


def _sort_by(array: Any, key: Evaluate) -> list[Any]:
    keys = _keys_of("sort_by", array, key)
    return [array[index] for index in sorted(range(len(keys)), key=keys.__getitem__)]


def _max_by(array: Any, key: Evaluate) -> Any:
    keys = _keys_of("max_by", array, key)
    return array[max(range(len(keys)), key=keys.__getitem__)] if keys else None


def _min_by(array: Any, key: Evaluate) -> Any:
    keys = _keys_of("min_by", array, key)
    return array[min(range(len(keys)), key=keys.__getitem__)] if keys else None


def _keys_of(name: str, array: Any, key: Evaluate) -> list[Any]:
    require_array(name, 1, array)
    keys = [key(element) for element in array]
    if all_of_one_kind(keys):
        return keys
    expected = "numbers alone, or strings alone, as keys"
    raise EvaluationError(f"{name}(): argument 2 must give {expected}, not {kinds_in(keys)}")


# ---------------------------------------------------------------------------- objects, anything


def _keys(value: Any) -> list[str]:
    require("keys", 1, value, frozenset((dict,)), "an object")
    return list(value)


def _values(value: Any) -> list[Any]:
    require("values", 1, value, frozenset((dict,)), "an object")
    return list(value.values())


def _merge(*objects: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for position, part in enumerate(objects, 1):
        require("merge", position, part, frozenset((dict,)), "an object")
        merged.update(part)
    return merged


def _not_null(*values: Any) -> Any:
    for value in values:
        if value is not None:
            return value
    return None


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(_abs, 1),
    "avg": Function(_avg, 1),
    "ceil": Function(_ceil, 1),
    "contains": Function(_contains, 2),
    "ends_with": Function(_ends_with, 2),
    "floor": Function(_floor, 1),
    "join": Function(_join, 2),
    "keys": Function(_keys, 1),
    "length": Function(_length, 1),
    "map": Function(_map, 2, expression_at=0),
    "max": Function(_max, 1),
    "max_by": Function(_max_by, 2, expression_at=1),
    "merge": Function(_merge, 1, variadic=True),
    "min": Function(_min, 1),
    "min_by": Function(_min_by, 2, expression_at=1),
    "not_null": Function(_not_null, 1, variadic=True),
    "reverse": Function(_reverse, 1),
    "sort": Function(_sort, 1),
    "sort_by": Function(_sort_by, 2, expression_at=1),
    "starts_with": Function(_starts_with, 2),
    "sum": Function(_sum, 1),
    "to_array": Function(_to_array, 1),
    "to_number": Function(_to_number, 1),
    "to_string": Function(_to_string, 1),
    "type": Function(kind_of, 1),
    "values": Function(_values, 1),
}
