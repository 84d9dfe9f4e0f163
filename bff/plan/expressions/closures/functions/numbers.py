"""Functions of numbers, and what makes numbers of other values."""

import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, Final

from bff.errors import EvaluationError
from bff.plan.expressions.closures.arguments import NUMBERS, refusal, require, require_all
from bff.plan.expressions.closures.operators import checked_number, too_big
from bff.plan.schemas.hashes import LEAST_INTEGER, MOST_INTEGER

_MOST_DIGITS: Final = 400  # behind or before the point; no double has more
_DECIMAL: Final = Context(prec=2 * _MOST_DIGITS, rounding=ROUND_HALF_UP)  # away from zero


def absolute(number: Any) -> Any:
    require("abs", 1, number, NUMBERS, "a number")
    return abs(number)


def ceil(number: Any) -> Any:
    require("ceil", 1, number, NUMBERS, "a number")
    return checked_number("ceil()", math.ceil(number))


def floor(number: Any) -> Any:
    require("floor", 1, number, NUMBERS, "a number")
    return checked_number("floor()", math.floor(number))


def round_half_up(number: Any, digits: Any = 0) -> Any:
    """Half away from zero, by the digits that JSON shows: `round(2.675, 2)` is 2.68, though the
    double is a little less. To no digits, and of an integer, it is an integer."""
    require("round", 1, number, NUMBERS, "a number")
    places = whole_number("round", 2, digits)
    places = max(-_MOST_DIGITS, min(places, _MOST_DIGITS))
    if type(number) is int and places >= 0:
        return number
    try:
        rounded = Decimal(repr(number)).quantize(Decimal(1).scaleb(-places), context=_DECIMAL)
    except InvalidOperation:  # an integer of more digits
        raise too_big("round()") from None
    if type(number) is int or places <= 0:
        return checked_number("round()", int(rounded))
    return float(rounded)


def total(numbers: Any) -> Any:
    require_all("sum", 1, numbers, NUMBERS, "an array of numbers")
    return _finite("sum", lambda: sum(numbers))


def average(numbers: Any) -> Any:
    require_all("avg", 1, numbers, NUMBERS, "an array of numbers")
    return _finite("avg", lambda: sum(numbers) / len(numbers)) if numbers else None


def to_number(value: Any) -> Any:
    if type(value) in NUMBERS:
        return value
    if type(value) is not str or "_" in value or not value.isascii():  # Python reads 1_000 and ١
        return None
    try:
        whole = int(value)
    except ValueError:
        pass
    else:
        if LEAST_INTEGER <= whole <= MOST_INTEGER:
            return whole
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def to_integer(value: Any) -> Any:
    """The whole number that the value is, or that its text is; null for every other value."""
    number = to_number(value)
    if type(number) is float:
        is_whole = number.is_integer() and number > LEAST_INTEGER  # at it, it may stand for less
        number = int(number) if is_whole else None
    if number is None or not LEAST_INTEGER <= number <= MOST_INTEGER:
        return None
    return number


def whole_number(name: str, position: int, value: Any, *, least: int | None = None) -> int:
    """The value as an integer of 64 bits; a larger one stands for as much, since no text is so
    long. Refuses what is none: 1.5, or less than `least`."""
    require(name, position, value, NUMBERS, "a number")
    whole = value if type(value) is int else int(value) if math.isfinite(value) else None
    if whole is None or whole != value:
        raise refusal(name, position, "a whole number", "one with a fraction")
    if least is not None and whole < least:
        raise refusal(name, position, f"{least} or more", "less")
    return max(LEAST_INTEGER, min(whole, MOST_INTEGER))


def _finite(name: str, compute: Callable[[], Any]) -> Any:
    try:
        result = compute()
    except OverflowError:
        result = math.inf
    if type(result) is float and not math.isfinite(result):
        raise EvaluationError(f"{name}(): the result is too big for a number")
    return result
