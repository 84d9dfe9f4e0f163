"""Closures that walk a list or an object's values, apply an expression to each, and drop nulls.

`base` gives the value that is walked through; anything but a list (for `of_values`, an object) is
null. `element` is applied to each part; None stands for the part itself.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from bff.plan.expressions.closures.chains import Evaluate


def of_list(base: Evaluate, element: Evaluate | None) -> Evaluate:
    """`base[*].element`"""

    def project(value: Any) -> Any:
        parts = base(value)
        return _apply(element, parts) if isinstance(parts, list) else None

    return project


def of_values(base: Evaluate, element: Evaluate | None) -> Evaluate:
    """`base.*.element`"""

    def project(value: Any) -> Any:
        parts = base(value)
        return _apply(element, parts.values()) if isinstance(parts, dict) else None

    return project


def of_filter(base: Evaluate, condition: Evaluate, element: Evaluate | None) -> Evaluate:
    """`base[?condition].element`; the condition's result is true as Python has it.

    The condition sees nulls too, before they are dropped: it may refuse them.
    """

    def project(value: Any) -> Any:
        parts = base(value)
        if not isinstance(parts, list):
            return None
        if element is None:
            return [part for part in parts if condition(part) and part is not None]
        return [found for part in parts if condition(part) and (found := element(part)) is not None]

    return project


def of_field(base: Evaluate, name: str) -> Evaluate:
    """`base[*].name`, the projection that screens are made of.

    It first takes every part for an object that has the field: 45 ns a part, where looking
    before each takes 70.
    """

    def project(value: Any) -> Any:
        parts = base(value)
        if not isinstance(parts, list):
            return None
        try:
            return [found for part in parts if (found := part[name]) is not None]
        except (KeyError, TypeError):
            return [
                found
                for part in parts
                if isinstance(part, dict) and (found := part.get(name)) is not None
            ]

    return project


def flatten(base: Evaluate) -> Evaluate:
    """`base[]` without what follows: lists within the list give way to their elements."""

    def flattened(value: Any) -> Any:
        parts = base(value)
        if not isinstance(parts, list):
            return None
        types = set(map(type, parts))
        if list not in types:
            return parts
        if len(types) == 1:
            return list(chain.from_iterable(parts))
        flat: list[Any] = []
        for part in parts:
            if isinstance(part, list):
                flat.extend(part)
            else:
                flat.append(part)
        return flat

    return flattened


def _apply(element: Evaluate | None, parts: Iterable[Any]) -> list[Any]:
    if element is None:
        return [part for part in parts if part is not None]
    return [found for part in parts if (found := element(part)) is not None]
