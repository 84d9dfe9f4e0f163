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
from dataclasses import dataclass, replace

from bff.plan.expressions.grammar.nodes import Node
from bff.plan.expressions.types import problems as problem
from bff.plan.expressions.types.calls import infer_call
from bff.plan.expressions.types.function_results import element_of, field_of, values_of
from bff.plan.expressions.types.narrowing import Seen, falsy, narrow, narrow_otherwise, truthy
from bff.plan.expressions.types.operators import (
    infer_arithmetic,
    infer_comparison,
    infer_sign,
    mend_of_dash,
)
from bff.plan.expressions.types.problems import TypeProblem
from bff.plan.types import kinds as t
from bff.plan.types.algebra import (
    alternatives,
    fits,
    list_of_parts,
    map_alternatives,
    may_be_null,
    nullable,
    type_of_value,
    union,
    without_null,
)

__all__ = ["TypeProblem", "infer", "infer_within"]

_Change = Callable[[t.Type], t.Type]

_SETTLED = (t.ANYTHING, t.NULL, t.NOTHING)  # nothing can be inferred of their parts


def infer(node: Node, root: t.Type) -> tuple[t.Type, tuple[TypeProblem, ...]]:
    """The type of the expression's value over a root of type `root`, and its problems."""
    inference = _Inference(root)
    inferred = inference.of(node, _Scope({"@": root, "$": root}, is_root=True))
    return inferred, tuple(sorted(inference.problems, key=lambda each: each.offset))


def infer_within(node: Node, seen: Seen) -> t.Type:
    """The type of a part of an expression, where `seen` is what it sees."""
    return _Inference(seen["$"]).of(node, _Scope(seen))


@dataclass(frozen=True, slots=True)
class _Scope:
    """The types of what is seen. `is_root` holds while names still mean the root's; `after_dot`
    holds behind a value that the next name is read from."""

    seen: Seen
    is_root: bool = False
    after_dot: bool = False

    @property
    def type(self) -> t.Type:
        return self.seen["@"]

    def at(self, current: t.Type, *, is_root: bool = False, after_dot: bool = False) -> "_Scope":
        """The scope with another `@`."""
        return _Scope({**self.seen, "@": current}, is_root, after_dot)


