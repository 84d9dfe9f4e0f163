"""JSON texts: how values are written, and what a text costs whoever reads or holds it. Pure."""

from math import isfinite
from typing import Any, Final

from pydantic_core import to_json

from bff.errors import EvaluationError
from bff.plan.schemas.json_texts import count_openers

CONTAINER_WEIGHT: Final = 40
# A smaller reply is as heavy as it is long. To count takes 0.4 µs a KB.
_COUNTED_FROM_BYTES: Final = 16 * 1024


def weigh_reply(text: bytes, most: int) -> int:
    """The cost of reading the text, as `weigh` has it for all but small ones."""
    return len(text) if len(text) <= _COUNTED_FROM_BYTES else weigh(text, most)


def weigh(text: bytes, most: int) -> int:
    """The cost of the text's value, in bytes of ordinary JSON: its length, or 40 for each object
    and list where that is more. Brackets in strings count too. What weighs more than `most` may
    weigh more than the result."""
    return max(len(text), CONTAINER_WEIGHT * count_openers(text, most // CONTAINER_WEIGHT))


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
