"""Strict text forms: what a path, a query or a header writes a param as.

Lax forms would give one value many spellings, and each its own cache entry: no `+`, blanks,
underscores, exponents or points in integers, nothing empty, no second value for what is no list.
Texts come here decoded. In a list that is one text no element can hold what separates them.
"""

import re
from collections.abc import Callable

from bff.plan.model.service import SEPARATORS, Check, Style
from bff.plan.params.checks import OUT_OF_64_BITS, each_element

ParseText = Callable[[list[str]], object]  # raises ValueError

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})").fullmatch
_LONG_INTEGER = re.compile(r"-?[1-9][0-9]{19,}").fullmatch
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch  # RFC 8259 §6
_LONGEST_NUMBER = 400  # characters: more than the largest double has digits
_CALLED = {",": "commas", " ": "blanks", "|": "pipes"}
_BOOLEANS = {"true": True, "false": False}


def single_text(kind: str, check: Check) -> ParseText:
    """The parser of a param that is no list."""
    read = READERS[kind]

    def parse(texts: list[str]) -> object:
        if len(texts) != 1:
            raise ValueError("must come once")
        return check(read(texts[0]))

    return parse


def repeated_texts(kind: str, check: Check) -> ParseText:
    """The parser of a list with an element in each text."""
    read = READERS[kind]
    return lambda texts: check(each_element(read, texts))


def separated_text(kind: str, check: Check, style: Style) -> ParseText:
    """The parser of a list that is one text."""
    read = READERS[kind]
    separator = SEPARATORS[style]
    message = f"must come once, with {_CALLED[separator]} between its elements"

    def parse(texts: list[str]) -> object:
        if len(texts) != 1:
            raise ValueError(message)
        return check(each_element(read, texts[0].split(separator)))

    return parse


def header_texts(kind: str, check: Check) -> ParseText:
    """The parser of a list in headers: several lines are one list (RFC 9110 §5.3), and blanks
    around its commas mean nothing (§5.6.1)."""
    read = READERS[kind]

    def parse(texts: list[str]) -> object:
        return check(each_element(read, [part.strip(" \t") for part in ",".join(texts).split(",")]))

    return parse


def _read_integer(text: str) -> int:
    if not _INTEGER(text):
        _refuse_empty(text)
        raise ValueError(
            OUT_OF_64_BITS if _LONG_INTEGER(text) else "must be an integer, written in digits"
        )
    return int(text)


def _read_number(text: str) -> int | float:
    match = _NUMBER(text)
    if match is None or len(text) > _LONGEST_NUMBER:
        _refuse_empty(text)
        raise ValueError("must be a number, written as in JSON")
    return float(text) if match[1] or match[2] else int(text)


def _read_boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        _refuse_empty(text)
        raise ValueError("must be true or false")
    return _BOOLEANS[text]


def _read_string(text: str) -> str:
    _refuse_empty(text)
    return text


def _refuse_empty(text: str) -> None:
    if not text:
        raise ValueError("must not be empty")


READERS: dict[str, Callable[[str], object]] = {
    "integer": _read_integer,
    "number": _read_number,
    "boolean": _read_boolean,
    "string": _read_string,
}
