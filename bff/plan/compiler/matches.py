"""Whether the two ends of a join can meet, and whether they meet once.

Nothing in a schema states that a list has each key once. A field that is called as objects are
identified (`id`, `slug`, `Product.product_id`) is taken for unique; of any other a warning says
that the first match alone counts.
"""

import re

from bff.plan.compiler.values import ExpressionScope
from bff.plan.model.payload import ByFields, ByKey
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, brief, resolved
from bff.plan.types.paths import Part, PathProblem, step_into

_IDENTIFIERS = ("id", "uuid", "guid", "key", "code", "slug", "sku")


def check_match(
    scope: ExpressionScope, by: ByFields | ByKey, target: t.Type, found: t.Type, path: Path
) -> None:
    """Report the fields of a join that are not there, or can't be equal. `target` has the type of
    what it goes into, `found` that of what it finds once; `path` is the join's."""
    match by:
        case ByKey(key):
            _check_key(scope, key, target, (*path, "key"))
        case ByFields(pairs, many):
            for mine, theirs in pairs:
                _check_pair(scope, mine, theirs, target, found, (*path, "match", mine))
            if pairs and not many and not any(_identifies(name, found) for _, name in pairs):
                _warn_of_repeats(scope, pairs[0][1], path)


def _check_key(scope: ExpressionScope, key: str, target: t.Type, at: Path) -> None:
    try:
        left = step_into(target, Part(key, 0), "what the join goes into")
    except PathProblem as problem:
        scope.report(at, problem.what, problem.mend)
        return
    if not {"string", "integer", "anything"} & {_key_kind(each) for each in alternatives(left)}:
        scope.report(
            at, f"{brief(left)} is no key of an object",
            "Keys are texts; an integer stands for its digits.",
        )  # fmt: skip


def _key_kind(each: t.Type) -> str:
    match each:
        case t.Anything():
            return "anything"
        case t.Scalar(kind):
            return kind
        case t.Constant(str()):
            return "string"
        case t.Constant(int() as value) if not isinstance(value, bool):
            return "integer"
        case _:
            return ""


def _check_pair(
    scope: ExpressionScope, mine: str, theirs: str, target: t.Type, found: t.Type, at: Path
) -> None:
    try:
        left = step_into(target, Part(mine, 0), "what the join goes into")
    except PathProblem as problem:
        scope.report_key(at, problem.what, problem.mend)
        return
    try:
        right = step_into(found, Part(theirs, 0), "the source")
    except PathProblem as problem:
        scope.report(at, problem.what, problem.mend)
        return
    if not _comparable(left, right):
        scope.report(
            at, f"{brief(left)} and {brief(right)} never match",
            "Join on fields of one type.",
        )  # fmt: skip


def _identifies(name: str, found: t.Type) -> bool:
    """Whether a list of such objects is taken to have each value of this field once."""
    own = resolved(found)
    kind = own.name if isinstance(own, t.ObjectOf) and own.name else ""
    of_kind = _plain(kind.rpartition(":")[2])
    known = {f"{prefix}{each}" for each in _IDENTIFIERS for prefix in ("", of_kind)}
    return _plain(name) in known


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _warn_of_repeats(scope: ExpressionScope, theirs: str, path: Path) -> None:
    scope.warn(
        (*path, "match"), f"several of the source may have the same {theirs}: the first one counts",
        "Write many: true for a list of all, or match a field that identifies one of them.",
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
