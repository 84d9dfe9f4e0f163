"""Comparisons and arithmetic.

To Python, booleans are numbers; to JMESPath they are not.
"""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from bff.errors import EvaluationError
from bff.plan.expressions.closures.arguments import NUMBERS, STRINGS, kind_of, too_deep_to_compare
from bff.plan.schemas.hashes import LEAST_INTEGER, MOST_INTEGER

_Operator = Callable[[Any, Any], Any]

_ORDERED: Final = NUMBERS | STRINGS


def equal(one: Any, other: Any) -> bool:
    """`one == other`. Within lists and objects, 1 and true are equal, as in Python."""
    if (type(one) is bool) is not (type(other) is bool):
        return False
    try:
        return bool(one == other)
    except RecursionError:
        raise too_deep_to_compare() from None


def _ordering(sign: str, compare: _Operator) -> _Operator:
    """`<` and the like: of two numbers or two strings. A number beside a string is refused; with
    anything else the result is null."""

    def ordered(one: Any, other: Any) -> Any:
        one_type, other_type = type(one), type(other)
        if (one_type in NUMBERS and other_type in NUMBERS) or one_type is str is other_type:
            return compare(one, other)
        if one_type in _ORDERED and other_type in _ORDERED:
            kinds = f"{kind_of(one)} and {kind_of(other)}"
            raise EvaluationError(f"{sign} compares two numbers or two strings, not {kinds}")
        return None

    return ordered


def _computing(sign: str, compute: _Operator) -> _Operator:
    def computed(one: Any, other: Any) -> Any:
        if type(one) not in NUMBERS or type(other) not in NUMBERS:
            kinds = f"{kind_of(one)} and {kind_of(other)}"
            raise EvaluationError(f"{sign} takes two numbers, not {kinds}")
        try:
            result = compute(one, other)
        except ZeroDivisionError:
            raise EvaluationError(f"{sign}: division by zero") from None
        except (OverflowError, ValueError):  # ValueError: the floor of NaN
            raise too_big(sign) from None
        return checked_number(sign, result)

    return computed


def checked_number(name: str, number: Any) -> Any:
    """The number. Raises `EvaluationError` for one that is not finite, and for an integer of more
    than 64 bits: products of products would have any size."""
    if type(number) is int:
        if LEAST_INTEGER <= number <= MOST_INTEGER:
            return number
    elif math.isfinite(number):
        return number
    raise too_big(name)


def too_big(name: str) -> EvaluationError:
    """What is raised where `name` would give a number that is none in JSON, or too long."""
    return EvaluationError(f"{name}: the result is too big for a number")


def negated(number: Any) -> Any:
    """`-number`"""
    return checked_number("-", -_signed("-", number))


def kept(number: Any) -> Any:
    """`+number`"""
    return _signed("+", number)


def _signed(sign: str, number: Any) -> Any:
    if type(number) not in NUMBERS:
        raise EvaluationError(f"{sign} takes a number, not {kind_of(number)}")
    return number


OPERATORS: Final[Mapping[str, _Operator]] = {
    "<": _ordering("<", operator.lt),
    "<=": _ordering("<=", operator.le),
    ">": _ordering(">", operator.gt),
    ">=": _ordering(">=", operator.ge),
    "+": _computing("+", operator.add),
    "-": _computing("-", operator.sub),
    "*": _computing("*", operator.mul),
    "/": _computing("/", operator.truediv),
    "//": _computing("//", lambda one, other: math.floor(one // other)),
    "%": _computing("%", operator.mod),
}
