"""The errors of broken syntax: what stands where it can't, and how to mend it."""

from collections.abc import Sequence

from bff.plan.expressions.grammar.nodes import Node
from bff.plan.expressions.grammar.tokens import MAX_DEPTH, ExpressionSyntaxError, Token

_MENDS = {
    "=": "Compare with `==`.",
    "literal": "Is there an operator or a comma missing before it?",
    "name": "Is there an operator, a comma or a dot missing before it?",
    "quoted": "A string stands in single quotes: 'text'.",
    "number": "Is there an operator or a comma missing before it?",
}
# What other languages write, and what is written here.
_ELSEWHERE = {
    "and": "Write `&&` for and.",
    "or": "Write `||` for or.",
    "not": "Write `!` for not: !(a == b).",
    "let": "A variable has a sign: let $x = … in ….",
}
_ENDS_EARLY = "Add what is missing: a value, a name, or what closes what was opened."
_OPERANDS = ("name", "quoted", "literal", "number", "variable", "@", "$", ")", "]", "}", "[]", "*")


def unexpected(tokens: Sequence[Token], at: int) -> ExpressionSyntaxError:
    """The error of a token that can't stand where it stands."""
    token = tokens[at]
    if token.kind == "end":
        return ExpressionSyntaxError("the expression ends too early", token.start, _ENDS_EARLY)
    before = tokens[at - 1] if at else None
    if token.kind == "(" and before is not None and before.kind in _OPERANDS:
        return ExpressionSyntaxError("what stands before ( is no function's name", before.start)
    what = f"unexpected {token.text!r}"
    if token.kind == "number" and [each.kind for each in tokens[max(at - 2, 0) : at]] == [".", "["]:
        mend = f"An element is read without the dot: [{token.text}]."
        return ExpressionSyntaxError(what, token.start, mend)
    return ExpressionSyntaxError(what, token.start, _mend(token, before))


def too_deep(offset: int) -> ExpressionSyntaxError:
    """The error of an expression within too many others."""
    return ExpressionSyntaxError(
        f"the expression is nested more than {MAX_DEPTH} deep", offset, "Break it up."
    )


def unbound(variable: Token) -> ExpressionSyntaxError:
    """The error of a variable that nothing gives a value to."""
    name = variable.value
    return ExpressionSyntaxError(
        f"nothing gives ${name} a value here",
        variable.start,
        f"The root's names stand without a sign: {name}. A variable is bound around its use: "
        f"let ${name} = … in ….",
    )


def require_shallow(tree: Node) -> None:
    """Raise where nodes lie within more than `MAX_DEPTH` others: `a + b + c` is `(a + b) + c`."""
    level: list[Node] = [tree]
    for _ in range(MAX_DEPTH + 1):
        level = [child for node in level for child in node.children]
        if not level:
            return
    raise too_deep(level[0].start)


def _mend(token: Token, before: Token | None) -> str:
    for each in (token, before):
        if each is not None and each.kind == "name" and each.text in _ELSEWHERE:
            return _ELSEWHERE[each.text]
    if before is not None and before.kind == "?":
        if token.kind == "?":
            return "`||` gives another value in the place of null."
        if token.kind == ".":
            return "A field of null is null: write the dot alone."
    if token.kind == "number":
        if before is not None and before.kind in ("[", ",", "-", "+"):
            return f"In a list, a number stands in backticks: `{token.text}`."
    elif before is not None and before.kind == "[":
        return "In [ ] stands a number, a slice, *, or a filter with [? ]."
    if token.kind == "literal" and before is not None and before.kind == ".":
        return 'A name stands plain or in double quotes after a dot: .name, ."a name".'
    if token.kind == "(" and before is not None and before.kind == ".":
        return "map(&(…), list) computes with each element."
    return _MENDS.get(token.kind, "")
