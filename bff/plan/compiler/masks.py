"""View masks: which fields of the payload a view keeps, checked against the payload's type."""

from collections.abc import Sequence

from bff.plan.model.composition import MaskNode, MaskView
from bff.plan.types import kinds as t
from bff.plan.types.algebra import union
from bff.plan.types.paths import PathProblem, parse_path, step_into


def compile_mask(
    name: str, paths: Sequence[str], payload: t.Type, most_problems: int | None = None
) -> tuple[MaskView, list[tuple[int, PathProblem]]]:
    """The view, and each path's problem beside the path's index, or the first few.

    A path keeps everything below it; one that a shorter path covers adds nothing.
    """
    problems: list[tuple[int, PathProblem]] = []
    tree: dict[str, dict] = {}  # type: ignore[type-arg]
    whole: set[tuple[str, ...]] = set()
    for index, text in enumerate(paths):
        try:
            parts = parse_path(text)
            inferred, inside = payload, "the payload"
            for part in parts:
                inferred = step_into(inferred, part, inside)
                inside = f"'{part.name}'"
        except PathProblem as problem:
            problems.append((index, problem))
            if len(problems) == most_problems:
                break
            continue
        names = tuple(part.name for part in parts)
        whole.add(names)
        level = tree
        for each in names:
            level = level.setdefault(each, {})
    mask = _node(tree, (), whole)
    return MaskView(name, mask, masked_type(payload, mask)), problems


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


def _node(
    tree: dict[str, dict],  # type: ignore[type-arg]
    path: tuple[str, ...],
    whole: set[tuple[str, ...]],
) -> MaskNode:
    if path in whole:
        return MaskNode()
    return MaskNode({name: _node(below, (*path, name), whole) for name, below in tree.items()})
