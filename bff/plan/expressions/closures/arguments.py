"""The kinds of values that functions of expressions take, and the refusals of others.

A refusal is an `EvaluationError` that names the function, the argument, what it takes and what
kind of value came; never the value, which may be a person's.
"""

from typing import Any

from bff.errors import EvaluationError

NUMBERS = frozenset((int, float))  # by exact type, so that booleans are none
STRINGS = frozenset((str,))

_KINDS = {
    str: "string", bool: "boolean", list: "array", dict: "object",
    int: "number", float: "number", type(None): "null",
}  # fmt: skip


def kind_of(value: Any) -> str:
    """JMESPath's name for a value's type."""
    return _KINDS.get(type(value), "unknown")


def too_deep_to_compare() -> EvaluationError:
    """What is raised where Python's own comparison of whole values gives up."""
    return EvaluationError("values nested too deeply to be compared")


def require(name: str, position: int, value: Any, types: frozenset[type], expected: str) -> None:
    if type(value) not in types:
        raise refusal(name, position, expected, kind_of(value))


def require_array(name: str, position: int, value: Any) -> None:
    if type(value) is not list:
        raise refusal(name, position, "an array", kind_of(value))


def require_all(
    name: str, position: int, value: Any, types: frozenset[type], expected: str
) -> None:
    if type(value) is not list:
        raise refusal(name, position, expected, kind_of(value))
    if not types.issuperset(map(type, value)):
        raise refusal(name, position, expected, f"an array of {kinds_in(value)}")


def require_comparable(name: str, value: Any) -> None:
    expected = "an array of numbers or an array of strings"
    if type(value) is not list:
        raise refusal(name, 1, expected, kind_of(value))
    if not all_of_one_kind(value):
        raise refusal(name, 1, expected, f"an array of {kinds_in(value)}")


def all_of_one_kind(values: list[Any]) -> bool:
    types = set(map(type, values))
    return types <= NUMBERS or types <= STRINGS


def kinds_in(values: list[Any]) -> str:
    return " and ".join(sorted(set(map(kind_of, values))))


def refusal(name: str, position: int, expected: str, got: str) -> EvaluationError:
    """The error of an argument that is not what the function takes."""
    return EvaluationError(f"{name}(): argument {position} must be {expected}, not {got}")
