"""Compiles the condition of an access, and finds what would admit whom nobody means.

Rules:
1. It stands on what is known before the body is read, and on no header by which a proxy, or whoever
   plays one, says who calls.
2. Each side of a comparison is there: null equals null, so `claims.tenant == params.tenant` would
   admit a caller without a tenant to a request without one. So would two lists with a null in each,
   the texts that `to_string` makes of null, and a `contains` that looks for null. Without a
   declared type, every claim may be null.
3. It can be true, and it can be something else.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from bff.plan.compiler.values import ExpressionScope, compile_single, is_constant
from bff.plan.expressions.grammar.nodes import Node
from bff.plan.expressions.grammar.parsing import parse_expression
from bff.plan.expressions.grammar.templates import Interpolation, split_template
from bff.plan.expressions.types.inference import Operation, infer_operations
from bff.plan.expressions.types.narrowing import truthy
from bff.plan.model.expressions import Template
from bff.plan.model.service import CompositionParam
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, brief, disjoint, may_be_null, union

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
        inferred, operations = infer_operations(node, _with_nulls(scope.root))
        # What a function gives of a value of any kind is known of the type that it takes alone.
        _, gradual = infer_operations(node, scope.root)
    except RecursionError:
        scope.report_in_text(
            path, part.start, "the value would be nested too deeply", "Use fewer parts."
        )
        return
    wrong: set[int] = set()
    for each in (*operations, *gradual):
        if each.node.start not in wrong and _check_operation(scope, path, part, each):
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


def _check_operation(
    scope: ExpressionScope, path: Path, part: Interpolation, operation: Operation
) -> bool:
    """Report what is wrong with a comparison or a call; whether something is."""
    node = operation.node
    if node.kind == "comparator" and _is_same(*node.children):
        scope.report_in_text(
            path, part.start + node.start, "this compares a value with itself",
            "Compare it with another: ${claims.sub == params.user_id}.",
        )  # fmt: skip
        return True
    found = _operand_of_null(operation)
    if found is None:
        return False
    side, why, mend = found
    shown = part.source[side.start : side.end]
    scope.report_in_text(
        path, part.start + side.start, f"'{shown}' may {why}", mend or _asked_first(side, shown)
    )
    return True


def _operand_of_null(operation: Operation) -> tuple[Node, str, str | None] | None:
    """The operand by which null could pass for a value, why, and how to mend what is not to be
    asked for first."""
    node, operands = operation
    match node.kind, node.value:
        case "comparator", _:
            if any(map(_is_null, node.children)):
                return None
            for side, inferred in zip(node.children, operands, strict=True):
                if may_be_null(inferred):
                    return side, "be null here, and what is null equals what is null", None
            if all(map(_may_hold_null, operands)):
                return (
                    node.children[0],
                    "hold null here, and what is null equals what is null",
                    "Compare the values that are in it, each by itself.",
                )
        case "function_expression", "to_string" if may_be_null(operands[0]):
            return node.children[0], "be null here, and to_string() makes a text of it", None
        case "function_expression", "contains" if may_be_null(operands[1]):
            if any(map(_is_list_with_null, alternatives(operands[0]))):
                why = "be null here, and contains() finds null where null is"
                return node.children[1], why, None
    return None


def _may_hold_null(inferred: t.Type) -> bool:
    """Whether null is known to be an element or a field. What is in a value of any kind is not
    looked at: it came as a whole."""
    match inferred:
        case t.ListOf(element):
            return _is_or_holds_null(element)
        case t.ObjectOf(fields):
            return any(_is_or_holds_null(each.type) for _, each in fields)
        case t.Union(members):
            return any(map(_may_hold_null, members))
        case _:
            return False


def _is_or_holds_null(inferred: t.Type) -> bool:
    known = inferred.members if isinstance(inferred, t.Union) else {inferred}
    return t.NULL in known or _may_hold_null(inferred)


def _is_list_with_null(inferred: t.Type) -> bool:
    return isinstance(inferred, t.ListOf) and may_be_null(inferred.element)


def _asked_first(node: Node, shown: str) -> str:
    """How to ask whether a value is there before it is compared: of what has no name, by one."""
    parts = node.children if node.kind == "subexpression" else (node,)
    if all(each.kind in ("field", "variable", "current") for each in parts):
        mend = f"Ask for it first: {shown} && …"
    else:
        mend = f"Ask for it first: let $it = {shown} in $it && $it == …"
    return f"{mend}; or declare that it is always there."


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
