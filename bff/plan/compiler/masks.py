"""The masks of views, checked against the payload's type, and the fields that clients may name."""

from collections.abc import Sequence

from bff.plan.model.payload import FieldPlace, MaskNode, MaskView, SelectableFields, mask_of
from bff.plan.types import kinds as t
from bff.plan.types.algebra import union
from bff.plan.types.paths import PathProblem, field_type, objects_in, parse_path, step_into


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


def masked_type(inferred: t.Type, mask: MaskNode, seen: frozenset[str] = frozenset()) -> t.Type:
    """The type of what the mask leaves of a value of type `inferred`.

    `seen` holds the names met since the last field, so that a list of itself ends.
    """
    if not mask.fields:
        return inferred
    match inferred:
        case t.Named(name):
            return (
                inferred if name in seen else masked_type(inferred.resolve(), mask, seen | {name})
            )
        case t.ListOf(element):
            return t.ListOf(masked_type(element, mask, seen))
        case t.Union(members):
            return union(*(masked_type(member, mask, seen) for member in members))
        case t.ObjectOf(fields, extra, name):
            return t.ObjectOf(_kept(fields, extra, mask), None, name)
        case _:
            return inferred


def _kept(
    fields: tuple[tuple[str, t.Field], ...], extra: t.Type | None, mask: MaskNode
) -> tuple[tuple[str, t.Field], ...]:
    declared = {name for name, _ in fields}
    kept = [
        (name, t.Field(masked_type(field.type, mask.fields[name]), field.required))
        for name, field in fields
        if name in mask.fields
    ]
    if extra is not None:
        kept += [
            (name, t.Field(masked_type(extra, node), required=False))
            for name, node in mask.fields.items()
            if name not in declared
        ]
    return tuple(kept)
