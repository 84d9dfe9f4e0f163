"""From an expression's text to its tree, with the place of every node.

The grammar is the `jmespath` library's: its parser makes the nodes, and this module notes the
tokens of each. It may not change a node's meaning. But `a || b || c` is one node of three parts
here, where the library has one node within another: a chain is not nested. This module refuses more
than the library: nesting that would exhaust the stack, here or where the tree is walked; chains
without end; and a slice with a step of 0, which the library refuses only when it runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jmespath.exceptions import ParseError
from jmespath.parser import Parser

from bff.plan.expressions.grammar.tokens import MAX_DEPTH, ExpressionSyntaxError, end_of, scan

__all__ = ["ExpressionSyntaxError", "Node", "parse_expression"]

_Tree = dict[str, Any]  # a node of the library's, with `start` and `end` where we put them
_Rule = Callable[[_Tree], _Tree]

_CHAINS = frozenset(("or_expression", "and_expression", "pipe"))
_LONGEST_CHAIN = 1000  # parts
_MENDS = {
    "number": "A number stands in backticks: `5`.",
    "literal": "Is there an operator or a comma missing before it?",
    "unquoted_identifier": "Is there an operator, a comma or a dot missing before it?",
    "quoted_identifier": "A string stands in single quotes: 'text'.",
}


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the tree; frozen, so that one parse serves the checker, the compiler and the key.

    `kind` is the kind that the library's parser gives (`field`, `subexpression`, `projection`,
    `function_expression`, …); `value` and `children` are as there, but for a `slice`: its `value`
    is `(start, stop, step)`, integers or None, and it has no children. `start` and `end` are
    offsets in characters within the expression's source, which the library's nodes lack.
    """

    kind: str
    value: Any = None
    children: tuple["Node", ...] = ()
    start: int = 0
    end: int = 0


def parse_expression(source: str) -> Node:
    """Parse one expression. Raises `ExpressionSyntaxError`, and nothing else."""
    return _PlacingParser(source).parse_all()


