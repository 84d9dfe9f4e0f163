"""Types as values: unions, nulls, what fits, and how they are told."""

import pytest

from bff.plan.types import kinds as t
from bff.plan.types.algebra import (
    alternatives,
    brief,
    describe,
    disjoint,
    fits,
    may_be_null,
    nullable,
    type_of_value,
    union,
    without_null,
)

EMPTY = t.ListOf(t.NOTHING)


def an_object(
    extra: t.Type | None = None, /, *optional: str, called: str | None = None, **fields: t.Type
) -> t.ObjectOf:
    parts = ((key, t.Field(each, key not in optional)) for key, each in fields.items())
    return t.ObjectOf(tuple(parts), extra, called)


def tree(name: str = "schemas.shop:Node") -> t.Named:
    definitions: dict[str, t.Type] = {}
    named = t.Named(name, definitions)
    definitions[name] = an_object(label=t.STRING, children=t.ListOf(named))
    return named


UNIONS = [
    ((), t.NOTHING),
    ((t.STRING,), t.STRING),
    ((t.STRING, t.STRING), t.STRING),
    ((t.INTEGER, t.NUMBER), t.NUMBER),
    ((t.Constant("a"), t.STRING), t.STRING),
    ((t.Constant(1), t.INTEGER), t.INTEGER),
    ((t.Constant(1), t.NUMBER), t.NUMBER),
    ((t.Constant(1.5), t.INTEGER), t.Union(frozenset({t.Constant(1.5), t.INTEGER}))),
    ((t.Constant(True), t.Constant(False)), t.BOOLEAN),
    ((t.Constant(True), t.Constant(1)), t.Union(frozenset({t.Constant(True), t.Constant(1)}))),
    ((t.STRING, t.ANYTHING, t.NULL), t.ANYTHING),
    ((EMPTY, t.ListOf(t.STRING)), t.ListOf(t.STRING)),
    ((EMPTY, EMPTY), EMPTY),
    ((t.ObjectOf(), an_object(t.STRING)), an_object(t.STRING)),
    ((t.ObjectOf(), an_object(None, "a", a=t.STRING)), an_object(None, "a", a=t.STRING)),
    (
        (t.ObjectOf(), an_object(a=t.STRING)),
        t.Union(frozenset({t.ObjectOf(), an_object(a=t.STRING)})),
    ),
    ((nullable(t.STRING), nullable(t.INTEGER)), union(t.STRING, t.INTEGER, t.NULL)),
    ((t.NOTHING, t.STRING), t.STRING),
]


@pytest.mark.parametrize(("parts", "whole"), UNIONS)
def test_union_is_flat_and_holds_nothing_twice(parts: tuple[t.Type, ...], whole: t.Type) -> None:
    assert union(*parts) == whole
    assert union(*reversed(parts)) == whole


def test_constants_that_python_holds_equal_are_different_types() -> None:
    assert len({t.Constant(1), t.Constant(1.0), t.Constant(True)}) == 3


def test_null_is_found_behind_a_name() -> None:
    maybe = t.Named("Maybe", {"Maybe": nullable(t.STRING)})
    assert may_be_null(maybe)
    assert without_null(maybe) == t.STRING


def test_name_stays_when_null_is_taken_from_beside_it() -> None:
    assert without_null(nullable(tree())) == tree()


def test_anything_is_not_known_to_be_null_and_stays_what_it_is() -> None:
    assert not may_be_null(t.ANYTHING)
    assert nullable(t.ANYTHING) == without_null(t.ANYTHING) == t.ANYTHING


def test_alternatives_are_resolved_and_in_a_stable_order() -> None:
    named = t.Named("Either", {"Either": union(t.STRING, t.INTEGER)})
    assert alternatives(union(named, t.BOOLEAN, t.NULL)) == (
        *(t.INTEGER, t.STRING),
        *(t.BOOLEAN, t.NULL),
    )


