"""The type of an expression, and every mistake in it that can be known before a request.

Rules:
1. Sound: where there is no problem, the value has the inferred type and nothing raises, but for
   what `Anything` hides, and for what hangs on a value and not on its type: a division by zero, a
   number or a text that grows too large, a width below 0.
2. One mistake, one problem: what is wrong is `Anything` from there on.
3. Gradual: `Anything` has no problems.

Read next: `operators`, `calls` (function calls), `narrowing` (conditions), `problems` (the
sentences).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from bff.plan.expressions.grammar.nodes import Node
from bff.plan.expressions.types import problems as problem
from bff.plan.expressions.types.calls import infer_call
from bff.plan.expressions.types.narrowing import Seen, falsy, narrow, narrow_otherwise, truthy
from bff.plan.expressions.types.operators import (
    infer_arithmetic,
    infer_comparison,
    infer_sign,
    mend_of_dash,
)
from bff.plan.expressions.types.problems import TypeProblem
from bff.plan.expressions.types.reading import Reading, Scope
from bff.plan.types import kinds as t
from bff.plan.types.algebra import (
    has_more_parts,
    list_of_parts,
    may_be_null,
    nullable,
    type_of_value,
    union,
    without_null,
)

_Change = Callable[[t.Type], t.Type]

_MOST_PARTS = 20_000  # of a type: objects of the same object twice double with each level
_SETTLED = (t.ANYTHING, t.NULL, t.NOTHING)  # nothing can be inferred of their parts


class Operation(NamedTuple):
    """A comparison or a function call, and the types of its operands: of those of a call that are
    no `&expression`."""

    node: Node
    operands: tuple[t.Type, ...]


def infer(node: Node, root: t.Type) -> tuple[t.Type, tuple[TypeProblem, ...]]:
    """The type of the expression's value over a root of type `root`, and its problems."""
    inference = _Inference(root)
    inferred = inference.of(node, Scope({"@": root, "$": root}, is_root=True))
    return inferred, tuple(sorted(inference.problems, key=lambda each: each.offset))


def infer_operations(node: Node, root: t.Type) -> tuple[t.Type, tuple[Operation, ...]]:
    """The type of the expression's value, and every comparison and call in it with the types of its
    operands as they are where it is evaluated."""
    inference = _Inference(root)
    inferred = inference.of(node, Scope({"@": root, "$": root}, is_root=True))
    return inferred, tuple(inference.operations)


def infer_within(node: Node, seen: Seen) -> t.Type:
    """The type of a part of an expression, where `seen` is what it sees."""
    return _Inference(seen["$"]).of(node, Scope(seen))


