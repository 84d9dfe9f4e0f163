"""Compiles joins: finds both ends, and works out the resulting type.

Whether the two ends can meet is checked in `bff.plan.compiler.matches`.
"""

from collections.abc import Mapping
from itertools import pairwise

from bff.declarations.models.step import JoinDecl
from bff.plan.compiler.matches import check_match
from bff.plan.compiler.values import ExpressionScope, compile_expression, compile_single
from bff.plan.model.expressions import Template
from bff.plan.model.payload import ByFields, ByKey, Join
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import (
    alternatives,
    brief,
    may_be_null,
    nullable,
    resolved,
    union,
    without_null,
)
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
        source = _compile_source(scope, declared.from_, (*path, "from"))
        by = ByKey(declared.key) if declared.key else ByFields(_pairs(declared), declared.many)
        found: t.Type = t.ANYTHING
        if _is_told_how(scope, declared, path):
            found = _type_found(scope, by, source.type, path)
        name = declared.as_ if scope.knows((*path, "as")) else None
        parts, target = _find_target(scope, declared.into, joined, path)
        if target is None:
            into = [each.name for each in parts[:1] if each.name in joined] or list(joined)
            joined |= {step: _perhaps_with(joined[step], name) for step in into}
            continue
        check_match(scope, by, target, found, path)
        step, *below = (part.name for part in parts)
        if name is None:
            joined[step] = t.ANYTHING
            continue
        drops = declared.missing == "drop"
        if drops:
            _check_droppable(scope, parts, joined, path)
        added = t.Field(_type_put(by, found, source.type, drops=drops))
        if any(_has(each, name) for each in objects_in(target)):
            added = t.Field(t.ANYTHING)
            scope.report(
                (*path, "as"), f"{declared.into} has a field '{name}' already",
                "Choose a name that is free.",
            )  # fmt: skip
        joined[step] = _with_field(joined[step], tuple(below), name, added)
        joins.append(Join(step, tuple(below), name, source, by, drops))
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


def _compile_source(scope: ExpressionScope, text: str, path: Path) -> Template:
    if text.lstrip().startswith("${"):
        return compile_single(scope, text, path)
    return compile_expression(scope, text, path)


def _pairs(declared: JoinDecl) -> tuple[tuple[str, str], ...]:
    return tuple(declared.match.items())


def _is_told_how(scope: ExpressionScope, declared: JoinDecl, path: Path) -> bool:
    """Whether the join finds by `match` or by `key`, and by one of them alone."""
    known = all(scope.knows((*path, name)) for name in ("match", "key"))
    return known and bool(declared.match) != bool(declared.key)


def _type_found(scope: ExpressionScope, by: ByFields | ByKey, source: t.Type, path: Path) -> t.Type:
    """The type of what may be found once: an element of a list, a value of an object keyed by id;
    a problem when the source is no such thing."""
    at: Path = (*path, "from")
    match resolved(without_null(source)), by:
        case t.ListOf(element), ByFields() if objects_in(element):
            return without_null(element)
        case t.ObjectOf(fields, extra), ByKey():
            values = [field.type for _, field in fields]
            return without_null(union(*values, *(() if extra is None else (extra,))))
        case t.Anything(), _:
            return t.ANYTHING
        case other, ByFields(pairs):
            mend = "Name a step, or a field of one, that is such a list."
            if isinstance(other, t.ObjectOf) and pairs:
                mend = f"For an object keyed by id, write key: {pairs[0][0]} instead of `match`."
            what = f"a join takes from a list of objects, and this is {brief(other)}"
            scope.report(at, what, mend)
        case other, ByKey(key):
            scope.report(
                at, f"`key` looks up in an object keyed by id, and this is {brief(other)}",
                f"For a list, write match: {{{key}: …}} instead of `key`.",
            )  # fmt: skip
    return t.ANYTHING


def _type_put(by: ByFields | ByKey, found: t.Type, source: t.Type, *, drops: bool) -> t.Type:
    """The type of the field that the join adds. A source that is null puts null everywhere."""
    whole = t.ListOf(found) if isinstance(by, ByFields) and by.many else nullable(found)
    if drops:
        whole = without_null(whole)
    return nullable(whole) if may_be_null(source) else whole


def _check_droppable(
    scope: ExpressionScope, parts: tuple[Part, ...], steps: Mapping[str, t.Type], path: Path
) -> None:
    """Report objects that stand in no list, so that they can't be dropped."""
    inferred = _walk(parts, steps)
    alone = [
        each
        for each in alternatives(without_null(inferred))
        if not isinstance(each, t.ListOf | t.Anything)
    ]
    if alone:
        scope.report(
            (*path, "missing"), f"'{parts[-1].name}' is a single object, which can't be dropped",
            "Leave `missing` out: without a match the field is null.",
        )  # fmt: skip


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
