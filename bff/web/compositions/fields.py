"""The fields that a request names in `?fields=`, looked up among those of the compiled payload.

No message holds what the client sent: messages name declared fields alone.
"""

import re

from bff.plan.model.payload import LONGEST_PATH, FieldPlace, MaskNode, SelectableFields, mask_of

_LONGEST_TEXT = 2000  # characters
_MOST_SHOWN = 15  # fields in one message
_NAME = re.compile(r"([^.\[\]\s]+)(?:\[\])*")


class TooManyFields(ValueError):
    """The text names more paths than a client may name at once, or is too long."""


class UnknownField(ValueError):
    """A path leads to no field; the error's text names the fields that there are instead."""


def parse_fields(selectable: SelectableFields, text: str) -> MaskNode:
    """The mask that leaves the paths in `text`: `user.name,orders.items.title`.

    The same paths in any order, and any number of times, give the same mask. Raises
    `TooManyFields` and `UnknownField`, each with a text for the client.
    """
    paths = sorted({path.strip() for path in text.split(",")})
    if len(text) > _LONGEST_TEXT or len(paths) > selectable.most:
        raise TooManyFields(f"At most {selectable.most} fields can be named.")
    return mask_of(_names(selectable, path) for path in paths)


def _names(selectable: SelectableFields, path: str) -> tuple[str, ...]:
    pieces = path.split(".")
    if len(pieces) > LONGEST_PATH:
        raise UnknownField(f"A path has at most {LONGEST_PATH} names.")
    names: list[str] = []
    place, inside = selectable.places[0], "the payload"
    for piece in pieces:
        match = _NAME.fullmatch(piece)
        if match is None:
            raise UnknownField("A path is names with dots between: orders.items.id.")
        name = match[1]
        below = place.fields.get(name, place.others)
        if below is None:
            raise UnknownField(_without(place, inside))
        inside = f"'{name}'" if name in place.fields else "what is there"
        place = selectable.places[below]
        names.append(name)
    return tuple(names)


def _without(place: FieldPlace, inside: str) -> str:
    """Why no name leads further from a place."""
    known = sorted(place.fields)
    if not known:
        return f"There are no fields in {inside}."
    more = f" and {len(known) - _MOST_SHOWN} more" if len(known) > _MOST_SHOWN else ""
    return f"There is no such field in {inside}. Known: {', '.join(known[:_MOST_SHOWN])}{more}."
