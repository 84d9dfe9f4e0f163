"""Narrows the types of values by a condition that holds.

To JMESPath, null, false, `''`, `[]` and `{}` are false; everything else is true, 0 too. A condition
that the checker doesn't understand narrows nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from bff.plan.expressions.grammar.nodes import Node
from bff.plan.types import kinds as t
from bff.plan.types.algebra import disjoint, map_alternatives, type_of_value, union

Seen = Mapping[str, t.Type]  # the types of `@`, of `$`, and of variables by their names

_Change = Callable[[t.Type], t.Type]

_EMPTY_LIST = t.ListOf(t.NOTHING)
_EMPTY_OBJECT = t.ObjectOf()
_OPPOSITES = {"==": "!=", "!=": "=="}


def truthy(inferred: t.Type) -> t.Type:
    """The type of the values that count as true."""
    return map_alternatives(inferred, _truthy)


def falsy(inferred: t.Type) -> t.Type:
    """The type of the values that count as false; `NOTHING` when all count as true."""
    return map_alternatives(inferred, _falsy)


def narrow(condition: Node, seen: Seen) -> Seen:
    """The types of what is seen where the condition holds."""
    match condition.kind, condition.children:
        case "and_expression", parts:
            for part in parts:
                seen = narrow(part, seen)
            return seen
        case "or_expression", parts:
            narrowed = [narrow(part, seen) for part in parts]
            return {name: union(*(each[name] for each in narrowed)) for name in seen}
        case "not_expression", (child,):
            return narrow_otherwise(child, seen)
        case "comparator", (left, right):
            return _narrow_comparison(condition.value, left, right, seen)
        case _:
            return _refine(condition, seen, truthy)


def narrow_otherwise(condition: Node, seen: Seen) -> Seen:
    """The types of what is seen where the condition doesn't hold."""
    match condition.kind, condition.children:
        case "or_expression", parts:
            for part in parts:
                seen = narrow_otherwise(part, seen)
            return seen
        case "and_expression", parts:
            narrowed = [narrow_otherwise(part, seen) for part in parts]
            return {name: union(*(each[name] for each in narrowed)) for name in seen}
        case "not_expression", (child,):
            return narrow(child, seen)
        case "comparator", _ if condition.value in _OPPOSITES:
            return narrow(replace(condition, value=_OPPOSITES[condition.value]), seen)
        case "comparator", _:
            return seen
        case _:
            return _refine(condition, seen, falsy)


def _narrow_comparison(operator: str, left: Node, right: Node, seen: Seen) -> Seen:
    if operator not in _OPPOSITES:
        return _refine(right, _refine(left, seen, _ordered), _ordered)
    for side, other in ((left, right), (right, left)):
        if other.kind == "literal":
            literal = type_of_value(other.value)
            change = _equal_to(literal) if operator == "==" else _unequal_to(literal)
            seen = _refine(side, seen, change)
    return seen


def _refine(node: Node, seen: Seen, change: _Change) -> Seen:
    """What is seen where what `node` reads of it is of the changed type.

    Understands `@`, `$`, variables, their fields, and fields of fields; other nodes leave the types
    as they are.
    """
    path = _path_of(node)
    if path is None:
        return seen
    base, *names = path
    return {**seen, base: _refine_at(names, seen[base], change)}


def _path_of(node: Node) -> tuple[str, ...] | None:
    match node.kind, node.children:
        case (("current" | "identity"), _):
            return ("@",)
        case "root", _:
            return ("$",)
        case "variable", _:
            return (node.value,)
        case "field", _:
            return ("@", node.value)
        case "subexpression", (first, *rest) if all(child.kind == "field" for child in rest):
            base = _path_of(first)
            return None if base is None else (*base, *(child.value for child in rest))
        case _:
            return None


def _refine_at(names: list[str], inferred: t.Type, change: _Change) -> t.Type:
    if not names:
        return change(inferred)
    name, *below = names

    def change_field(each: t.Type) -> t.Type:
        return _refine_field(name, each, lambda field: _refine_at(below, field, change))

    return map_alternatives(inferred, change_field)


def _refine_field(name: str, each: t.Type, change: _Change) -> t.Type:
    match each:
        case t.Anything():
            return each
        case t.ObjectOf(fields, extra):
            field = dict(fields).get(name)
            if field is not None:
                refined = _changed_field(field, change)
                if refined is None:
                    return t.NOTHING
                if refined == field:
                    return each
                changed = tuple((key, refined if key == name else old) for key, old in fields)
                return t.ObjectOf(changed, extra)
            if extra is not None:
                refined = _changed_field(t.Field(extra, required=False), change)
                if refined is None:
                    return t.NOTHING
                if refined == t.Field(extra, required=False):
                    return each
                return t.ObjectOf((*fields, (name, refined)), extra)
    return t.NOTHING if change(t.NULL) == t.NOTHING else each  # such a field reads as null


def _changed_field(field: t.Field, change: _Change) -> t.Field | None:
    if field.required:
        changed = change(field.type)
        return None if changed == t.NOTHING else t.Field(changed)
    present, absent = change(field.type), change(t.NULL)
    if absent != t.NOTHING:
        return t.Field(present, required=False)
    return None if present == t.NOTHING else t.Field(present)


def _truthy(each: t.Type) -> t.Type:
    match each:
        case (
            t.NULL | t.Constant(False) | t.Constant("") | t.ListOf(t.NOTHING) | t.ObjectOf((), None)
        ):
            return t.NOTHING
        case t.BOOLEAN:
            return t.Constant(True)
        case _:
            return each


def _falsy(each: t.Type) -> t.Type:
    match each:
        case t.Anything():
            return each
        case t.BOOLEAN:
            return t.Constant(False)
        case t.STRING:
            return t.Constant("")
        case t.ListOf(_, ()):
            return _EMPTY_LIST
        case t.ObjectOf(fields) if not any(field.required for _, field in fields):
            return _EMPTY_OBJECT
        case _:
            return t.NOTHING if _truthy(each) == each else each


def _equal_to(literal: t.Type) -> _Change:
    # Of numbers nothing is known but that they are equal: 1 is 1.0.
    is_exact = isinstance(literal, t.Constant) and isinstance(literal.value, str | bool)

    def change_each(each: t.Type) -> t.Type:
        if disjoint(each, literal):
            return t.NOTHING
        return literal if is_exact and isinstance(each, t.Scalar) else each

    return lambda inferred: map_alternatives(inferred, change_each)


def _unequal_to(literal: t.Type) -> _Change:
    def change(inferred: t.Type) -> t.Type:
        return map_alternatives(inferred, lambda each: t.NOTHING if each == literal else each)

    return change if isinstance(literal, t.Constant) or literal == t.NULL else lambda each: each


def _ordered(inferred: t.Type) -> t.Type:
    """Only numbers and strings are ordered; every other value makes the comparison null."""
    comparable = union(t.NUMBER, t.STRING)
    return map_alternatives(
        inferred, lambda each: t.NOTHING if disjoint(each, comparable) else each
    )
