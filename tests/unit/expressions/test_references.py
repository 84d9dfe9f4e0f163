"""Direct references: what they are, whether they may be absent, and the type of what is there."""

from typing import Any

import pytest

from bff.plan.expressions.grammar.parsing import parse_expression
from bff.plan.expressions.grammar.reads import direct_path
from bff.plan.expressions.types.references import refer
from bff.plan.types import kinds as t
from bff.plan.types.algebra import describe, nullable

USER = t.ObjectOf(
    (
        ("name", t.Field(t.STRING)),
        ("nick", t.Field(t.STRING, required=False)),
        ("note", t.Field(nullable(t.STRING), required=False)),
    )
)
ROOT = t.ObjectOf(
    (
        ("params", t.Field(USER)),
        ("user", t.Field(nullable(USER))),
        (
            "either",
            t.Field(t.Union(frozenset((USER, t.ObjectOf((("name", t.Field(t.INTEGER)),)))))),
        ),
        ("claims", t.Field(t.ObjectOf((), extra=t.ANYTHING))),
        ("any", t.Field(t.ANYTHING)),
    )
)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("params", ("params",)),
        ("params.name", ("params", "name")),
        (" params . name ", ("params", "name")),
        ('params."a name".b', ("params", "a name", "b")),
        ("$.params.name", ("params", "name")),
        ("$", None),
        ("params.list[0]", None),
        ("params.list[]", None),
        ("params.name || params.nick", None),
        ("length(params.name)", None),
        ("params.*", None),
        ("@", None),
        ("params.{a: name}", None),
        ("`1`", None),
    ],
)
def test_names_with_dots_between_are_a_direct_reference(source: str, path: Any) -> None:
    assert direct_path(parse_expression(source)) == path


@pytest.mark.parametrize(
    ("path", "present", "may_be_absent"),
    [
        ("params", "{name: string, nick?: string, note?: string | null}", False),
        ("params.name", "string", False),
        ("params.nick", "string", True),
        ("params.note", "string | null", True),
        ("user.name", "string | null", False),
        ("user.nick", "string | null", True),
        ("either.name", "integer | string", False),
        ("either.nick", "string", True),
        ("claims.sub", "anything", True),
        ("any.a.b", "anything", True),
    ],
)
def test_reference_has_the_type_of_what_is_there(
    path: str, present: str, may_be_absent: bool
) -> None:
    reference = refer(tuple(path.split(".")), ROOT)
    assert (describe(reference.present), reference.may_be_absent) == (present, may_be_absent)


@pytest.mark.parametrize(
    ("root", "is_absent"),
    [
        ({"params": {}}, True),
        ({"params": {"address": {}}}, True),
        ({"params": {"address": None}}, False),
        ({"params": {"address": {"city": None}}}, False),
        ({"params": {"address": {"city": "x"}}}, False),
        ({"params": {"address": []}}, False),
        ({"params": None}, False),
        ({}, False),
    ],
)
def test_reference_is_absent_where_an_object_lacks_its_field(root: Any, is_absent: bool) -> None:
    reference = refer(("params", "address", "city"), t.ObjectOf((), extra=t.ANYTHING))
    assert reference.is_absent(root) is is_absent
