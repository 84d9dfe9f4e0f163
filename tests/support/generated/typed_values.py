"""Hypothesis strategies for types, and for values of a type."""

import math
from typing import Any

from hypothesis import strategies as st

from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, list_of_parts, nullable, union

NAMES = ("a", "b", "c", "kind")
TEXTS = ("", "a", "b", "12", "1.5", "x y")
NUMBERS = (0, 1, -3, 7, 0.5, -2.25, 1.0)

_TREE: dict[str, t.Type] = {}
_TREE["Tree"] = t.ObjectOf(
    (("a", t.Field(t.INTEGER)), ("c", t.Field(t.ListOf(t.Named("Tree", _TREE))))), name="Tree"
)
TREE = t.Named("Tree", _TREE)


def _object(*names: str, **fields: t.Type) -> t.ObjectOf:
    """An object of the fields; those in `names` may be left out."""
    return t.ObjectOf(
        tuple((name, t.Field(each, name not in names)) for name, each in fields.items())
    )


_ITEM = _object("note", id=t.INTEGER, price=nullable(t.NUMBER), title=t.STRING, note=t.STRING)
_CARD = _object(kind=t.Constant("card"), number=t.STRING)
_BANK = _object(kind=t.Constant("bank"), fee=t.NUMBER, number=nullable(t.STRING))
SHOP = _object(
    numbers=t.ListOf(t.NUMBER),
    counts=t.ListOf(t.INTEGER),
    words=t.ListOf(t.STRING),
    items=t.ListOf(_ITEM),
    item=nullable(_ITEM),
    orders=nullable(t.ListOf(_object(items=t.ListOf(_ITEM), total=t.NUMBER, paid=t.BOOLEAN))),
    payments=t.ListOf(union(_CARD, _BANK)),
    tree=TREE,
    stock=t.ObjectOf(extra=t.INTEGER),
    name=t.STRING,
)  # what compositions see, more or less

_SCALARS = st.sampled_from(
    [t.NULL, t.BOOLEAN, t.INTEGER, t.NUMBER, t.STRING, *map(t.Constant, (1, 0.5, "a", "b", True))]
)


def types(*, gradual: bool = False) -> st.SearchStrategy[t.Type]:
    """Any type, a few levels deep; with `Anything` in it only when `gradual`."""
    leaves = st.one_of(_SCALARS, st.just(TREE), *([st.just(t.ANYTHING)] if gradual else []))
    return st.recursive(leaves, _composed, max_leaves=8)


def _composed(parts: st.SearchStrategy[t.Type]) -> st.SearchStrategy[t.Type]:
    return st.one_of(
        parts.map(t.ListOf),
        objects(parts),
        parts.map(nullable),
        st.builds(union, parts, parts),
        st.lists(parts, min_size=1, max_size=2).map(list_of_parts),
    )


def types_fitting(wanted: t.Type) -> st.SearchStrategy[t.Type]:
    """Types that fit what a function takes, most of them."""
    return st.sampled_from(alternatives(wanted)).flatmap(_fitting)


def _fitting(wanted: t.Type) -> st.SearchStrategy[t.Type]:
    match wanted:
        case t.ListOf(element):
            return st.one_of(types_fitting(element).map(t.ListOf), st.just(t.ListOf(t.NOTHING)))
        case t.ObjectOf():
            each = objects(types())
            return st.one_of(each, st.builds(union, each, each))
        case t.NUMBER:
            return st.sampled_from([t.NUMBER, t.INTEGER, t.Constant(1.5), t.Constant(-1)])
        case t.STRING:
            return st.sampled_from([t.STRING, t.Constant("a"), nullable(t.STRING)])
        case _:
            return types()


def objects(parts: st.SearchStrategy[t.Type]) -> st.SearchStrategy[t.ObjectOf]:
    """Objects with some of `NAMES`, here and there optional, here and there open."""
    field = st.builds(t.Field, parts, st.sampled_from([True, True, False]))
    fields = st.dictionaries(st.sampled_from(NAMES), field, max_size=4)
    extra = st.one_of(st.none(), st.none(), parts)
    return st.builds(t.ObjectOf, fields.map(lambda each: tuple(each.items())), extra)


def roots(*, gradual: bool = False) -> st.SearchStrategy[t.ObjectOf]:
    """What an expression may be over: an object of any types, or `SHOP`."""
    return st.one_of(st.just(SHOP), objects(types(gradual=gradual)))


@st.composite
def values_of(draw: st.DrawFn, inferred: t.Type, depth: int = 4) -> Any:
    """A value of the type."""
    each = draw(st.sampled_from(alternatives(inferred)))
    most = 3 if depth > 0 else 0
    match each:
        case t.Constant(value):
            return value
        case t.Scalar(kind):
            return draw(_SCALAR_VALUES[kind])
        case t.ListOf(t.NOTHING):
            return []
        case t.ListOf(_, parts) if parts:
            return [draw(values_of(part, depth - 1)) for part in parts]
        case t.ListOf(element):
            return draw(st.lists(values_of(element, depth - 1), max_size=most))
        case t.ObjectOf(fields, extra):
            built = {
                name: draw(values_of(field.type, depth - 1))
                for name, field in fields
                if field.required or draw(st.booleans())
            }
            if extra is not None:
                free = st.sampled_from([name for name in ("x", *NAMES) if name not in dict(fields)])
                more = st.dictionaries(free, values_of(extra, depth - 1), max_size=most)
                built |= draw(more)
            return built
        case _:
            return draw(_ANY_VALUE)


_SCALAR_VALUES = {
    "null": st.none(),
    "boolean": st.booleans(),
    "integer": st.integers(-9, 9),
    "number": st.sampled_from(NUMBERS),
    "string": st.sampled_from(TEXTS),
}
_ANY_VALUE = st.recursive(
    st.one_of(*_SCALAR_VALUES.values()),
    lambda parts: (
        st.lists(parts, max_size=2) | st.dictionaries(st.sampled_from(NAMES), parts, max_size=2)
    ),
    max_leaves=4,
)


def has_type(value: Any, inferred: t.Type) -> bool:
    """Whether the value is one of the type's: strictly, no undeclared keys, booleans no numbers."""
    return any(_has_one(value, each) for each in alternatives(inferred))


def _has_one(value: Any, each: t.Type) -> bool:
    match each:
        case t.Anything():
            return True
        case t.Constant(constant):
            return type(value) is type(constant) and value == constant
        case t.Scalar("null"):
            return value is None
        case t.Scalar("boolean"):
            return isinstance(value, bool)
        case t.Scalar("integer"):
            return type(value) is int
        case t.Scalar("number"):
            return type(value) is int or (type(value) is float and math.isfinite(value))
        case t.Scalar("string"):
            return isinstance(value, str)
        case t.ListOf(element, ()):
            return isinstance(value, list) and all(has_type(part, element) for part in value)
        case t.ListOf(_, parts):
            return (
                isinstance(value, list)
                and len(value) == len(parts)
                and all(map(has_type, value, parts))
            )
        case t.ObjectOf(fields, extra):
            return isinstance(value, dict) and _has_fields(value, dict(fields), extra)
        case _:
            return False


def _has_fields(value: dict[str, Any], fields: dict[str, t.Field], extra: t.Type | None) -> bool:
    if any(field.required and name not in value for name, field in fields.items()):
        return False
    return all(
        has_type(part, fields[name].type)
        if name in fields
        else extra is not None and has_type(part, extra)
        for name, part in value.items()
    )
