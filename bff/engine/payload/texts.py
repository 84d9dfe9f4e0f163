"""JSON texts: how values are written, and what a text costs whoever reads or holds it. Pure."""

from math import isfinite
from typing import Any, Final

from pydantic_core import to_json

from bff.errors import EvaluationError
from bff.plan.schemas.json_texts import count_openers

_CONTAINER_WEIGHT: Final = 40
# Smaller texts are as heavy as they are long.
_COUNTED_FROM_BYTES: Final = 64 * 1024


def weigh(text: bytes, most: int) -> int:
    """The cost of reading the text, in bytes of ordinary JSON: its length, or 40 for each object
    and list where that is more. Brackets in strings count too. What weighs more than `most` may
    weigh more than the result."""
    size = len(text)
    if size <= _COUNTED_FROM_BYTES:
        return size
    return max(size, _CONTAINER_WEIGHT * count_openers(text, most // _CONTAINER_WEIGHT))


def write_json(value: Any) -> bytes:
    """A JSON value as UTF-8 text. Raises `EvaluationError` for a value without a JSON form."""
    try:
        text = to_json(value, inf_nan_mode="constants")
    except ValueError as error:  # a lone surrogate, an unknown type: nothing a schema lets through
        raise EvaluationError("a value has no JSON form") from error
    # Expressions can overflow (`sum`). To look for the constants costs 0.1 µs a KB; to walk the
    # value first would cost more than serialising it.
    if (b"NaN" in text or b"Infinity" in text) and not _is_finite(value):
        raise EvaluationError("a number is not finite")
    return text


def _is_finite(value: Any) -> bool:
    match value:
        case float():
            return isfinite(value)
        case dict():
            return all(map(_is_finite, value.values()))
        case list():
            return all(map(_is_finite, value))
        case _:
            return True
