"""Strict reading of structured header fields (RFC 8941 §4.2): lists of items with parameters.

    read_list('bff; error=dns_error; details="user: unresolved"')
    == [("bff", {"error": "dns_error", "details": "user: unresolved"})]

Tokens come as text, strings without their quotes, numbers as numbers, flags as True. Whatever the
grammar doesn't have raises `ValueError`.
"""

import re

Item = tuple[str | int | float | bool, dict[str, str | int | float | bool]]

_TOKEN = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*")
_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_DECIMAL = re.compile(r"-?[0-9]{1,12}\.[0-9]{1,3}(?![0-9])")
_INTEGER = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_KEY = re.compile(r"[a-z*][a-z0-9_\-.*]*")


def read_list(text: str) -> list[Item]:
    """The members of a List."""
    items: list[Item] = []
    rest = text.strip(" ")
    while rest:
        item, rest = _read_item(rest)
        items.append(item)
        rest = rest.lstrip(" \t")
        if not rest:
            return items
        if not rest.startswith(","):
            raise ValueError(f"no comma before {rest!r}")
        rest = rest[1:].lstrip(" \t")
        if not rest:
            raise ValueError("a comma at the end")
    return items


def _read_item(text: str) -> tuple[Item, str]:
    value, rest = _read_value(text)
    parameters: dict[str, str | int | float | bool] = {}
    while rest.startswith(";"):
        rest = rest[1:].lstrip(" ")
        key = _KEY.match(rest)
        if key is None:
            raise ValueError(f"no parameter at {rest!r}")
        rest = rest[key.end() :]
        parameters[key[0]] = True
        if rest.startswith("="):
            parameters[key[0]], rest = _read_value(rest[1:])
    return (value, parameters), rest


def _read_value(text: str) -> tuple[str | int | float | bool, str]:
    if match := _STRING.match(text):
        return re.sub(r"\\(.)", r"\1", match[1]), text[match.end() :]
    if match := _DECIMAL.match(text):
        return float(match[0]), text[match.end() :]
    if match := _INTEGER.match(text):
        return int(match[0]), text[match.end() :]
    if match := re.match(r"\?([01])", text):
        return match[1] == "1", text[match.end() :]
    if match := _TOKEN.match(text):
        return match[0], text[match.end() :]
    raise ValueError(f"no value at {text!r}")
