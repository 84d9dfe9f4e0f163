"""Objects in a query: which types their texts can be told by, and what can be written."""

from typing import Any

import pytest

from bff.plan.params.members import UntellableMember, members_parser, unsendable_members
from bff.plan.types import kinds as t
from bff.plan.types.algebra import nullable, union


def an_object(**fields: t.Type) -> t.ObjectOf:
    return t.ObjectOf(tuple((name, t.Field(each, required=False)) for name, each in fields.items()))


def endless(wrap: Any) -> t.Type:
    """A type that holds itself."""
    definitions: dict[str, t.Type] = {}
    node = t.Named("Node", definitions)
    definitions["Node"] = an_object(label=t.STRING, left=wrap(node), right=wrap(node))
    return node


UNTELLABLE: dict[str, tuple[t.Type, str]] = {
    "a list": (t.ListOf(t.STRING), "is no object with fields"),
    "a text": (t.STRING, "string is no object with fields"),
    "two types": (an_object(a=union(t.STRING, t.INTEGER)), "its field a is"),
    "two types within": (an_object(a=an_object(b=union(t.BOOLEAN, t.STRING))), "its field a.b is"),
    "two types in a list": (an_object(a=t.ListOf(union(t.STRING, t.INTEGER))), "its field a is"),
    "a list of lists": (an_object(a=t.ListOf(t.ListOf(t.STRING))), "its field a is"),
    "a text or an object": (an_object(a=union(t.STRING, an_object(b=t.STRING))), "its field a is"),
    "constants of two types": (
        an_object(a=union(t.Constant("1"), t.Constant(1))), "its field a is",
    ),
    "itself": (endless(lambda node: node), "its field left may hold itself without an end"),
    "itself or null": (endless(nullable), "its field left may hold itself without an end"),
    "null alone": (an_object(a=t.NULL), "its field a is"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNTELLABLE)
def test_type_whose_texts_can_not_be_told_apart_is_refused(case: str) -> None:
    taken, said = UNTELLABLE[case]
    with pytest.raises(UntellableMember, match=said):
        members_parser(taken, lambda value: value)


UNSENDABLE = {
    "a list": (t.ListOf(t.STRING), "is no object with fields"),
    "a list of objects": (
        an_object(a=t.ListOf(an_object(b=t.STRING))), "its field a is .*, which has no form here",
    ),
    "a dictionary of lists of lists": (
        t.ObjectOf((), extra=t.ListOf(t.ListOf(t.STRING))), r"its field \* is",
    ),
    "a name with a bracket": (
        t.ObjectOf((("a[b", t.Field(t.STRING)),)), r"its field 'a\[b' .* holds a bracket",
    ),
    "itself": (endless(nullable), "its field left may hold itself without an end"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSENDABLE)
def test_type_that_has_no_form_in_a_query_is_refused(case: str) -> None:
    sent, said = UNSENDABLE[case]
    what = unsendable_members(sent)
    assert what is not None
    with pytest.raises(UntellableMember, match=said):
        raise UntellableMember(what)


TOLD: dict[str, tuple[t.Type, dict[str, list[str]], Any]] = {
    "constants of one type": (
        an_object(a=union(t.Constant(1), t.Constant(2))), {"[a]": ["2"]}, {"a": 2},
    ),
    "an integer that may be a number": (
        an_object(a=union(t.INTEGER, t.NUMBER)), {"[a]": ["2.5"]}, {"a": 2.5},
    ),
    "a list that may hold null": (
        an_object(a=t.ListOf(nullable(t.INTEGER))), {"[a]": ["1", "2"]}, {"a": [1, 2]},
    ),
    "a dictionary": (
        t.ObjectOf((), extra=t.BOOLEAN), {"[a b]": ["true"], "[c]": ["false"]},
        {"a b": True, "c": False},
    ),
    "anything": (
        t.ANYTHING, {"[a][b]": ["1"], "[c]": ["1", "2"]}, {"a": {"b": "1"}, "c": ["1", "2"]},
    ),
    "a field that the type lacks": (an_object(a=t.INTEGER), {"[z][y]": ["1"]}, {"z": {"y": "1"}}),
}  # fmt: skip


@pytest.mark.parametrize("case", TOLD)
def test_texts_are_read_by_the_type_of_their_field(case: str) -> None:
    """What the type lacks goes on to the check as texts."""
    taken, members, value = TOLD[case]
    assert unsendable_members(taken) is None
    assert members_parser(taken, lambda found: found)(members) == value