ORDER = an_object(id=t.INTEGER, total=t.NUMBER)
FITS = [
    (t.INTEGER, t.NUMBER, True),
    (t.NUMBER, t.INTEGER, False),
    (t.BOOLEAN, t.NUMBER, False),
    (t.Constant(1), t.NUMBER, True),
    (t.Constant(True), t.INTEGER, False),
    (t.Constant("a"), union(t.Constant("a"), t.Constant("b")), True),
    (t.STRING, t.Constant("a"), False),
    (t.NULL, nullable(t.STRING), True),
    (nullable(t.STRING), t.STRING, False),
    (t.ListOf(t.INTEGER), t.ListOf(t.NUMBER), True),
    (EMPTY, t.ListOf(t.STRING), True),
    (t.ListOf(union(t.NUMBER, t.STRING)), union(t.ListOf(t.NUMBER), t.ListOf(t.STRING)), False),
    (t.ANYTHING, t.STRING, True),
    (t.STRING, t.ANYTHING, True),
    (t.ListOf(t.ANYTHING), t.ListOf(t.STRING), True),
    (t.NOTHING, t.STRING, True),
    (ORDER, an_object(id=t.INTEGER), True),
    (an_object(id=t.INTEGER), ORDER, False),
    (an_object(id=t.INTEGER), an_object(None, "note", id=t.INTEGER, note=t.STRING), True),
    (an_object(None, "id", id=t.INTEGER), an_object(id=t.INTEGER), False),
    (ORDER, an_object(t.NUMBER), True),
    (ORDER, an_object(t.INTEGER), False),
    (an_object(t.STRING), an_object(t.NUMBER), False),
    (an_object(t.STRING), an_object(None, "a", a=t.NUMBER), False),
    (an_object(t.STRING), an_object(a=t.STRING), False),
    (an_object(t.ANYTHING), an_object(a=t.STRING), True),
    (tree(), tree("schemas.copy:Node"), True),
    (tree(), an_object(label=t.STRING), True),
    (an_object(label=t.STRING, children=EMPTY), tree(), True),
    (an_object(label=t.INTEGER, children=EMPTY), tree(), False),
]


@pytest.mark.parametrize(("source", "target", "expected"), FITS)
def test_source_fits_where_each_of_its_values_may_stand(
    source: t.Type, target: t.Type, expected: bool
) -> None:
    assert fits(source, target) is expected


DISJOINT = [
    (t.INTEGER, t.STRING, True),
    (t.INTEGER, t.NUMBER, False),
    (t.INTEGER, t.BOOLEAN, True),
    (t.Constant("a"), t.Constant("b"), True),
    (t.Constant(1), t.Constant(1.0), False),
    (t.Constant(1), t.Constant(True), True),
    (t.Constant("a"), t.STRING, False),
    (nullable(t.INTEGER), nullable(t.STRING), False),
    (t.ListOf(t.INTEGER), t.ListOf(t.STRING), False),
    (t.ListOf(t.INTEGER), ORDER, True),
    (t.ANYTHING, t.STRING, False),
]


@pytest.mark.parametrize(("left", "right", "expected"), DISJOINT)
def test_types_are_disjoint_only_when_that_is_sure(
    left: t.Type, right: t.Type, expected: bool
) -> None:
    assert disjoint(left, right) is expected
    assert disjoint(right, left) is expected


DESCRIBED = [
    (t.ANYTHING, "anything"),
    (t.NOTHING, "nothing"),
    (EMPTY, "list[nothing]"),
    (union(t.STRING, t.NULL, t.INTEGER), "integer | string | null"),
    (union(t.Constant("b"), t.Constant("a")), '"a" | "b"'),
    (an_object(id=t.INTEGER, name=nullable(t.STRING)), "{id: integer, name: string | null}"),
    (an_object(None, "a", a=t.STRING), "{a?: string}"),
    (an_object(t.NUMBER), "dict[string, number]"),
    (an_object(t.NUMBER, a=t.STRING), "{a: string, *: number}"),
    (t.ObjectOf((("odd key", t.Field(t.NULL)),)), '{"odd key": null}'),
    (t.ListOf(tree()), "list[Node]"),
]


@pytest.mark.parametrize(("inferred", "text"), DESCRIBED)
def test_type_is_told_as_stable_text(inferred: t.Type, text: str) -> None:
    assert describe(inferred) == text


def test_brief_text_tells_objects_by_their_name() -> None:
    named = an_object(called="Order", id=t.INTEGER)
    assert brief(nullable(t.ListOf(named))) == "list[Order] | null"
    assert brief(an_object(id=t.INTEGER)) == "object"


def test_value_gets_its_narrowest_type() -> None:
    value = {"ids": [1, 2], "none": None, "empty": [], "in": {"ok": True}}
    assert type_of_value(value) == an_object(
        **{
            "ids": t.ListOf(union(t.Constant(1), t.Constant(2))),
            "none": t.NULL,
            "empty": EMPTY,
            "in": an_object(ok=t.Constant(True)),
        }
    )
