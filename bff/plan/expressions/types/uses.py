"""The fields that an expression uses of the objects that it reads, through lists.

`static_reads` stops at the first list. This module goes on, so that a reply needs validation only
in the fields that somebody uses (`validate: used`). It may name too much and never too little:

**The rule.** Objects may lose or change the fields that are not named here, as long as no object
loses its last field: the expression's value stays the same, except for these fields in what it
passes on.

A *place* is a path of names from the root that walks through every list: `orders.id` is each
order's id. Fields are lost by name alone; lists stay, and keep their length.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bff.plan.expressions.grammar.nodes import Node
from bff.plan.expressions.types.function_results import element_of
from bff.plan.expressions.types.inference import infer_within
from bff.plan.model.expressions import NOWHERE, ROOT, Places, Uses
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives


def uses_of(node: Node, root: t.Type) -> Uses:
    """What the expression uses of a root of type `root`."""
    walk = _Walk(reads_length=_reads_length(node))
    at_root = _Lies(ROOT, root)
    value = walk.follow(node, {"@": at_root, "$": at_root})
    return Uses(value, frozenset(walk.whole), frozenset(walk.seen))


@dataclass(frozen=True, slots=True)
class _Lies:
    """Where a value lies, and what it may be."""

    places: Places
    type: t.Type


_Here = Mapping[str, _Lies]  # `@`, `$`, and variables by their names


class _Walk:
    """Infers types only where the expression reads a length: nothing else depends on them."""

    def __init__(self, *, reads_length: bool) -> None:
        self.whole: set[tuple[str, ...]] = set()
        self.seen: set[tuple[str, ...]] = set()
        self._reads_length = reads_length

    def type_of(self, node: Node, here: _Here) -> t.Type:
        if not self._reads_length:
            return t.ANYTHING
        return infer_within(node, {name: each.type for name, each in here.items()})

    def lies(self, node: Node, here: _Here) -> _Lies:
        """Where the node's value lies, and what it may be."""
        return _Lies(self.follow(node, here), self.type_of(node, here))

    def follow(self, node: Node, here: _Here) -> Places:
        """Where the node's value lies; nowhere if it is made. Notes what else the node uses."""
        match node.kind:
            case "field":
                return frozenset((*place, node.value) for place in here["@"].places)
            case "current" | "identity" | "index" | "slice":
                return here["@"].places
            case "root":
                return here["$"].places
            case "variable":
                return here[node.value].places
            case "subexpression" | "pipe" | "index_expression":
                for child in node.children:
                    here = {**here, "@": self.lies(child, here)}
                return here["@"].places
            case "or_expression":
                return self._see_all(node.children, here)
            case "and_expression":  # what it stops at has no fields
                *tested, last = node.children
                self._see_all(tested, here)
                return self.follow(last, here)
            case "ternary":
                self._see_all(node.children[:1], here)
                return NOWHERE.union(*(self.follow(each, here) for each in node.children[1:]))
            case "let_expression":
                *bindings, body = node.children
                bound = {each.value: self.lies(each.children[0], here) for each in bindings}
                return self.follow(body, {**here, **bound})
            case "not_expression":
                self._see_all(node.children, here)
            case "comparator":
                self._compare(node, here)
            case "flatten":
                return self._see_all(node.children, here)
            case "projection" | "filter_projection":
                base, element, *condition = node.children
                inside = self._elements(base, here)
                self._see_all(condition, inside)
                return self.follow(element, inside)
            case "value_projection":  # goes over every field
                base, element = node.children
                self.whole |= self.follow(base, here)
                self.follow(element, {**here, "@": _Lies(NOWHERE, t.ANYTHING)})
            case "unless_null":
                self._see(here["@"].places)
                return self.follow(node.children[0], here)
            case "key_val_pair":
                return self.follow(node.children[0], here)
            case "function_expression":
                return self._function(node, here)
            case _:
                self._use_all(node.children, here)
        return NOWHERE

    def _elements(self, node: Node, here: _Here) -> _Here:
        """The elements of the list that the node gives; they lie where it does."""
        places = self._see(self.follow(node, here))
        return {**here, "@": _Lies(places, element_of(self.type_of(node, here)))}

    def _see(self, places: Places) -> Places:
        self.seen |= places
        return places

    def _see_all(self, nodes: Iterable[Node], here: _Here) -> Places:
        return self._see(NOWHERE.union(*(self.follow(each, here) for each in nodes)))

    def _use_all(self, nodes: Iterable[Node], here: _Here) -> None:
        self.whole |= NOWHERE.union(*(self.follow(each, here) for each in nodes))

    def _compare(self, node: Node, here: _Here) -> None:
        """Objects are neither more nor less than anything, and equal to no scalar."""
        of_scalars = node.value not in ("==", "!=") or any(
            each.kind == "literal" and not isinstance(each.value, list | dict)
            for each in node.children
        )
        if of_scalars:
            self._see_all(node.children, here)
        else:
            self._use_all(node.children, here)

    def _function(self, node: Node, here: _Here) -> Places:
        match node.value, node.children:
            case "map", (reference, array) if reference.kind == "expref":
                return self.follow(reference.children[0], self._elements(array, here))
            case "sort_by" | "min_by" | "max_by", (array, reference) if reference.kind == "expref":
                inside = self._elements(array, here)
                self._see_all(reference.children, inside)
                return inside["@"].places
            case "group_by" | "index_by", (array, Node("expref") as reference):
                inside = self._elements(array, here)
                self.whole |= inside["@"].places
                self._use_all(reference.children, inside)
            case "not_null" | "to_array" | "reverse", arguments:
                return self._see_all(arguments, here)
            case "type", arguments:
                self._see_all(arguments, here)
            case "length", (argument,) if _is_no_object(self.type_of(argument, here)):
                self._see_all(node.children, here)
            case _, arguments:
                self._use_all(arguments, here)
        return NOWHERE


def _reads_length(node: Node) -> bool:
    reads = node.kind == "function_expression" and node.value == "length"
    return reads or any(map(_reads_length, node.children))


def _is_no_object(inferred: t.Type) -> bool:
    """Whether it is none for sure: the length of an object is how many fields it has."""
    return not any(isinstance(each, t.ObjectOf | t.Anything) for each in alternatives(inferred))
