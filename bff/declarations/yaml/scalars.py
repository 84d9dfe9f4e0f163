"""What a plain YAML scalar means: the core schema of YAML 1.2, §10.3.2, and nothing else.

`on`, `no`, `1:30`, `2024-01-01` and `<<` are texts; `0o17` is octal and `017` is seventeen.
"""

import re

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NOT_A_NUMBER = frozenset({".nan", ".NaN", ".NAN"})

LONGEST_NUMBER = 40  # characters; longer ones could not be written back as decimal digits


class NumberTooLong(ValueError):
    """A number of more than `LONGEST_NUMBER` characters."""


def resolve_plain(text: str) -> str | int | float | bool | None:
    """The value of a plain (unquoted) scalar. Raises `NumberTooLong`."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return int(_short(text))
    if _OCTAL.fullmatch(text):
        return int(_short(text)[2:], 8)
    if _HEX.fullmatch(text):
        return int(_short(text)[2:], 16)
    if _FLOAT.fullmatch(text):
        return float(_short(text))
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    if text in _NOT_A_NUMBER:
        return float("nan")
    return text


def _short(text: str) -> str:
    if len(text) > LONGEST_NUMBER:
        raise NumberTooLong(f"a number of {len(text)} characters")
    return text
