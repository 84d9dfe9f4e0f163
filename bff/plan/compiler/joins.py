"""Compiles joins: finds both ends, compares the fields, and works out the resulting type."""

from collections.abc import Mapping
from itertools import pairwise

from bff.plan.compiler.values import ExpressionScope, compile_expression
from bff.plan.model.payload import Join
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, nullable, resolved, without_null
from bff.plan.types.paths import (
    Part,
    PathProblem,
    map_objects,
    objects_in,
    parse_path,
    step_into,
)


def compile_joins(
    scope: ExpressionScope, steps: Mapping[str, t.Type]
) -> tuple[tuple[Join, ...], dict[str, t.Type]]:
    """The joins in declared order, and each step's type once they are applied.

    Sources see the steps without joins, as they are at run time.
    """
    joined = dict(steps)
    joins: list[Join] = []
    for index, declared in enumerate(scope.document.model.joins):
        path: Path = ("joins", index)
        source = compile_expression(scope, declared.from_, (*path, "from"))
        element = _element(scope, source.type, path)
        name = declared.as_ if scope.knows((*path, "as")) else None
        parts, target = _find_target(scope, declared.into, joined, path)
        if target is None:
            into = [each.name for each in parts[:1] if each.name in joined] or list(joined)
            joined |= {step: _perhaps_with(joined[step], name) for step in into}
            continue
        _check_match(scope, path, target, element)
        step, *below = (part.name for part in parts)
        if name is None:
            joined[step] = t.ANYTHING
            continue
        added = t.Field(nullable(element))
        if any(_has(each, name) for each in objects_in(target)):
            added = t.Field(t.ANYTHING)
            scope.report(
                (*path, "as"), f"{declared.into} has a field '{name}' already",
                "Choose a name that is free.",
            )  # fmt: skip
        joined[step] = _with_field(joined[step], tuple(below), name, added)
        joins.append(Join(step, tuple(below), name, source, tuple(declared.match.items())))
    if not scope.knows(("joins",)):
        joined = dict.fromkeys(steps, t.ANYTHING)
    return tuple(joins), joined


def _find_target(
    scope: ExpressionScope, into: str, steps: Mapping[str, t.Type], path: Path
) -> tuple[tuple[Part, ...], t.Type | None]:
    """The parts of the path `into`, as far as it is one, and the type that it leads to, None when
    that is not known."""
    at: Path = (*path, "into")
    parts: tuple[Part, ...] = ()
    if not scope.knows(at) or not scope.knows(("steps",)):
        return parts, None
    try:
        parts = parse_path(into)
        return parts, _walk(parts, steps)
    except PathProblem as problem:
        scope.report_in_text(at, problem.offset, problem.what, problem.mend)
        return parts, None


def _walk(parts: tuple[Part, ...], steps: Mapping[str, t.Type]) -> t.Type:
    everything = t.ObjectOf(tuple((name, t.Field(each)) for name, each in steps.items()))
    inferred = step_into(everything, parts[0], "the composition")
    for before, part in pairwise(parts):
        inferred = step_into(inferred, part, f"'{before.name}'")
    if not objects_in(inferred):
        last = parts[-1]
        raise PathProblem(
            last.offset, f"'{last.name}' is {brief(inferred)}",
            "A join goes into an object or a list of objects.",
        )  # fmt: skip
    return inferred


def _element(scope: ExpressionScope, source: t.Type, path: Path) -> t.Type:
    """The type of one element of the source; a problem when it is no list of objects."""
    match resolved(without_null(source)):
        case t.ListOf(element) if objects_in(element):
            return without_null(element)
        case t.Anything():
            return t.ANYTHING
        case other:
            scope.report(
                (*path, "from"),
                f"a join takes from a list of objects, and this is {brief(other)}",
                "Name a step, or a field of one, that is such a list.",
            )  # fmt: skip
            return t.ANYTHING


def _check_match(scope: ExpressionScope, path: Path, target: t.Type, element: t.Type) -> None:
    for mine, theirs in scope.document.model.joins[path[1]].match.items():
        at: Path = (*path, "match", mine)
        try:
            left = step_into(target, Part(mine, 0), "what the join goes into")
        except PathProblem as problem:
            scope.report_key(at, problem.what, problem.mend)
            continue
        try:
            right = step_into(element, Part(theirs, 0), "the source")
        except PathProblem as problem:
            scope.report(at, problem.what, problem.mend)
            continue
        if not _comparable(left, right):
            scope.report(
                at, f"{brief(left)} and {brief(right)} never match",
                "Join on fields of one type.",
            )  # fmt: skip


def _comparable(left: t.Type, right: t.Type) -> bool:
    kinds, others = _kinds(left), _kinds(right)
    return not kinds or not others or bool(kinds & others)


def _kinds(inferred: t.Type) -> set[str]:
    """The JSON kinds that a field may have, nulls left out; empty when nothing is known."""
    match inferred:
        case t.Named():
            return _kinds(inferred.resolve())
        case t.Union(members):
            kinds = [_kinds(member) for member in members if member != t.NULL]
            return set().union(*kinds) if all(kinds) else set()
        case t.Scalar(kind):
            return {"number" if kind == "integer" else kind}
        case t.Constant(value):
            return {
                "boolean"
                if isinstance(value, bool)
                else "string"
                if isinstance(value, str)
                else "number"
            }
        case t.ListOf():
            return {"list"}
        case t.ObjectOf():
            return {"object"}
        case _:
            return set()


def _has(inferred: t.ObjectOf | t.Anything, name: str) -> bool:
    return isinstance(inferred, t.ObjectOf) and any(key == name for key, _ in inferred.fields)


def _with_field(inferred: t.Type, path: tuple[str, ...], name: str, added: t.Field) -> t.Type:
    """The type with `added` in every object at `path`."""

    def change(each: t.ObjectOf, _: frozenset[str]) -> t.ObjectOf:
        if not path:
            rest = tuple((key, field) for key, field in each.fields if key != name)
            return t.ObjectOf((*rest, (name, added)), each.extra, each.name)
        first, *below = path
        changed = tuple(
            (key, t.Field(_with_field(field.type, tuple(below), name, added), field.required))
            if key == first
            else (key, field)
            for key, field in each.fields
        )
        if each.extra is not None and first not in dict(each.fields):
            own = _with_field(each.extra, tuple(below), name, added)
            changed = (*changed, (first, t.Field(own, required=False)))
        return t.ObjectOf(changed, each.extra, each.name)

    return map_objects(inferred, change)


def _perhaps_with(inferred: t.Type, name: str | None, seen: frozenset[str] = frozenset()) -> t.Type:
    """The type with `name` in every object that lacks it: a join that can't be placed may have put
    it there. `seen` as in `map_objects`."""
    if name is None:
        return t.ANYTHING

    def change(each: t.ObjectOf, seen: frozenset[str]) -> t.ObjectOf:
        opened = {
            key: t.Field(_perhaps_with(field.type, name, seen), field.required)
            for key, field in each.fields
        }
        fields = {name: t.Field(t.ANYTHING)} | opened
        return t.ObjectOf(tuple(fields.items()), each.extra, each.name)

    return map_objects(inferred, change, seen)