class _PlacingParser(Parser):  # type: ignore[misc]
    """The library's parser, noting places. Used once; knows nothing of the library's cache."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self._source = source
        self._depth = 0
        self._tokens = [
            {"type": token.kind, "value": token.value, "start": token.start}
            for token in scan(source)
        ]
        for token, following in zip(self._tokens, self._tokens[1:], strict=False):
            token["end"] = end_of(source, following["start"])

    def parse_all(self) -> Node:
        if len(self._tokens) == 1:
            raise ExpressionSyntaxError("the expression is empty", 0)
        try:
            tree = self._expression()
            if self._current_token() != "eof":
                raise self._unexpected(self._lookahead_token(0))
        except ParseError as error:
            raise self._explained(error) from None
        return _to_node(tree, 0, len(self._source), MAX_DEPTH)

    # The methods below are the library's, called by each other: `nud` starts an expression,
    # `led` goes on with what is on its left.

    def _expression(self, binding_power: int = 0) -> _Tree:
        first = self._index
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep(self._tokens[first]["start"])
        left = self._start_expression(self._lookahead_token(0), first)
        while binding_power < self.BINDING_POWER[self._current_token()]:
            token = self._lookahead_token(0)
            led: _Rule | None = getattr(self, f"_token_led_{token['type']}", None)
            if led is None:
                raise self._unexpected(token)
            self._advance()
            left = led(left)
            self._put(left, first)
        self._depth -= 1
        if self._tokens[first - 1]["type"] == "colon":  # only in {key: value}
            left["key_start"] = self._tokens[first - 2]["start"]
            left["key_end"] = self._tokens[self._index - 1]["end"]
        return left

    def _start_expression(self, token: _Tree, first: int) -> _Tree:
        self._advance()
        nud: _Rule | None = getattr(self, f"_token_nud_{token['type']}", None)
        if nud is None:
            raise self._unexpected(token)
        left = nud(token)
        if token["type"] != "lparen":  # the node in brackets has its own place
            self._put(left, first)
        return left

    def _parse_dot_rhs(self, binding_power: int) -> _Tree:
        first = self._index
        node: _Tree = super()._parse_dot_rhs(binding_power)
        if "start" not in node:
            self._put(node, first)
        return node

    def _parse_index_expression(self) -> _Tree:
        bracket = self._index - 1
        node: _Tree = super()._parse_index_expression()
        self._put(node, bracket)
        return node

    def _token_nud_flatten(self, token: _Tree) -> _Tree:
        bracket = self._tokens[self._index - 1]
        node: _Tree = super()._token_nud_flatten(token)
        node["children"][0].update(start=bracket["start"], end=bracket["end"])
        return node

    def _token_led_flatten(self, left: _Tree) -> _Tree:
        bracket = self._tokens[self._index - 1]
        node: _Tree = super()._token_led_flatten(left)
        node["children"][0].update(start=left["start"], end=bracket["end"])
        return node

    def _put(self, node: _Tree, first: int) -> None:
        node["start"] = self._tokens[first]["start"]
        node["end"] = self._tokens[self._index - 1]["end"]

    def _explained(self, error: ParseError) -> ExpressionSyntaxError:
        if "Quoted identifier" in error.msg:
            at = self._lookahead_token(-1)["start"]
            return ExpressionSyntaxError("a function's name stands without quotes", at)
        at = error.lex_position
        if "function name" in error.msg:
            return ExpressionSyntaxError("what stands before ( is no function's name", at)
        return self._unexpected(next(token for token in self._tokens if token["start"] >= at))

    def _unexpected(self, token: _Tree) -> ExpressionSyntaxError:
        at = token["start"]
        if token["type"] == "eof":
            at = end_of(self._source, at)
            return ExpressionSyntaxError("the expression ends too early", at)
        if token["type"] != "number" and self._follows(at, "lbracket"):
            mend = "In [ ] stands a number, a slice, *, or a filter with [? ]."
        elif token["type"] == "literal" and self._follows(at, "dot"):
            mend = 'A name stands plain or in double quotes after a dot: .name, ."a name".'
        else:
            mend = _MENDS.get(token["type"], "")
        return ExpressionSyntaxError(f"unexpected {self._source[at : token['end']]!r}", at, mend)

    def _follows(self, at: int, kind: str) -> bool:
        pairs = zip(self._tokens, self._tokens[1:], strict=False)
        return any(a["type"] == kind and b["start"] == at for a, b in pairs)


def _to_node(tree: _Tree, start: int, end: int, depth_left: int) -> Node:
    """The tree as our nodes; `start` and `end` are for a node that was made of no token."""
    kind, value, children = tree["type"], tree.get("value"), tree["children"]
    start, end = tree.get("start", start), tree.get("end", end)
    if depth_left == 0:
        raise _too_deep(start)
    if kind == "slice":
        if children[2] == 0:
            raise ExpressionSyntaxError("a slice with a step of 0", start, "Leave the step out.")
        return Node(kind, tuple(children), (), start, end)
    if "start" not in tree and kind == "key_val_pair":
        start, end = children[0]["key_start"], children[0]["key_end"]
    elif "start" not in tree and kind == "index_expression":  # a projected slice's
        start = children[0].get("start", children[1]["start"])
        end = children[1]["end"]
    if kind in _CHAINS:
        children = _parts_in_a_row(tree)
    nodes = tuple(
        # an identity before everything else in its parent, or after
        _to_node(child, *((start, start) if index == 0 else (end, end)), depth_left - 1)
        for index, child in enumerate(children)
    )
    return Node(kind, value, nodes, start, end)


def _parts_in_a_row(tree: _Tree) -> list[_Tree]:
    """What the operators of one kind stand between: the first is the innermost on the left."""
    kind = tree["type"]
    parts: list[_Tree] = []
    while tree["type"] == kind:
        tree, last = tree["children"]
        parts.append(last)
    parts.append(tree)
    if len(parts) > _LONGEST_CHAIN:
        raise ExpressionSyntaxError(
            f"more than {_LONGEST_CHAIN} parts in a row", tree["start"], "Break it up."
        )
    return parts[::-1]


def _too_deep(offset: int) -> ExpressionSyntaxError:
    return ExpressionSyntaxError(
        f"the expression is nested more than {MAX_DEPTH} deep", offset, "Break it up."
    )
