"""The type of an expression, and every mistake in it that can be known before a request.

Rules:
1. Sound: where there is no problem, the value has the inferred type and nothing raises, but for
   what `Anything` hides.
2. One mistake, one problem: what is wrong is `Anything` from there on.
3. Gradual: `Anything` has no problems.

Read next: `calls` (function calls), `narrowing` (conditions), `problems` (the sentences).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from bff.plan.expressions.grammar.parsing import Node
from bff.plan.expressions.types import problems as problem
from bff.plan.expressions.types.calls import infer_call
from bff.plan.expressions.types.functions import element_of, values_of
from bff.plan.expressions.types.narrowing import falsy, narrow, truthy
from bff.plan.expressions.types.problems import TypeProblem
from bff.plan.types import kinds as t
from bff.plan.types.algebra import (
    alternatives,
    disjoint,
    may_be_null,
    nullable,
    type_of_value,
    union,
    without_null,
)

__all__ = ["TypeProblem", "infer"]

_Change = Callable[[t.Type], t.Type]

_SETTLED = (t.ANYTHING, t.NULL, t.NOTHING)  # nothing can be inferred of their parts


def infer(node: Node, root: t.Type) -> tuple[t.Type, tuple[TypeProblem, ...]]:
    """The type of the expression's value over a root of type `root`, and its problems."""
    inference = _Inference(root)
    inferred = inference.of(node, _Scope(root, is_root=True))
    return inferred, tuple(sorted(inference.problems, key=lambda each: each.offset))


@dataclass(frozen=True, slots=True)
class _Scope:
    """The type of `@`. `is_root` holds while names still mean the root's; `after_dot` holds behind
    a value that the next name is read from."""

    type: t.Type
    is_root: bool = False
    after_dot: bool = False


