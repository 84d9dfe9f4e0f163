"""Narrows a value's type by a condition that holds for the value.

To JMESPath, null, false, `''`, `[]` and `{}` are false; everything else is true, 0 too. A condition
that the checker doesn't understand narrows nothing.
"""

from collections.abc import Callable

from bff.plan.expressions.grammar.parsing import Node
from bff.plan.types import kinds as t
from bff.plan.types.algebra import disjoint, map_alternatives, type_of_value, union

_Change = Callable[[t.Type], t.Type]

_EMPTY_LIST = t.ListOf(t.NOTHING)
_EMPTY_OBJECT = t.ObjectOf()
_ORDERINGS = ("lt", "lte", "gt", "gte")


def truthy(inferred: t.Type) -> t.Type:
    """The type of the values that count as true."""
    return map_alternatives(inferred, _truthy)


def falsy(inferred: t.Type) -> t.Type:
    """The type of the values that count as false; `NOTHING` when all count as true."""
    return map_alternatives(inferred, _falsy)


def narrow(condition: Node, inferred: t.Type) -> t.Type:
    """The type of those values of `inferred` for which the condition holds."""
    match condition.kind, condition.children:
        case "and_expression", parts:
            for part in parts:
                inferred = narrow(part, inferred)
            return inferred
        case "or_expression", parts:
            return union(*(narrow(part, inferred) for part in parts))
        case "not_expression", (child,):
            return _refine(child, inferred, falsy)
        case "comparator", (left, right):
            return _narrow_comparison(condition.value, left, right, inferred)
        case _:
            return _refine(condition, inferred, truthy)


def _narrow_comparison(operator: str, left: Node, right: Node, inferred: t.Type) -> t.Type:
    if operator in _ORDERINGS:
        return _refine(right, _refine(left, inferred, _ordered), _ordered)
    for side, other in ((left, right), (right, left)):
        if other.kind == "literal":
            literal = type_of_value(other.value)
            change = _equal_to(literal) if operator == "eq" else _unequal_to(literal)
            inferred = _refine(side, inferred, change)
    return inferred


def _refine(node: Node, inferred: t.Type, change: _Change) -> t.Type:
    """The values of `inferred` for which what `node` reads from them is of the changed type.

    Understands `@`, fields, and fields of fields; other nodes leave the type as it is.
    """
    match node.kind, node.children:
        case (("current" | "identity"), _):
            return change(inferred)
        case "field", _:
            return map_alternatives(inferred, lambda each: _refine_field(node.value, each, change))
        case "subexpression", (first, *rest) if rest and all(
            child.kind == "field" for child in (first, *rest)
        ):
            below = rest[0] if len(rest) == 1 else Node("subexpression", children=tuple(rest))
            return _refine(first, inferred, lambda each: _refine(below, each, change))
        case _:
            return inferred


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
                return each
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
        case t.ListOf():
            return _EMPTY_LIST
        case t.ObjectOf(fields) if not any(field.required for _, field in fields):
            return _EMPTY_OBJECT
        case _:
            return t.NOTHING if _truthy(each) == each else each


def _equal_to(literal: t.Type) -> _Change:
    def change(inferred: t.Type) -> t.Type:
        return map_alternatives(
            inferred, lambda each: t.NOTHING if disjoint(each, literal) else each
        )

    return change


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
