"""The fields that an expression uses of the objects that it reads, through lists.

`static_reads` stops at the first list. This module goes on, so that a reply needs validation only
in the fields that somebody uses (`validate: used`). It may name too much and never too little:

**The rule.** Objects may lose or change the fields that are not named here, as long as no object
loses its last field: the expression's value stays the same, except for these fields in what it
passes on.

A *place* is a path of names from the root that walks through every list: `orders.id` is each
order's id. Fields are lost by name alone; lists stay, and keep their length.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bff.plan.expressions.grammar.parsing import Node
from bff.plan.expressions.types.functions import element_of
from bff.plan.expressions.types.inference import infer
from bff.plan.model.expressions import NOWHERE, ROOT, Places, Uses
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives


def uses_of(node: Node, root: t.Type) -> Uses:
    """What the expression uses of a root of type `root`."""
    walk = _Walk(reads_length=_reads_length(node))
    value = walk.follow(node, _Here(ROOT, root))
    return Uses(value, frozenset(walk.whole), frozenset(walk.seen))


@dataclass(frozen=True, slots=True)
class _Here:
    """Where the current value lies, and what it may be."""

    places: Places
    type: t.Type


class _Walk:
    """Infers types only where the expression reads a length: nothing else depends on them."""

    def __init__(self, *, reads_length: bool) -> None:
        self.whole: set[tuple[str, ...]] = set()
        self.seen: set[tuple[str, ...]] = set()
        self._reads_length = reads_length

    def type_of(self, node: Node, here: _Here) -> t.Type:
        return infer(node, here.type)[0] if self._reads_length else t.ANYTHING

    def follow(self, node: Node, here: _Here) -> Places:
        """Where the node's value lies; nowhere if it is made. Notes what else the node uses."""
        match node.kind:
            case "field":
                return frozenset((*place, node.value) for place in here.places)
            case "current" | "identity" | "index" | "slice":
                return here.places
            case "subexpression" | "pipe" | "index_expression":
                for child in node.children:
                    here = _Here(self.follow(child, here), self.type_of(child, here))
                return here.places
            case "or_expression":
                return self._see_all(node.children, here)
            case "and_expression":  # what it stops at has no fields
                *tested, last = node.children
                self._see_all(tested, here)
                return self.follow(last, here)
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
                self.follow(element, _Here(NOWHERE, t.ANYTHING))
            case "multi_select_list" | "multi_select_dict":
                self._see(here.places)  # of null nothing is selected
                self._use_all(node.children, here)
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
        return _Here(places, element_of(self.type_of(node, here)))

    def _see(self, places: Places) -> Places:
        self.seen |= places
        return places

    def _see_all(self, nodes: Iterable[Node], here: _Here) -> Places:
        return self._see(NOWHERE.union(*(self.follow(each, here) for each in nodes)))

    def _use_all(self, nodes: Iterable[Node], here: _Here) -> None:
        self.whole |= NOWHERE.union(*(self.follow(each, here) for each in nodes))

    def _compare(self, node: Node, here: _Here) -> None:
        """Objects are neither more nor less than anything, and equal to no scalar."""
        of_scalars = node.value not in ("eq", "ne") or any(
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
                return inside.places
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