class _Inference(Reading):
    def __init__(self, root: t.Type) -> None:
        super().__init__(root)
        self.operations: list[Operation] = []

    def of(self, node: Node, scope: Scope) -> t.Type:
        """The type of the node's value in the scope."""
        match node.kind:
            case "current" | "identity":
                return scope.type
            case "root":
                return scope.seen["$"]
            case "variable":
                return scope.seen[node.value]
            case "literal":
                return type_of_value(node.value)
            case "field":
                return self.field(node, scope)
            case "index":
                return self.index(node, scope.type)
            case "slice":
                return self.slice(node, scope.type)
            case "subexpression" | "index_expression" | "pipe":
                return self.one_after_the_other(node, scope)
            case "projection":
                return self.projection(node, scope)
            case "filter_projection":
                return self.filter(node, scope)
            case "value_projection":
                return self.value_projection(node, scope)
            case "flatten":
                return self.flatten(node, scope)
            case "unless_null":
                return self._unless_null(node, scope)
            case "multi_select_list" | "multi_select_dict":
                return self._bounded(node, self._multi_select(node, scope))
            case "or_expression":
                return self._or(node, scope)
            case "and_expression":
                return self._and(node, scope)
            case "not_expression":
                return _opposite(self.of(node.children[0], scope))
            case "ternary":
                return self._ternary(node, scope)
            case "let_expression":
                return self._let(node, scope)
            case "comparator" | "arithmetic" | "sign":
                return self._operator(node, scope)
            case "function_expression":
                return self._bounded(node, self._call(node, scope))
            case "expref":
                self.of(node.children[0], scope.at(t.ANYTHING))
                return self.report(problem.stray_reference(node))
            case kind:
                raise ValueError(f"{kind} is no node")

    def _unless_null(self, node: Node, scope: Scope) -> t.Type:
        inside = replace(scope, seen={**scope.seen, "@": without_null(scope.type)})
        made = self.of(node.children[0], inside)
        if scope.type == t.NULL:
            return t.NULL
        return nullable(made) if may_be_null(scope.type) or scope.type == t.ANYTHING else made

    def _multi_select(self, node: Node, scope: Scope) -> t.Type:
        inside = replace(scope, after_dot=False)
        if node.kind == "multi_select_list":
            return list_of_parts([self.of(child, inside) for child in node.children])
        pairs = {  # the last of a name wins
            str(child.value): t.Field(self.of(child.children[0], inside)) for child in node.children
        }
        return t.ObjectOf(tuple(pairs.items()))

    def _bounded(self, node: Node, made: t.Type) -> t.Type:
        if has_more_parts(made, _MOST_PARTS):
            return self.report(problem.vast_type(node, _MOST_PARTS))
        return made

    def _and(self, node: Node, scope: Scope) -> t.Type:
        parts: list[t.Type] = []
        for child in node.children:
            parts.append(self.of(child, scope))
            scope = replace(scope, seen=narrow(child, scope.seen))
        return _first_that(parts, falsy, truthy)

    def _or(self, node: Node, scope: Scope) -> t.Type:
        parts: list[t.Type] = []
        for child in node.children:
            parts.append(self.of(child, scope))
            seen = narrow_otherwise(child, scope.seen)
            if t.NOTHING not in seen.values():  # what is never evaluated has its mistakes, too
                scope = replace(scope, seen=seen)
        return _first_that(parts, truthy, falsy)

    def _ternary(self, node: Node, scope: Scope) -> t.Type:
        condition, then, otherwise = node.children
        decides = self.of(condition, scope)
        holds = replace(scope, seen=narrow(condition, scope.seen))
        fails = replace(scope, seen=narrow_otherwise(condition, scope.seen))
        parts = (self.of(then, holds), self.of(otherwise, fails))
        if truthy(decides) == t.NOTHING:
            return parts[1]
        return parts[0] if falsy(decides) == t.NOTHING else union(*parts)

    def _let(self, node: Node, scope: Scope) -> t.Type:
        *bindings, body = node.children
        bound = {each.value: self.of(each.children[0], scope) for each in bindings}
        return self.of(body, replace(scope, seen={**scope.seen, **bound}))

    def _call(self, node: Node, scope: Scope) -> t.Type:
        inside = replace(scope, after_dot=False)
        operands: list[t.Type] = []

        def infer_argument(argument: Node) -> t.Type:
            operands.append(self.of(argument, inside))
            return operands[-1]

        made = infer_call(
            node,
            infer_argument,
            lambda argument, element: self.of(argument, scope.at(element)),
            self.report,
        )
        self.operations.append(Operation(node, tuple(operands)))
        return made

    def _operator(self, node: Node, scope: Scope) -> t.Type:
        found = len(self.problems)
        operands = [self.of(child, scope) for child in node.children]
        if len(self.problems) > found and (mend := mend_of_dash(node)):
            first = self.problems[found]  # of two names that are one
            self.problems[found:] = [replace(first, mend=f"{mend} {first.mend}".rstrip())]
        match node.kind:
            case "comparator":
                self.operations.append(Operation(node, tuple(operands)))
                return infer_comparison(node, operands[0], operands[1], self.report)
            case "arithmetic":
                return infer_arithmetic(node, operands[0], operands[1], self.report)
            case _:
                return infer_sign(node, operands[0], self.report)


def _opposite(inferred: t.Type) -> t.Type:
    if truthy(inferred) == t.NOTHING:
        return t.Constant(True)
    return t.Constant(False) if falsy(inferred) == t.NOTHING else t.BOOLEAN


def _first_that(parts: list[t.Type], stops: _Change, goes_on: _Change) -> t.Type:
    """The type of the first part at whose value a chain stops, or else of the last."""
    found: list[t.Type] = []
    for part in parts[:-1]:
        if goes_on(part) == t.NOTHING:
            return union(*found, part)
        found.append(stops(part))
    return union(*found, parts[-1])
