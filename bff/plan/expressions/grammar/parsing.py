"""From an expression's text to its tree: the grammar of JMESPath Community, and our own limits.

A parser by operator precedence (Pratt). The rules that are easily forgotten:

1. What stands right of a projection (`[*]`, `[]`, `[?…]`, `.*`, a slice) belongs to it as far as
   `.` and brackets go; every operator of a lower binding power than `_PROJECTION_STOPS` ends it.
2. `a || b || c` is one node of three parts, so a chain is not nested; so are `&&`, `|` and dots.
3. A multi-select and a function after a dot are not evaluated for null, which gives null: they
   stand in an `unless_null`. A field needs none.
4. A bare number is an operand. In the brackets of a list it would be an index, so it is none there.
5. `let` is a keyword before a variable alone, and `in` after a binding alone.
6. A variable must be bound around its use: the tree has no unbound ones.

Refused beyond the grammar: nesting that would exhaust the stack, here or where the tree is walked;
chains without end; a slice with a step of 0.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bff.plan.expressions.grammar.cursor import Cursor
from bff.plan.expressions.grammar.nodes import Node
from bff.plan.expressions.grammar.syntax_errors import (
    require_shallow,
    too_deep,
    unbound,
    unexpected,
)
from bff.plan.expressions.grammar.tokens import MAX_DEPTH, ExpressionSyntaxError, Token, scan

__all__ = ["ExpressionSyntaxError", "Node", "parse_expression"]

_COMPARATORS: Final = ("==", "!=", "<", "<=", ">", ">=")
_BINDING_POWERS: Final = {
    "|": 1, "?": 2, "||": 3, "&&": 4, **dict.fromkeys(_COMPARATORS, 5),
    "+": 6, "-": 6, "*": 7, "/": 7, "//": 7, "%": 7, "[]": 9, "[?": 21, ".": 40, "[": 55,
}  # fmt: skip
_SIGN_POWER: Final = 8
_PROJECTION_STOPS: Final = 10
_STAR_POWER: Final = 20
_NOT_POWER: Final = 45
_LONGEST_CHAIN: Final = 1000  # parts

_Led = Callable[["_Parser", Node, int], Node]


def parse_expression(source: str) -> Node:
    """Parse one expression. Raises `ExpressionSyntaxError`, and nothing else."""
    parser = _Parser(tuple(scan(source)))
    if len(parser.tokens) == 1:
        raise ExpressionSyntaxError("the expression is empty", 0)
    tree = parser.expression(0)
    if parser.kind != "end":
        raise parser.unexpected()
    require_shallow(tree)
    return tree


class _Parser(Cursor):
    """One parse. `first`, as an argument, is the index of the token at which the node begins."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__(tokens)
        self._depth = 0
        self._bound: tuple[str, ...] = ()  # the variables that may be used here

    def expression(self, power: int) -> Node:
        """An expression up to the first operator that binds no more than `power`."""
        first = self.at
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_deep(self.tokens[first].start)
        left = self._operators(self._operand(), first, power)
        self._depth -= 1
        return left

    def _operators(self, left: Node, first: int, power: int) -> Node:
        while _BINDING_POWERS.get(self.kind, 0) > power:
            left = _LEDS[self.kind](self, left, first)
        return left

    def _operand(self) -> Node:
        first = self.at
        kind, value = self.tokens[first].kind, self.tokens[first].value
        match kind:
            case "name" if value == "let" and self.tokens[first + 1].kind == "variable":
                return self._let()
            case "name" | "quoted":
                return self._name()
            case "number" | "literal":
                self.at += 1
                return self.node("literal", first, value)
            case "variable":
                if value not in self._bound:
                    raise unbound(self.tokens[first])
                self.at += 1
                return self.node("variable", first, value)
            case "@" | "$":
                self.at += 1
                return self.node("current" if kind == "@" else "root", first)
            case "!" | "&":
                self.at += 1
                inner = self.expression(_NOT_POWER if kind == "!" else 0)
                return self.node("not_expression" if kind == "!" else "expref", first, None, inner)
            case "+" | "-":
                return self._sign(kind)
            case "(":
                self.at += 1
                inner = self.expression(0)
                self.take(")")
                return inner
            case "*":
                return self._values(self.nothing_before(), first, _STAR_POWER)
            case "[]":
                return self._flatten(self.nothing_before(), first)
            case "[?":
                return self._filter(self.nothing_before(), first)
            case "[" if self.is_index(first + 1) or self.is_star(first + 1):
                return self._bracket(self.nothing_before(), first)
            case "[" | "{":
                return self._multi_select()
            case _:
                raise self.unexpected()

    # ------------------------------------------------------------------ names, lists and objects

    def _name(self) -> Node:
        """A field, or a function's call."""
        first = self.at
        token = self.tokens[first]
        self.at += 1
        if self.kind != "(":
            return self.node("field", first, token.value)
        if token.kind == "quoted":
            raise ExpressionSyntaxError("a function's name stands without quotes", token.start)
        return self.node("function_expression", first, token.value, *self.listed(")", self._any))

    def _any(self) -> Node:
        return self.expression(0)

    def _multi_select(self) -> Node:
        first = self.at
        if self.kind == "{":
            pairs = self.listed("}", self._pair)
            return self.node("multi_select_dict", first, None, *pairs)
        elements = self.listed("]", self._element)
        return self.node("multi_select_list", first, None, *elements)

    def _pair(self) -> Node:
        first = self.at
        name = self.tokens[first]
        if name.kind not in ("name", "quoted"):
            raise self.unexpected()
        self.at += 1
        self.take(":")
        return self.node("key_val_pair", first, name.value, self.expression(0))

    def _element(self) -> Node:
        element = self.expression(0)
        if element.kind == "literal" and self.tokens[self.at - 1].kind == "number":  # rule 4
            raise unexpected(self.tokens, self.at - 1)
        return element

    def _let(self) -> Node:
        first = self.at
        self.at += 1
        bindings = [self._binding()]
        while self.kind == ",":
            self.at += 1
            bindings.append(self._binding())
        if (self.kind, self.tokens[self.at].value) != ("name", "in"):
            raise self.unexpected()
        self.at += 1
        around = self._bound
        self._bound = (*around, *(binding.value for binding in bindings))
        body = self.expression(0)
        self._bound = around
        return self.node("let_expression", first, None, *bindings, body)

    def _binding(self) -> Node:
        first = self.at
        self.take("variable")
        self.take("=")
        return self.node("binding", first, self.tokens[first].value, self.expression(0))

    def _sign(self, sign: str) -> Node:
        first = self.at
        self.at += 1
        number = self.tokens[self.at]
        if number.kind == "number":
            self.at += 1
            return self.node("literal", first, -number.value if sign == "-" else number.value)
        return self.node("sign", first, sign, self.expression(_SIGN_POWER))

    # ------------------------------------------------------------------ what follows an operand

    def _dot(self, left: Node, first: int) -> Node:
        if self.tokens[self.at + 1].kind == "*":
            self.at += 1
            return self._values(left, first, _BINDING_POWERS["."])
        parts = [*left.children] if left.kind == "subexpression" else [left]
        while self.kind == "." and self.tokens[self.at + 1].kind != "*":
            self.at += 1
            parts.append(self._after_dot(_BINDING_POWERS["."]))
        return self.node("subexpression", first, None, *parts)

    def _after_dot(self, power: int) -> Node:
        first = self.at
        match self.kind:
            case "name" | "quoted":
                name = self._name()
                name = name if name.kind == "field" else self._unless_null(name, first)
                return self._operators(name, first, power)
            case "[" | "{":
                return self._unless_null(self._multi_select(), first)
            case _:
                raise self.unexpected()

    def _unless_null(self, made: Node, first: int) -> Node:
        return self.node("unless_null", first, None, made)

    def _values(self, left: Node, first: int, power: int) -> Node:
        self.at += 1
        return self.node("value_projection", first, None, left, self._projected(power))

    def _bracket(self, left: Node, first: int) -> Node:
        bracket = self.at
        self.at += 1
        if self.is_star(self.at):
            self.at += 2
            return self.node("projection", first, None, left, self._projected(_STAR_POWER))
        if not self.is_index(self.at):
            raise self.unexpected()
        bounds = self.bounds()
        if len(bounds) == 1:
            before = left.children if left.kind == "index_expression" else (left,)
            index = self.node("index", bracket, bounds[0])
            return self.node("index_expression", first, None, *before, index)
        if bounds[2:] == [0]:
            raise ExpressionSyntaxError(
                "a slice with a step of 0", self.tokens[bracket].start, "Leave the step out."
            )
        part = self.node("slice", bracket, (*bounds, None)[:3])
        sliced = self.node("index_expression", first, None, left, part)
        return self.node("projection", first, None, sliced, self._projected(_STAR_POWER))

    def _flatten(self, left: Node, first: int) -> Node:
        self.at += 1
        base = self.node("flatten", first, None, left)
        projected = self._projected(_BINDING_POWERS["[]"])
        return self.node("projection", first, None, base, projected)

    def _filter(self, left: Node, first: int) -> Node:
        self.at += 1
        condition = self.expression(0)
        self.take("]")
        projected = self._projected(_BINDING_POWERS["[?"])
        return self.node("filter_projection", first, None, left, projected, condition)

    def _projected(self, power: int) -> Node:
        """What a projection applies to each element (rule 1)."""
        if _BINDING_POWERS.get(self.kind, 0) < _PROJECTION_STOPS:
            end = self.tokens[self.at - 1].end
            return Node("identity", None, (), end, end)
        if self.kind != ".":
            return self.expression(power)
        self.at += 1
        if self.kind == "*":
            return self.expression(power)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_deep(self.tokens[self.at].start)
        projected = self._after_dot(power)
        self._depth -= 1
        return projected

    def _chain(self, left: Node, first: int) -> Node:
        sign = self.kind
        self.at += 1
        right = self.expression(_BINDING_POWERS[sign])
        kind = _CHAINS[sign]
        before = left.children if left.kind == kind else (left,)
        if len(before) == _LONGEST_CHAIN:
            start = self.tokens[first].start
            what = f"more than {_LONGEST_CHAIN} parts in a row"
            raise ExpressionSyntaxError(what, start, "Break it up.")
        return self.node(kind, first, None, *before, right)

    def _binary(self, left: Node, first: int) -> Node:
        sign = self.kind
        self.at += 1
        kind = "comparator" if sign in _COMPARATORS else "arithmetic"
        return self.node(kind, first, sign, left, self.expression(_BINDING_POWERS[sign]))

    def _ternary(self, left: Node, first: int) -> Node:
        self.at += 1
        then = self.expression(0)
        self.take(":")
        return self.node("ternary", first, None, left, then, self.expression(1))


_CHAINS: Final = {"||": "or_expression", "&&": "and_expression", "|": "pipe"}
_LEDS: Final[Mapping[str, _Led]] = {
    **dict.fromkeys(_CHAINS, _Parser._chain),
    **dict.fromkeys((*_COMPARATORS, "+", "-", "*", "/", "//", "%"), _Parser._binary),
    "?": _Parser._ternary,
    "[]": _Parser._flatten,
    "[?": _Parser._filter,
    ".": _Parser._dot,
    "[": _Parser._bracket,
}
