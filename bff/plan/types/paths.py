"""The one small grammar of paths, in `joins.into` and view masks: dotted names.

`orders.orders.items`: a path walks through lists; `orders[].items` means the same.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bff.declarations.suggestions import known_names
from bff.plan.model.payload import LONGEST_PATH
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, describe, union, without_null

_PART = re.compile(r"([^.\[\]\s]+)((?:\[\])*)")


@dataclass(frozen=True, slots=True)
class PathProblem(Exception):
    """A path that can't be walked: where in its text, what, and how to mend it."""

    offset: int
    what: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One name of a path, and where it stands in the path's text."""

    name: str
    offset: int


def parse_path(text: str) -> tuple[Part, ...]:
    """Split a path into its names. Raises `PathProblem`."""
    parts: list[Part] = []
    offset = 0
    for piece in text.split("."):
        match = _PART.fullmatch(piece)
        if match is None:
            raise PathProblem(
                offset, f"'{text}' is not a path", "Write names with dots between: orders.items.id."
            )
        if len(parts) == LONGEST_PATH:
            raise PathProblem(offset, f"a path has at most {LONGEST_PATH} names", "Stop above.")
        parts.append(Part(match[1], offset))
        offset += len(piece) + 1
    return tuple(parts)


def objects_in(
    inferred: t.Type, seen: frozenset[str] = frozenset()
) -> tuple[t.ObjectOf | t.Anything, ...]:
    """The objects that a path meets in a value of this type: nulls dropped, lists walked through.

    `seen` holds the names met on the way, so that a list of itself ends.
    """
    match inferred:
        case t.Named(name):
            return () if name in seen else objects_in(inferred.resolve(), seen | {name})
        case t.ListOf(element):
            return objects_in(element, seen)
        case t.Union(members):
            each = [objects_in(member, seen) for member in sorted(members, key=describe)]
            return tuple(found for objects in each for found in objects)
        case t.ObjectOf() | t.Anything():
            return (inferred,)
        case _:
            return ()


def map_objects(
    inferred: t.Type,
    change: Callable[[t.ObjectOf, frozenset[str]], t.Type],
    seen: frozenset[str] = frozenset(),
) -> t.Type:
    """The type with each object changed that a path meets in a value of it, `seen` as in
    `objects_in`. `change` gets what was seen on the way, to go on with in the object's fields."""
    match inferred:
        case t.Named(name) if name in seen:
            return inferred
        case t.Named(name):
            return map_objects(inferred.resolve(), change, seen | {name})
        case t.ListOf(element):
            return t.ListOf(map_objects(element, change, seen))
        case t.Union(members):
            return union(*(map_objects(member, change, seen) for member in members))
        case t.ObjectOf():
            return change(inferred, seen)
        case _:
            return inferred


def step_into(inferred: t.Type, part: Part, inside: str) -> t.Type:
    """The type of the field `part` of the objects in `inferred`. Raises `PathProblem`."""
    objects = objects_in(inferred)
    if not objects:
        raise PathProblem(
            part.offset, f"{inside} is {brief(without_null(inferred))}, which has no fields"
        )
    found = [field for each in objects if (field := field_type(each, part.name)) is not None]
    if not found:
        known = sorted(
            {name for each in objects if isinstance(each, t.ObjectOf) for name, _ in each.fields}
        )
        raise PathProblem(
            part.offset, f"{inside} has no field '{part.name}'", known_names(part.name, known)
        )
    return union(*found)


def field_type(inferred: t.ObjectOf | t.Anything, name: str) -> t.Type | None:
    """The type of one field, None when the object can't have it."""
    if isinstance(inferred, t.Anything):
        return t.ANYTHING
    return next((field.type for key, field in inferred.fields if key == name), inferred.extra)
