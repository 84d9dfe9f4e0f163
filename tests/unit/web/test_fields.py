"""`?fields=` against a payload's fields: which paths are taken, and what is said of the others."""

from typing import Any

import pytest

from bff.plan.compiler.masks import compile_mask, selectable_fields
from bff.plan.model.payload import LONGEST_PATH, MaskNode, SelectableFields
from bff.plan.types import kinds as t
from bff.web.compositions.fields import TooManyFields, UnknownField, parse_fields

DEFINITIONS: dict[str, t.Type] = {}
NODE = t.Named("Node", DEFINITIONS)
DEFINITIONS["Node"] = t.ObjectOf(
    (("id", t.Field(t.INTEGER)), ("below", t.Field(t.ListOf(NODE), required=False)))
)
CARD = t.ObjectOf((("card", t.Field(t.STRING)),))
CASH = t.ObjectOf((("cash", t.Field(t.ObjectOf((("sum", t.Field(t.NUMBER)),)))),))
PAYLOAD = t.ObjectOf(
    (
        ("user", t.Field(t.Union(frozenset({t.ObjectOf((("name", t.Field(t.STRING)),)), t.NULL})))),
        ("payment", t.Field(t.Union(frozenset({CARD, CASH})))),
        ("labels", t.Field(t.ObjectOf(extra=t.ObjectOf((("text", t.Field(t.STRING)),))))),
        ("any", t.Field(t.ANYTHING)),
        ("tree", t.Field(NODE)),
    )
)


@pytest.fixture(scope="module")
def selectable() -> SelectableFields:
    return selectable_fields(PAYLOAD, most=3)


def as_dict(mask: MaskNode) -> dict[str, Any]:
    return {name: as_dict(below) for name, below in mask.fields.items()}


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("user", {"user": {}}),
        ("user.name,tree.id", {"user": {"name": {}}, "tree": {"id": {}}}),
        ("user.name,user", {"user": {}}),
        ("payment.card,payment.cash.sum", {"payment": {"card": {}, "cash": {"sum": {}}}}),
        ("labels.sale.text", {"labels": {"sale": {"text": {}}}}),
        ("any.thing.at.all", {"any": {"thing": {"at": {"all": {}}}}}),
        ("tree.below[].below.id", {"tree": {"below": {"below": {"id": {}}}}}),
    ],
)
def test_path_to_a_field_is_kept(
    text: str, mask: dict[str, Any], selectable: SelectableFields
) -> None:
    assert as_dict(parse_fields(selectable, text)) == mask


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("usr", "There is no such field in the payload. Known: any, labels, payment, tree, user."),
        ("user.evil", "There is no such field in 'user'. Known: name."),
        ("payment.evil", "There is no such field in 'payment'. Known: card, cash."),
        ("user.name.evil", "There are no fields in 'name'."),
        ("labels.evil.evil", "There is no such field in what is there. Known: text."),
        ("labels.evil.text.evil", "There are no fields in 'text'."),
        ("any..", "A path is names with dots between: orders.items.id."),
        ("", "A path is names with dots between: orders.items.id."),
    ],
)
def test_message_on_a_path_that_leads_nowhere_names_declared_fields_alone(
    text: str, said: str, selectable: SelectableFields
) -> None:
    with pytest.raises(UnknownField) as raised:
        parse_fields(selectable, text)
    assert "evil" not in str(raised.value)
    assert str(raised.value) == said


@pytest.mark.parametrize(("names", "count"), [(LONGEST_PATH, 0), (LONGEST_PATH + 1, 1)])
def test_path_of_a_view_has_twenty_names_at_most(names: int, count: int) -> None:
    path = ".".join(["tree", *["below"] * (names - 1)])
    _, problems = compile_mask("deep", [path], PAYLOAD)
    assert [(each.offset, each.what) for _, each in problems] == [
        (len("tree") + 19 * len(".below") + 1, "a path has at most 20 names")
    ] * count


def test_message_shows_fifteen_fields_of_many() -> None:
    many = t.ObjectOf(tuple((f"f{n:02}", t.Field(t.STRING)) for n in range(20)))
    with pytest.raises(UnknownField, match=r"Known: f00, .*, f14 and 5 more\."):
        parse_fields(selectable_fields(many, 1), "x")


def test_path_into_a_recursive_type_has_twenty_names_at_most(selectable: SelectableFields) -> None:
    longest = ".".join(["tree", *["below"] * (LONGEST_PATH - 1)])
    assert parse_fields(selectable, longest).fields
    with pytest.raises(UnknownField, match="at most 20 names"):
        parse_fields(selectable, longest + ".below")


@pytest.mark.parametrize("text", ["user,tree,any,labels", "user," * 500])
def test_more_paths_or_a_longer_text_than_is_allowed_is_refused(
    text: str, selectable: SelectableFields
) -> None:
    with pytest.raises(TooManyFields, match="At most 3"):
        parse_fields(selectable, text)
