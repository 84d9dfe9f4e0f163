"""Cutting a payload down to what a view's mask names. Pure."""

from typing import Any

from bff.plan.model.fields import MaskNode


def apply_mask(mask: MaskNode, value: Any) -> Any:
    """The part of a JSON value that `mask` keeps; the value itself is left as it is.

    Lists are walked through, at any depth. An empty mask keeps everything below it, and so do
    scalars and null. Fields that the value lacks are left out.

        {"user": {"name": {}}}  of  {"user": {"name": "Ada", "id": 1}}  →  {"user": {"name": "Ada"}}
    """
    fields = mask.fields
    if not fields:
        return value
    match value:
        case dict():
            return {
                name: apply_mask(below, value[name])
                for name, below in fields.items()
                if name in value
            }
        case list():
            return [apply_mask(mask, each) for each in value]
        case _:
            return value
