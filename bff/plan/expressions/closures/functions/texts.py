"""Functions of texts. Where one can make a text that is longer than what it was given, the length
is looked at first."""

import json
from collections.abc import Callable
from typing import Any

from bff.errors import EvaluationError
from bff.plan.expressions.closures.arguments import STRINGS, refusal, require, require_all
from bff.plan.expressions.closures.functions.numbers import whole_number
from bff.plan.expressions.closures.growth import LARGEST_VALUE, too_large


def starts_with(text: Any, prefix: Any) -> bool:
    _require_texts("starts_with", text, prefix)
    return bool(text.startswith(prefix))


def ends_with(text: Any, suffix: Any) -> bool:
    _require_texts("ends_with", text, suffix)
    return bool(text.endswith(suffix))


def find_first(text: Any, wanted: Any, start: Any = 0, end: Any = None) -> Any:
    return _find("find_first", str.find, text, wanted, start, end)


def find_last(text: Any, wanted: Any, start: Any = 0, end: Any = None) -> Any:
    return _find("find_last", str.rfind, text, wanted, start, end)


def lower(text: Any) -> str:
    _require_texts("lower", text)
    return str(text.lower())


def upper(text: Any) -> str:
    _require_texts("upper", text)
    return str(text.upper())


def trim(text: Any, characters: Any = "") -> str:
    _require_texts("trim", text, characters)
    return str(text.strip(characters or None))


def trim_left(text: Any, characters: Any = "") -> str:
    _require_texts("trim_left", text, characters)
    return str(text.lstrip(characters or None))


def trim_right(text: Any, characters: Any = "") -> str:
    _require_texts("trim_right", text, characters)
    return str(text.rstrip(characters or None))


def pad_left(text: Any, width: Any, padding: Any = " ") -> str:
    return _pad("pad_left", str.rjust, text, width, padding)


def pad_right(text: Any, width: Any, padding: Any = " ") -> str:
    return _pad("pad_right", str.ljust, text, width, padding)


def replace(text: Any, wanted: Any, replacement: Any, most: Any = None) -> str:
    _require_texts("replace", text, wanted, replacement)
    count = -1 if most is None else whole_number("replace", 4, most, least=0)
    found = text.count(wanted) if wanted else len(text) + 1
    times = found if count < 0 else min(found, count)
    if len(text) + times * (len(replacement) - len(wanted)) > LARGEST_VALUE:
        raise too_large()
    return str(text.replace(wanted, replacement, count))


def split(text: Any, separator: Any, most: Any = None) -> list[str]:
    """The parts between the separators, of an empty one the characters; with `most`, so many parts
    are split off, and the rest is one more."""
    _require_texts("split", text, separator)
    count = -1 if most is None else whole_number("split", 3, most, least=0)
    if separator:
        return list(text.split(separator, count))
    if count < 0 or count >= len(text):
        return list(text)
    return [*text[:count], text[count:]]


def join(separator: Any, texts: Any) -> str:
    require("join", 1, separator, STRINGS, "a string")
    require_all("join", 2, texts, STRINGS, "an array of strings")
    if sum(map(len, texts), len(separator) * len(texts)) > LARGEST_VALUE:
        raise too_large()
    return str(separator.join(texts))


def to_string(value: Any) -> str:
    if type(value) is str:
        return value
    try:
        return json.dumps(value, separators=(",", ":"))
    except (RecursionError, ValueError):  # ValueError: an integer of thousands of digits
        raise EvaluationError("to_string(): the value is too big for a text") from None


def _require_texts(name: str, *texts: Any) -> None:
    for position, text in enumerate(texts, 1):
        require(name, position, text, STRINGS, "a string")


def _find(
    name: str, find: Callable[..., int], text: Any, wanted: Any, start: Any, end: Any
) -> int | None:
    _require_texts(name, text, wanted)
    first = whole_number(name, 3, start)
    after = None if end is None else whole_number(name, 4, end)
    if not wanted:
        return None
    at = find(text, wanted, first, after)
    return at if at >= 0 else None


def _pad(name: str, pad: Callable[..., str], text: Any, width: Any, padding: Any) -> str:
    require(name, 1, text, STRINGS, "a string")
    wide = whole_number(name, 2, width, least=0)
    require(name, 3, padding, STRINGS, "a string")
    if len(padding) != 1:
        raise refusal(name, 3, "one character", "none" if not padding else "several")
    if wide > LARGEST_VALUE:
        raise too_large()
    return pad(text, wide, padding)