class _Inference:
    def __init__(self, root: t.Type) -> None:
        self.root_names = frozenset(problem.field_names(root))
        self.problems: list[TypeProblem] = []

    def report(self, found: TypeProblem) -> t.Type:
        """Note a problem; what was wrong is `Anything` from here on."""
        self.problems.append(found)
        return t.ANYTHING

    def of(self, node: Node, scope: _Scope) -> t.Type:
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
                return self._field(node, scope)
            case "index":
                return self._index(node, scope.type)
            case "slice":
                return self._slice(node, scope.type)
            case "subexpression" | "index_expression" | "pipe":
                return self._one_after_the_other(node, scope)
            case "projection":
                return self._projection(node, scope)
            case "filter_projection":
                return self._filter(node, scope)
            case "value_projection":
                return self._value_projection(node, scope)
            case "flatten":
                return self._flatten(node, scope)
            case "unless_null":
                return self._unless_null(node, scope)
            case "multi_select_list" | "multi_select_dict":
                return self._multi_select(node, scope)
            case "or_expression":
                return _first_that([self.of(each, scope) for each in node.children], truthy, falsy)
            case "and_expression":
                return self._and(node, scope)
            case "not_expression":
                self.of(node.children[0], scope)
                return t.BOOLEAN
            case "ternary":
                return self._ternary(node, scope)
            case "let_expression":
                return self._let(node, scope)
            case "comparator" | "arithmetic" | "sign":
                return self._operator(node, scope)
            case "function_expression":
                inside = replace(scope, after_dot=False)
                return infer_call(
                    node,
                    lambda argument: self.of(argument, inside),
                    lambda argument, element: self.of(argument, scope.at(element)),
                    self.report,
                )
            case "expref":
                self.of(node.children[0], scope.at(t.ANYTHING))
                return self.report(problem.stray_reference(node))
            case kind:
                raise ValueError(f"{kind} is no node")

    def _field(self, node: Node, scope: _Scope) -> t.Type:
        if scope.type in _SETTLED:
            return scope.type
        found: list[t.Type] = []
        lacking = False
        for each in alternatives(scope.type):
            field = field_of(each, node.value)
            if field is None:
                lacking = True
            else:
                found.append(field.type)
                lacking = lacking or not field.required
        if found:
            return nullable(union(*found)) if lacking else union(*found)
        if scope.is_root:
            missing = problem.unknown_name(node, scope.type)
        elif node.value in self.root_names and not scope.after_dot:
            missing = problem.unreachable_root(node)
        else:
            missing = problem.no_such_field(node, scope.type)
        return self.report(missing if scope.after_dot else problem.perhaps_text(missing, node))

    def _index(self, node: Node, current: t.Type) -> t.Type:
        lists = self._lists(current, node, f"[{node.value}]")
        if lists in _SETTLED:
            return lists
        return union(*(_element_at(each, node.value) for each in alternatives(current)))

    def _slice(self, node: Node, current: t.Type) -> t.Type:
        if current in _SETTLED:
            return current
        found = [_part_of(each) for each in alternatives(current)]
        if all(each == t.NULL for each in found):
            return self.report(problem.no_list(node, "a slice", current, "a list or a string"))
        return union(*found)

    def _one_after_the_other(self, node: Node, scope: _Scope) -> t.Type:
        for before, child in zip((None, *node.children), node.children, strict=False):
            if node.kind == "subexpression" and before and before.kind == "not_expression":
                scope = scope.at(self.report(problem.read_from_negation(before)))
            stays = child.kind == "root" or (
                scope.is_root and child.kind in ("current", "identity")
            )
            scope = scope.at(self.of(child, scope), is_root=stays, after_dot=node.kind != "pipe")
        return scope.type

    def _projection(self, node: Node, scope: _Scope) -> t.Type:
        left, right = node.children
        base = self.of(left, scope)
        texts: t.Type = t.NOTHING
        if left.kind == "index_expression" and left.children[-1].kind == "slice":
            texts = union(*(each for each in alternatives(base) if each == t.STRING))
            base = map_alternatives(base, lambda each: t.NOTHING if each == t.STRING else each)
        if base == t.NOTHING:
            return self.of(right, scope.at(texts, after_dot=True))
        lists = self._lists(base, node, "`[*]`")
        projected = self.of(right, scope.at(element_of(lists), after_dot=True))
        result = self._projected(lists, base, projected)
        if texts == t.NOTHING:
            return result
        return union(result, self.of(right, scope.at(texts, after_dot=True)))

    def _filter(self, node: Node, scope: _Scope) -> t.Type:
        left, right, condition = node.children
        base = self._base(left, scope)
        lists = self._lists(base, node, "a filter")
        inside = scope.at(element_of(lists))
        self.of(condition, inside)
        narrowed = replace(inside, seen=narrow(condition, inside.seen), after_dot=True)
        return self._projected(lists, base, self.of(right, narrowed))

    def _value_projection(self, node: Node, scope: _Scope) -> t.Type:
        left, right = node.children
        base = self._base(left, scope)
        values = base
        if any(isinstance(each, t.ObjectOf) for each in alternatives(base)):
            values = t.ListOf(values_of(base))
        elif base not in _SETTLED:
            values = self.report(problem.no_object(node, base))
        projected = self.of(right, scope.at(element_of(values), after_dot=True))
        return self._projected(values, base, projected, t.ObjectOf)

    def _flatten(self, node: Node, scope: _Scope) -> t.Type:
        base = self._base(node.children[0], scope)
        lists = self._lists(base, node, "`[]`")
        if not isinstance(lists, t.ListOf):
            return lists
        inner = (
            each.element if isinstance(each, t.ListOf) else each
            for each in alternatives(lists.element)
        )
        return _unless(base, t.ListOf, t.ListOf(union(*inner)))

    def _base(self, left: Node, scope: _Scope) -> t.Type:
        """The base of a projection. That of `!a[]` is `!a`, which nobody means."""
        inferred = self.of(left, scope)
        if left.kind == "not_expression":
            return self.report(problem.read_from_negation(left))
        return inferred

    def _lists(self, base: t.Type, node: Node, what: str) -> t.Type:
        """The lists that `base` may be, as one; null and nothing as they are, else a problem."""
        if base in _SETTLED:
            return base
        if any(isinstance(each, t.ListOf) for each in alternatives(base)):
            return t.ListOf(element_of(base))
        return self.report(problem.no_list(node, what, base, "a list"))

    def _projected(
        self,
        source: t.Type,
        base: t.Type,
        projected: t.Type,
        over: type[t.ListOf] | type[t.ObjectOf] = t.ListOf,
    ) -> t.Type:
        """A projection's result: a list without nulls, or null where its base is no list."""
        if not isinstance(source, t.ListOf):
            return source
        return _unless(base, over, t.ListOf(without_null(projected)))

    def _unless_null(self, node: Node, scope: _Scope) -> t.Type:
        inside = replace(scope, seen={**scope.seen, "@": without_null(scope.type)})
        made = self.of(node.children[0], inside)
        if scope.type == t.NULL:
            return t.NULL
        return nullable(made) if may_be_null(scope.type) or scope.type == t.ANYTHING else made

    def _multi_select(self, node: Node, scope: _Scope) -> t.Type:
        inside = replace(scope, after_dot=False)
        if node.kind == "multi_select_list":
            return list_of_parts([self.of(child, inside) for child in node.children])
        pairs = {  # the last of a name wins
            str(child.value): t.Field(self.of(child.children[0], inside)) for child in node.children
        }
        return t.ObjectOf(tuple(pairs.items()))

    def _and(self, node: Node, scope: _Scope) -> t.Type:
        parts: list[t.Type] = []
        for child in node.children:
            parts.append(self.of(child, scope))
            scope = replace(scope, seen=narrow(child, scope.seen))
        return _first_that(parts, falsy, truthy)

    def _ternary(self, node: Node, scope: _Scope) -> t.Type:
        condition, then, otherwise = node.children
        decides = self.of(condition, scope)
        holds = replace(scope, seen=narrow(condition, scope.seen))
        fails = replace(scope, seen=narrow_otherwise(condition, scope.seen))
        parts = (self.of(then, holds), self.of(otherwise, fails))
        if truthy(decides) == t.NOTHING:
            return parts[1]
        return parts[0] if falsy(decides) == t.NOTHING else union(*parts)

    def _let(self, node: Node, scope: _Scope) -> t.Type:
        *bindings, body = node.children
        bound = {each.value: self.of(each.children[0], scope) for each in bindings}
        return self.of(body, replace(scope, seen={**scope.seen, **bound}))

    def _operator(self, node: Node, scope: _Scope) -> t.Type:
        found = len(self.problems)
        operands = [self.of(child, scope) for child in node.children]
        if len(self.problems) > found and (mend := mend_of_dash(node)):
            first = self.problems[found]  # of two names that are one
            self.problems[found:] = [replace(first, mend=f"{mend} {first.mend}".rstrip())]
        match node.kind:
            case "comparator":
                return infer_comparison(node, operands[0], operands[1], self.report)
            case "arithmetic":
                return infer_arithmetic(node, operands[0], operands[1], self.report)
            case _:
                return infer_sign(node, operands[0], self.report)


def _first_that(parts: list[t.Type], stops: _Change, goes_on: _Change) -> t.Type:
    """The type of the first part at whose value a chain stops, or else of the last."""
    found: list[t.Type] = []
    for part in parts[:-1]:
        if goes_on(part) == t.NOTHING:
            return union(*found, part)
        found.append(stops(part))
    return union(*found, parts[-1])


def _unless(base: t.Type, over: type[t.ListOf] | type[t.ObjectOf], result: t.Type) -> t.Type:
    """The result, nullable unless `base` is sure to be what can be gone over."""
    sure = all(isinstance(each, over) for each in alternatives(base))
    return result if sure else nullable(result)


def _element_at(each: t.Type, index: int) -> t.Type:
    match each:
        case t.Anything():
            return each
        case t.ListOf(_, parts) if -len(parts) <= index < len(parts):
            return parts[index]
        case t.ListOf(element, ()):
            return nullable(element)
        case _:
            return t.NULL


def _part_of(each: t.Type) -> t.Type:
    """A slice of a list or a text; of another value it is null."""
    match each:
        case t.Anything():
            return each
        case t.ListOf(element):
            return t.ListOf(element)
        case _:
            return t.STRING if fits(each, t.STRING) else t.NULL
