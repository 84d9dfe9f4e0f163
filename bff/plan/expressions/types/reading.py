"""The types of names, indexes, slices and projections: of what is read of lists and objects."""

from dataclasses import dataclass, replace

from bff.plan.expressions.grammar.nodes import Node
from bff.plan.expressions.types import problems as problem
from bff.plan.expressions.types.function_results import element_of, field_of, values_of
from bff.plan.expressions.types.narrowing import Seen, narrow
from bff.plan.expressions.types.problems import TypeProblem
from bff.plan.types import kinds as t
from bff.plan.types.algebra import (
    alternatives,
    fits,
    map_alternatives,
    nullable,
    union,
    without_null,
)

_SETTLED = (t.ANYTHING, t.NULL, t.NOTHING)  # nothing can be inferred of their parts


@dataclass(frozen=True, slots=True)
class Scope:
    """The types of what is seen. `is_root` holds while names still mean the root's; `after_dot`
    holds behind a value that the next name is read from."""

    seen: Seen
    is_root: bool = False
    after_dot: bool = False

    @property
    def type(self) -> t.Type:
        return self.seen["@"]

    def at(self, current: t.Type, *, is_root: bool = False, after_dot: bool = False) -> "Scope":
        """The scope with another `@`."""
        return Scope({**self.seen, "@": current}, is_root, after_dot)


class Reading:
    """The types of what is read of lists and objects; `of` gives those of all nodes."""

    def __init__(self, root: t.Type) -> None:
        self.root_names = frozenset(problem.field_names(root))
        self.problems: list[TypeProblem] = []

    def report(self, found: TypeProblem) -> t.Type:
        """Note a problem; what was wrong is `Anything` from here on."""
        self.problems.append(found)
        return t.ANYTHING

    def of(self, node: Node, scope: Scope) -> t.Type:
        """The type of the node's value in the scope."""
        raise NotImplementedError

    def field(self, node: Node, scope: Scope) -> t.Type:
        """The type of a name."""
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

    def index(self, node: Node, current: t.Type) -> t.Type:
        """The type of `[0]`."""
        lists = self._lists(current, node, f"[{node.value}]")
        if lists in _SETTLED:
            return lists
        return union(*(_element_at(each, node.value) for each in alternatives(current)))

    def slice(self, node: Node, current: t.Type) -> t.Type:
        """The type of `[1:2]`."""
        if current in _SETTLED:
            return current
        found = [_part_of(each) for each in alternatives(current)]
        if all(each == t.NULL for each in found):
            return self.report(problem.no_list(node, "a slice", current, "a list or a string"))
        return union(*found)

    def one_after_the_other(self, node: Node, scope: Scope) -> t.Type:
        """The type of `a.b`, `a[0]`, `a | b`."""
        for before, child in zip((None, *node.children), node.children, strict=False):
            if node.kind == "subexpression" and before and before.kind == "not_expression":
                scope = scope.at(self.report(problem.read_from_negation(before)))
            stays = child.kind == "root" or (
                scope.is_root and child.kind in ("current", "identity")
            )
            scope = scope.at(self.of(child, scope), is_root=stays, after_dot=node.kind != "pipe")
        return scope.type

    def projection(self, node: Node, scope: Scope) -> t.Type:
        """The type of `[*]`, `[]` and slices, with what is read of each element."""
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

    def filter(self, node: Node, scope: Scope) -> t.Type:
        """The type of `[?…]`."""
        left, right, condition = node.children
        base = self._base(left, scope)
        lists = self._lists(base, node, "a filter")
        inside = scope.at(element_of(lists))
        self.of(condition, inside)
        narrowed = replace(inside, seen=narrow(condition, inside.seen), after_dot=True)
        return self._projected(lists, base, self.of(right, narrowed))

    def value_projection(self, node: Node, scope: Scope) -> t.Type:
        """The type of `.*`."""
        left, right = node.children
        base = self._base(left, scope)
        values = base
        if any(isinstance(each, t.ObjectOf) for each in alternatives(base)):
            values = t.ListOf(values_of(base))
        elif base not in _SETTLED:
            values = self.report(problem.no_object(node, base))
        projected = self.of(right, scope.at(element_of(values), after_dot=True))
        return self._projected(values, base, projected, t.ObjectOf)

    def flatten(self, node: Node, scope: Scope) -> t.Type:
        """The type of `[]` without what follows."""
        base = self._base(node.children[0], scope)
        lists = self._lists(base, node, "`[]`")
        if not isinstance(lists, t.ListOf):
            return lists
        inner = (
            each.element if isinstance(each, t.ListOf) else each
            for each in alternatives(lists.element)
        )
        return _unless(base, t.ListOf, t.ListOf(union(*inner)))

    def _base(self, left: Node, scope: Scope) -> t.Type:
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
