"""Closures that decide: truth, `&&` and `||`, equality and order.

To JMESPath, false are null, false itself, and what is empty: `''`, `[]`, `{}`. Zero is true, which
is where Python differs.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from bff.errors import EvaluationError
from bff.plan.expressions.closures.arguments import NUMBERS, STRINGS, kind_of, too_deep_to_compare
from bff.plan.expressions.closures.chains import Evaluate

ORDERINGS: Mapping[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "lt": ("<", operator.lt),
    "lte": ("<=", operator.le),
    "gt": (">", operator.gt),
    "gte": (">=", operator.ge),
}
_ORDERED = NUMBERS | STRINGS


def truth(operand: Evaluate) -> Evaluate:
    """Whether `operand` gives something true."""

    def true(value: Any) -> bool:
        found = operand(value)
        return bool(found) or type(found) in NUMBERS

    return true


def first_true(operands: tuple[Evaluate, ...]) -> Evaluate:
    """`first || second || …`"""
    if len(operands) == 2:
        return _either(*operands)
    *tested, last = operands

    def first_of_many(value: Any) -> Any:
        for operand in tested:
            found = operand(value)
            if found or type(found) in NUMBERS:
                return found
        return last(value)

    return first_of_many


def _either(left: Evaluate, right: Evaluate) -> Evaluate:
    def either(value: Any) -> Any:
        found = left(value)
        return found if found or type(found) in NUMBERS else right(value)

    return either


def first_false(operands: tuple[Evaluate, ...]) -> Evaluate:
    """`first && second && …`"""
    if len(operands) == 2:
        return _both(*operands)
    *tested, last = operands

    def first_of_many(value: Any) -> Any:
        for operand in tested:
            found = operand(value)
            if not found and type(found) not in NUMBERS:
                return found
        return last(value)

    return first_of_many


def _both(left: Evaluate, right: Evaluate) -> Evaluate:
    def both(value: Any) -> Any:
        found = left(value)
        return right(value) if found or type(found) in NUMBERS else found

    return both


def equals(left: Evaluate, right: Evaluate) -> Evaluate:
    """`left == right`"""
    return lambda value: _equal(left(value), right(value))


def equals_constant(operand: Evaluate, constant: Any) -> Evaluate:
    """`operand == constant`, which is what most filters ask."""
    if constant is None or isinstance(constant, bool):
        return lambda value: operand(value) is constant
    if isinstance(constant, str):
        return lambda value: operand(value) == constant
    return lambda value: _equal(operand(value), constant)


def ordering(name: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """`left < right` and the like: of two numbers or two strings. A number beside a string is
    refused (the library raises Python's TypeError); with anything else the result is null."""
    sign, compare = ORDERINGS[name]

    def ordered(value: Any) -> Any:
        one, other = left(value), right(value)
        one_type, other_type = type(one), type(other)
        if (one_type in NUMBERS and other_type in NUMBERS) or one_type is str is other_type:
            return compare(one, other)
        if one_type in _ORDERED and other_type in _ORDERED:
            kinds = f"{kind_of(one)} and {kind_of(other)}"
            raise EvaluationError(f"{sign} compares two numbers or two strings, not {kinds}")
        return None

    return ordered


def _equal(one: Any, other: Any) -> bool:
    # To Python, 1 is true and 0 is false; to JMESPath they are not. Within lists and objects the
    # library leaves it to Python, and so do we.
    if (type(one) is bool) is not (type(other) is bool):
        return False
    try:
        return bool(one == other)
    except RecursionError:
        raise too_deep_to_compare() from None
