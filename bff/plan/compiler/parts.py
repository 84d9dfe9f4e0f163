"""Evaluates lists and mappings that are made of several templates.

What is made of several parts is weighed part by part, since each may be large. A key of a mapping
that refers to what is absent is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bff.plan.expressions.closures.growth import LARGEST_VALUE, MOST_COPIES, too_large, weight_of
from bff.plan.model.expressions import Root, Template
from bff.plan.types import kinds as t


def list_evaluator(
    declared: Sequence[Any], parts: Sequence[Template]
) -> Callable[[Root], list[Any]]:
    """The function that evaluates the parts; it raises `TooLargeError`. Texts count, and what is
    made here of several parts; an expression bounds its own value, so that a few are not weighed.
    """
    several = len(parts) > MOST_COPIES
    weighed = tuple(
        (part.evaluate, several or isinstance(value, dict | list))
        for value, part in zip(declared, parts, strict=True)
    )

    def evaluate(root: Root) -> list[Any]:
        values: list[Any] = []
        weight = 0
        for evaluator, is_weighed in weighed:
            value = evaluator(root)
            if is_weighed or isinstance(value, str):
                weight += weight_of(value)
                if weight > LARGEST_VALUE:
                    raise too_large()
            values.append(value)
        return values

    return evaluate


def mapping_evaluator(
    declared: Mapping[str, Any], parts: Mapping[str, Template]
) -> Callable[[Root], dict[str, Any]]:
    """The same under the keys of `parts`, without those that refer to what is absent."""
    evaluate_parts = list_evaluator(list(declared.values()), list(parts.values()))
    perhaps = tuple(
        (key, part.reference)
        for key, part in parts.items()
        if part.reference is not None and part.reference.may_be_absent
    )

    def evaluate(root: Root) -> dict[str, Any]:
        made = dict(zip(parts, evaluate_parts(root), strict=True))
        for key, reference in perhaps:
            if made[key] is None and reference.is_absent(root):
                del made[key]
        return made

    return evaluate


def field_of(part: Template) -> t.Field:
    """What a mapping has under a key: perhaps nothing, where it refers to what may be absent."""
    reference = part.reference
    if reference is None or not reference.may_be_absent:
        return t.Field(part.type)
    return t.Field(reference.present, required=False)