class _Inference:
    def __init__(self, root: t.Type) -> None:
        self.root_names = frozenset(problem.field_names(root))
        self.problems: list[TypeProblem] = []

    def report(self, found: TypeProblem) -> t.Type:
        """Note a problem; what was wrong is `Anything` from here on."""
        self.problems.append(found)
        return t.ANYTHING

    def of(self, node: Node, scope: _Scope) -> t.Type:
        """The type of the node's value over a value of the scope's type."""
        match node.kind:
            case "current" | "identity":
                return scope.type
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
            case "multi_select_list" | "multi_select_dict":
                return self._multi_select(node, scope)
            case "key_val_pair":
                return self.of(node.children[0], scope)
            case "or_expression":
                return self._or(node, scope)
            case "and_expression":
                return self._and(node, scope)
            case "not_expression":
                self.of(node.children[0], scope)
                return t.BOOLEAN
            case "comparator":
                return self._comparison(node, scope)
            case "function_expression":
                inside = replace(scope, after_dot=False)
                return infer_call(
                    node,
                    lambda argument: self.of(argument, inside),
                    lambda argument, element: self.of(argument, _Scope(element)),
                    self.report,
                )
            case "expref":
                self.of(node.children[0], _Scope(t.ANYTHING))
                return self.report(problem.stray_reference(node))
            case kind:
                raise ValueError(f"{kind} is no JMESPath node")

    def _field(self, node: Node, scope: _Scope) -> t.Type:
        if scope.type in _SETTLED:
            return scope.type
        found: list[t.Type] = []
        lacking = False
        for each in alternatives(scope.type):
            field = _field_of(each, node.value)
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
        return nullable(element_of(lists)) if isinstance(lists, t.ListOf) else lists

    def _slice(self, node: Node, current: t.Type) -> t.Type:
        lists = self._lists(current, node, "a slice")
        return _unless(current, t.ListOf, lists) if isinstance(lists, t.ListOf) else lists

    def _one_after_the_other(self, node: Node, scope: _Scope) -> t.Type:
        for before, child in zip((None, *node.children), node.children, strict=False):
            if node.kind == "subexpression" and before and before.kind == "not_expression":
                scope = _Scope(self.report(problem.read_from_negation(before)))
            stays = scope.is_root and child.kind in ("current", "identity")
            scope = _Scope(self.of(child, scope), stays, after_dot=node.kind != "pipe")
        return scope.type

    def _projection(self, node: Node, scope: _Scope) -> t.Type:
        left, right = node.children
        base = self.of(left, scope)
        lists = self._lists(base, node, "`[*]`")
        projected = self.of(right, _Scope(element_of(lists), after_dot=True))
        return self._projected(lists, base, projected)

    def _filter(self, node: Node, scope: _Scope) -> t.Type:
        left, right, condition = node.children
        base = self._base(left, scope)
        lists = self._lists(base, node, "a filter")
        element = element_of(lists)
        self.of(condition, _Scope(element))
        projected = self.of(right, _Scope(narrow(condition, element), after_dot=True))
        return self._projected(lists, base, projected)

    def _value_projection(self, node: Node, scope: _Scope) -> t.Type:
        left, right = node.children
        base = self._base(left, scope)
        values = base
        if any(isinstance(each, t.ObjectOf) for each in alternatives(base)):
            values = t.ListOf(values_of(base))
        elif base not in _SETTLED:
            values = self.report(problem.no_object(node, base))
        projected = self.of(right, _Scope(element_of(values), after_dot=True))
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
        return self.report(problem.no_list(node, what, base))

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

    def _multi_select(self, node: Node, scope: _Scope) -> t.Type:
        inside = _Scope(without_null(scope.type), scope.is_root)  # of null nothing is selected
        parts = [self.of(child, inside) for child in node.children]
        if node.kind == "multi_select_list":
            built: t.Type = t.ListOf(union(*parts))
        else:
            names = [str(child.value) for child in node.children]
            pairs = dict(zip(names, map(t.Field, parts), strict=True))  # the last of a name wins
            built = t.ObjectOf(tuple(pairs.items()))
        if scope.type == t.NULL:
            return t.NULL
        unsure = may_be_null(scope.type) or scope.type == t.ANYTHING
        return nullable(built) if unsure else built

    def _or(self, node: Node, scope: _Scope) -> t.Type:
        parts = [self.of(child, scope) for child in node.children]
        return _first_that(parts, truthy, falsy)

    def _and(self, node: Node, scope: _Scope) -> t.Type:
        parts: list[t.Type] = []
        inside = scope
        for child in node.children:
            parts.append(self.of(child, inside))
            inside = _Scope(narrow(child, inside.type), scope.is_root)
        return _first_that(parts, falsy, truthy)

    def _comparison(self, node: Node, scope: _Scope) -> t.Type:
        left, right = (self.of(child, scope) for child in node.children)
        if left == t.NOTHING or right == t.NOTHING:
            return t.BOOLEAN
        if node.value in ("eq", "ne"):
            if disjoint(left, right) and t.NULL not in (left, right):
                self.report(problem.never_equal(node, left, right))
            return t.BOOLEAN
        return self._ordering(node, left, right)

    def _ordering(self, node: Node, left: t.Type, right: t.Type) -> t.Type:
        for side in (left, right):
            if disjoint(side, _ORDERED):
                return self.report(problem.unordered(node, side))
        for one, other in ((left, right), (right, left)):
            if t.ANYTHING in (left, right):
                continue
            if not disjoint(one, t.STRING) and not disjoint(other, t.NUMBER):
                return self.report(problem.mixed_order(node, left, right))
        sure = all(
            not disjoint(each, _ORDERED) and each != t.ANYTHING
            for side in (left, right)
            for each in alternatives(side)
        )
        return t.BOOLEAN if sure else nullable(t.BOOLEAN)


_ORDERED = union(t.NUMBER, t.STRING)


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


def _field_of(each: t.Type, name: str) -> t.Field | None:
    if not isinstance(each, t.ObjectOf):
        return None
    field = dict(each.fields).get(name)
    if field is None and each.extra is not None:
        return t.Field(each.extra, required=False)
    return field
