"""The masks of views, checked against the payload's type, and the fields that clients may name."""

from collections.abc import Sequence

from bff.plan.model.payload import FieldPlace, MaskNode, MaskView, SelectableFields, mask_of
from bff.plan.types import kinds as t
from bff.plan.types.algebra import union
from bff.plan.types.paths import (
    PathProblem,
    field_type,
    map_objects,
    objects_in,
    parse_path,
    step_into,
)


def compile_mask(
    name: str, paths: Sequence[str], payload: t.Type
) -> tuple[MaskView, list[tuple[int, PathProblem]]]:
    """The view, and the problem of each wrong path beside the path's index."""
    problems: list[tuple[int, PathProblem]] = []
    right: list[tuple[str, ...]] = []
    for index, text in enumerate(paths):
        try:
            right.append(_names(text, payload))
        except PathProblem as problem:
            problems.append((index, problem))
    mask = mask_of(right)
    return MaskView(name, mask, masked_type(payload, mask)), problems


def _names(text: str, payload: t.Type) -> tuple[str, ...]:
    """The names of a path that leads to a field of the payload. Raises `PathProblem`."""
    parts = parse_path(text)
    inferred, inside = payload, "the payload"
    for part in parts:
        inferred = step_into(inferred, part, inside)
        inside = f"'{part.name}'"
    return tuple(part.name for part in parts)


def selectable_fields(payload: t.Type, most: int) -> SelectableFields:
    """The fields of the payload as a client may name them: requests look into no types."""
    types = [payload]  # each with the place of its number; grows while it is walked through
    numbers = {payload: 0}

    def number(found: list[t.Type]) -> int:
        inferred = union(*found)
        if inferred not in numbers:
            numbers[inferred] = len(types)
            types.append(inferred)
        return numbers[inferred]

    places: list[FieldPlace] = []
    for inferred in types:
        objects = objects_in(inferred)
        named = [each for each in objects if isinstance(each, t.ObjectOf)]
        extras = [each.extra for each in named if each.extra is not None]
        if len(named) < len(objects):
            extras.append(t.ANYTHING)
        fields = {
            name: number([found for one in objects if (found := field_type(one, name)) is not None])
            for each in named
            for name, _ in each.fields
        }
        places.append(FieldPlace(fields, number(extras) if extras else None))
    return SelectableFields(most, tuple(places))


def masked_type(inferred: t.Type, mask: MaskNode) -> t.Type:
    """The type of what the mask leaves of a value of type `inferred`."""
    if not mask.fields:
        return inferred
    return map_objects(inferred, lambda each, _: _masked(each, mask))


def _masked(inferred: t.ObjectOf, mask: MaskNode) -> t.ObjectOf:
    declared = {name for name, _ in inferred.fields}
    left = [
        (name, t.Field(masked_type(field.type, mask.fields[name]), field.required))
        for name, field in inferred.fields
        if name in mask.fields
    ]
    if inferred.extra is not None:
        left += [
            (name, t.Field(masked_type(inferred.extra, node), required=False))
            for name, node in mask.fields.items()
            if name not in declared
        ]
    return t.ObjectOf(tuple(left), None, inferred.name)
