"""The texts of params: of scalars, of lists, and as pairs of a name and a text in queries and
forms. Pure.

Integers are digits, booleans `true` and `false`, other numbers the shortest form that reads back as
the same, without exponents. Texts are measured before they are encoded.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any
from urllib.parse import quote

from bff.engine.values.limits import FORM_BYTES, Budget
from bff.engine.values.outcomes import Reason
from bff.plan.model.service import CompositionParam, Location, Operation, OperationParam
from bff.plan.params.sendable import TARGET_BYTES, wrong_in_list

Values = Mapping[str, Any]  # JSON values by operation param, without those that are left out

# A param of an operation, or of a composition, with its encoded name.
NamedPairs = tuple[tuple[OperationParam | CompositionParam, str], ...]

_SEPARATORS = {"comma": ",", "space": "%20", "pipe": "%7C"}  # encoded, where a URL needs it
PLAIN = re.compile(r"[A-Za-z0-9_-]+")  # needs no encoding and is no segment of dots


class Unsendable(ValueError):
    """A value that the operation's param can't hold. `what` describes the fault without the value;
    `reason` is the step's where the value is not the client's own."""

    def __init__(self, param: str, what: str, reason: Reason = Reason.BAD_INPUT) -> None:
        self.param = param
        self.what = what
        self.reason = reason
        super().__init__(f"{param} {what}")


def plain_text(value: Any) -> str:
    """A scalar's text form. Raises `ValueError` for a value without one."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() if isfinite(value):
            text = repr(value)
            return format(Decimal(text), "f") if "e" in text else text
        case _:
            raise ValueError("only texts, numbers and booleans can be sent here")


def named_pairs(operation: Operation, location: Location) -> NamedPairs:
    """The operation's params in its query or its form, each with its encoded name."""
    return tuple(
        (param, quote(param.wire_name, safe=""))
        for param in operation.params
        if param.location == location
    )


def pairs_of(named: NamedPairs, values: Values) -> list[str]:
    """The pairs of a query or a form: names and texts, encoded."""
    return [
        pair
        for param, name in named
        if param.name in values
        for pair in _param_pairs(param, name, values[param.name])
    ]


def _param_pairs(param: OperationParam | CompositionParam, name: str, value: Any) -> list[str]:
    most = TARGET_BYTES if param.location == "query" else FORM_BYTES
    if param.style == "deep_object":
        pairs = _member_pairs(param, name, value, Budget(most, "pairs"), Budget(most, "names"))
        if not pairs and param.required:
            raise Unsendable(param.name, "has no field to be sent")
        return pairs
    if type(value) is int:  # most are; digits need no look
        return [f"{name}={value}"]
    texts = [_quoted(text) for text in texts_of(param, value, most)]
    separator = _SEPARATORS.get(param.style)
    if separator is not None and texts:
        texts = [separator.join(texts)]
    return [f"{name}={text}" for text in texts]


def _member_pairs(
    param: OperationParam | CompositionParam, name: str, value: Any, pairs_left: Budget,
    names_left: Budget,
) -> list[str]:  # fmt: skip
    """The pairs of an object, a field each, nulls left out; `name` is encoded. Each repeats the
    names around it, so the budgets count all pairs, their texts before they are encoded, and the
    names of the objects and lists within."""
    if not isinstance(value, dict):
        raise Unsendable(param.name, "is no object, and only its fields can be sent")
    pairs: list[str] = []
    for key, each in value.items():
        if not key or "[" in key or "]" in key:
            raise Unsendable(param.name, "has a field whose name is empty or holds a bracket")
        if each is None:
            continue
        if isinstance(each, dict | list) and not names_left.take(len(name) + len(key)):
            raise _too_long(param, names_left.most)
        below = f"{name}%5B{_quoted(key)}%5D"
        if isinstance(each, dict):
            pairs += _member_pairs(param, below, each, pairs_left, names_left)
            continue
        for text in texts_of(param, each, pairs_left.most):
            if not pairs_left.take(len(below) + len(text)):
                raise _too_long(param, pairs_left.most)
            pairs.append(f"{below}={_quoted(text)}")
    return pairs


def _quoted(text: str) -> str:
    # For ids the match takes 0.13 µs, and `quote` 0.37.
    return text if PLAIN.fullmatch(text) else quote(text, safe="")


def texts_of(param: OperationParam | CompositionParam, value: Any, most: int) -> list[str]:
    """The texts of a value, one for each element of a list; at most `most` characters in all."""
    if not isinstance(value, list):
        text = plain_text(value)
        if len(text) > most:
            raise _too_long(param, most)
        return [text]
    if not value and param.required:
        # It leaves no trace in a query, and a query without its filter returns everything.
        raise Unsendable(param.name, "is an empty list, which can't be sent")
    texts = [_element_text(param, each) for each in value[: most + 1]]
    if len(texts) > most or sum(map(len, texts)) > most:
        raise _too_long(param, most)
    return texts


def _too_long(param: OperationParam | CompositionParam, most: int) -> Unsendable:
    what = f"has more than {most} characters, which can't be sent"
    return Unsendable(param.name, what, Reason.VALUE_TOO_LARGE)


def _element_text(param: OperationParam | CompositionParam, value: Any) -> str:
    text = plain_text(value)
    refuse(param, wrong_in_list(text, param.style))
    return text


def refuse(param: OperationParam | CompositionParam, what: str | None) -> None:
    """Raise `Unsendable` where something is wrong."""
    if what is not None:
        raise Unsendable(param.name, what)
