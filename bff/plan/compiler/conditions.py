"""Compiles the condition of an access, and finds what would admit whom nobody means.

Rules:
1. It stands on what is known before the body is read, and on no header by which a proxy, or whoever
   plays one, says who calls.
2. Each side of a comparison is there: null equals null, so `claims.tenant == params.tenant` would
   admit a caller without a tenant to a request without one. Without a declared type, every claim
   may be null.
3. It can be true, and it can be something else.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from bff.plan.compiler.values import ExpressionScope, compile_single, is_constant
from bff.plan.expressions.grammar.nodes import Node
from bff.plan.expressions.grammar.parsing import parse_expression
from bff.plan.expressions.grammar.templates import Interpolation, split_template
from bff.plan.expressions.types.inference import Comparison, infer_comparisons
from bff.plan.expressions.types.narrowing import truthy
from bff.plan.model.expressions import Template
from bff.plan.model.service import CompositionParam
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, disjoint, may_be_null, union

_OF_PROXIES: Final = re.compile(
    r"forwarded|x-forwarded-.*|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip"
    r"|(?:x-)?remote-.*"
)
_DEFINITIONS: dict[str, t.Type] = {}
_ANY_VALUE = t.Named("any value", _DEFINITIONS)
# What is known of a value of which nothing is known.
_VALUE = union(
    t.NULL,
    t.BOOLEAN,
    t.NUMBER,
    t.STRING,
    t.ListOf(_ANY_VALUE),
    t.ObjectOf((), extra=_ANY_VALUE),
)
_DEFINITIONS["any value"] = _VALUE


def compile_condition(
    scope: ExpressionScope, text: str, path: Path, params: Sequence[CompositionParam] = ()
) -> Template:
    """The condition `text` at `path`. `params` are those that it sees, and those of the body, which
    are read too late for it."""
    found = len(scope.problems)
    condition = compile_single(scope, text, path)
    if len(scope.problems) > found or not scope.knows(path):
        return condition
    read = [each for each in params if _is_read(each.name, condition.reads)]
    unfit = dict(filter(None, map(_unfitness, read)))
    if unfit:
        what = min(unfit)
        scope.report(path, what, unfit[what])
    elif is_constant(condition):
        scope.report(
            path, "this reads nothing of the request, so it is always the same",
            "Name a claim: ${claims.plan == 'gold'}; or leave `when` out.",
        )  # fmt: skip
    else:
        _check_outcomes(scope, text, path)
    return condition


def _is_read(name: str, reads: Iterable[tuple[str, ...]]) -> bool:
    return any(path == ("params",) or path[:2] == ("params", name) for path in reads)


def _unfitness(param: CompositionParam) -> tuple[str, str] | None:
    """Why nobody may be admitted by a param, and what to do instead."""
    if param.location in ("body", "form"):
        return (
            f"'{param.name}' is in the body, which is read once it is known who may call",
            "Decide by claims and by params in the path, the query and headers.",
        )
    if param.location == "header" and _OF_PROXIES.fullmatch(param.wire_name.lower()):
        return (
            f"whoever sends the header '{param.wire_name}' chooses what it says",
            "Decide by claims, which a credential proves.",
        )
    return None


def _check_outcomes(scope: ExpressionScope, text: str, path: Path) -> None:
    part = next(each for each in split_template(text) if isinstance(each, Interpolation))
    node = parse_expression(part.source)
    try:
        inferred, comparisons = infer_comparisons(node, _with_nulls(scope.root))
        # What a function gives of a value of any kind is known of the type that it takes alone.
        _, gradual = infer_comparisons(node, scope.root)
    except RecursionError:
        scope.report_in_text(
            path, part.start, "the value would be nested too deeply", "Use fewer parts."
        )
        return
    wrong: set[int] = set()
    for each in (*comparisons, *gradual):
        if each.node.start not in wrong and _check_comparison(scope, path, part, each):
            wrong.add(each.node.start)
    if wrong:
        return
    if truthy(inferred) == t.NOTHING:
        scope.report_in_text(
            path, part.start, "this is never true, so nobody may call this",
            "Mend the condition; where nobody is meant, leave the endpoint out.",
        )  # fmt: skip
    elif disjoint(inferred, t.Constant(True)):
        scope.report_in_text(
            path, part.start, f"nothing but true admits, and this is {brief(inferred)}: nobody may",
            "Compare it: ${claims.plan == 'gold'}; or ask whether it is there: ${!!claims.plan}.",
        )  # fmt: skip
    elif inferred == t.Constant(True):
        scope.report_in_text(
            path, part.start, "this is always true, so it keeps nobody out",
            "Leave `when` out: access: authenticated.",
        )  # fmt: skip


def _check_comparison(
    scope: ExpressionScope, path: Path, part: Interpolation, comparison: Comparison
) -> bool:
    """Report what is wrong with a comparison; whether something is."""
    node = comparison.node
    left, right = node.children
    if _is_same(left, right):
        scope.report_in_text(
            path, part.start + node.start, "this compares a value with itself",
            "Compare it with another: ${claims.sub == params.user_id}.",
        )  # fmt: skip
        return True
    if _is_null(left) or _is_null(right):
        return False
    for side, inferred in ((left, comparison.left), (right, comparison.right)):
        if may_be_null(inferred):
            shown = part.source[side.start : side.end]
            scope.report_in_text(
                path, part.start + side.start,
                f"'{shown}' may be null here, and what is null equals what is null",
                f"{_asked_first(side, shown)}; or declare that it is always there.",
            )  # fmt: skip
            return True
    return False


def _asked_first(node: Node, shown: str) -> str:
    """How to ask whether a value is there before it is compared: of what has no name, by one."""
    parts = node.children if node.kind == "subexpression" else (node,)
    if all(each.kind in ("field", "variable", "current") for each in parts):
        return f"Ask for it first: {shown} && …"
    return f"Ask for it first: let $it = {shown} in $it && $it == …"


def _is_null(node: Node) -> bool:
    return node.kind == "literal" and node.value is None


def _is_same(left: Node, right: Node) -> bool:
    return (
        (left.kind, left.value) == (right.kind, right.value)
        and left.kind != "literal"
        and len(left.children) == len(right.children)
        and all(map(_is_same_or_literal, left.children, right.children))
    )


def _is_same_or_literal(left: Node, right: Node) -> bool:
    return _is_same(left, right) or (
        left.kind == right.kind == "literal" and repr(left.value) == repr(right.value)
    )


def _with_nulls(inferred: t.Type) -> t.Type:
    """The type, of which what may be anything may be null."""
    match inferred:
        case t.Anything():
            return _VALUE
        case t.ListOf(element):
            return t.ListOf(_with_nulls(element))
        case t.Union(members):
            return union(*map(_with_nulls, members))
        case t.ObjectOf(fields, extra, name):
            known = tuple(
                (key, t.Field(_with_nulls(each.type), each.required)) for key, each in fields
            )
            return t.ObjectOf(known, None if extra is None else _with_nulls(extra), name)
        case _:
            return inferred
