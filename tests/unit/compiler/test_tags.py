"""Tags: what each gives for which values, and what can't be one."""

import tracemalloc
from typing import Any

import pytest

from bff.declarations.documents import read_document
from bff.declarations.models.composition import CompositionFile
from bff.errors import EvaluationError, Problem
from bff.plan.compiler.tags import compile_tags
from bff.plan.compiler.values import ExpressionScope
from bff.plan.model.caching import Tags
from bff.plan.types import kinds as t
from tests.support.marks import without_mark

ITEM = t.ObjectOf((("id", t.Field(t.INTEGER)), ("name", t.Field(t.STRING))), name="Item")
ROOT = t.ObjectOf(
    (
        ("any", t.Field(t.ANYTHING)),
        ("flag", t.Field(t.BOOLEAN)),
        ("item", t.Field(t.Union(frozenset({ITEM, t.NULL})))),
        ("items", t.Field(t.ListOf(ITEM))),
        ("lists", t.Field(t.ListOf(t.ListOf(t.INTEGER)))),
        ("number", t.Field(t.NUMBER)),
        ("one_or_many", t.Field(t.Union(frozenset({t.STRING, t.ListOf(t.STRING)})))),
        ("role", t.Field(t.Union(frozenset({t.Constant("a"), t.Constant("b")})))),
    )
)


def compile_one(text: str) -> tuple[tuple[Tags, ...], list[Problem]]:
    """The tag in a file, and what is wrong with it."""
    file = f"endpoint: POST /a\nsteps: {{a: {{call: s.o}}}}\npurges:\n  - {text}\n"
    found = read_document("a.yaml", file.encode(), CompositionFile)
    assert found.document is not None
    scope = ExpressionScope(found.document, list(found.problems), ROOT)
    tags = compile_tags(scope, found.document.model.purges, ("purges",))
    return tags, scope.problems


def compiled(text: str) -> Tags:
    (tag,), problems = compile_one(f'"{text}"')
    assert problems == []
    return tag


GIVEN = {
    # the tag, the root, what is named
    "no expression": ("home", {}, ["home"]),
    "a text": ("u:${any}", {"any": "ann"}, ["u:ann"]),
    "an integer": ("u:${any}", {"any": 7}, ["u:7"]),
    "a number": ("u:${number}", {"number": 1.5}, ["u:1.5"]),
    "a boolean": ("u:${flag}", {"flag": True}, ["u:true"]),
    "a null": ("u:${item.id}", {"item": None}, []),
    "a null beside a text": ("u:${any}:${item.id}", {"any": "x", "item": None}, []),
    "an empty text": ("u:${any}", {"any": ""}, ["u:"]),
    "a member of an enum": ("r:${role}", {"role": "a"}, ["r:a"]),
    "a list": ("i:${items[].id}", {"items": [{"id": 2}, {"id": 1}]}, ["i:2", "i:1"]),
    "an empty list": ("i:${items[].id}", {"items": []}, []),
    "a null in a list": ("i:${any}", {"any": [1, None, 2]}, ["i:1", "i:2"]),
    "the same twice": ("i:${any}", {"any": [2, 1, 2, "1"]}, ["i:2", "i:1"]),
    "a list among scalars": (
        "${any}:i:${items[].id}!", {"any": "x", "items": [{"id": 1}, {"id": 2}]},
        ["x:i:1!", "x:i:2!"],
    ),
    "one of a list or a text": ("i:${one_or_many}", {"one_or_many": "x"}, ["i:x"]),
    "what begins with an expression": ("${any}:x", {"any": "a"}, ["a:x"]),
    "the longest": ("i:${any}", {"any": "x" * 498}, ["i:" + "x" * 498]),
}  # fmt: skip


@pytest.mark.parametrize("case", GIVEN)
def test_tag_names_what_its_values_are(case: str) -> None:
    text, root, named = GIVEN[case]
    assert compiled(text).evaluate(root) == tuple(named)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("i:${any}", {"id": 1}),
        ("i:${any}", [[1]]),
        ("i:${any}", [{"id": 1}]),
        ("i:${any}:${items[].id}", [1]),
        ("i:${any}", "x" * 499),
        ("i:${any}", ["a", "x" * 499]),
        ("i:${any}", "a\nb"),
        ("i:${any}", "a\x85b"),
        ("i:${any}", "\ud800"),
    ],
)
def test_value_that_can_not_be_in_a_tag_raises(text: str, value: Any) -> None:
    with pytest.raises(EvaluationError):
        compiled(text).evaluate({"any": value, "items": [{"id": 1}]})


@pytest.mark.parametrize("text", ["i:${any}:${items[].id}", "i:${items[].id}:${any}"])
def test_long_text_beside_a_list_is_refused_before_tags_are_built_of_it(text: str) -> None:
    root = {"any": "x" * 1_000_000, "items": [{"id": number} for number in range(1000)]}
    tag = compiled(text)
    tracemalloc.start()
    with pytest.raises(EvaluationError, match="more than 500 characters"):
        tag.evaluate(root)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000  # a gigabyte, where every tag is built


def test_tag_knows_what_it_reads() -> None:
    tag = compiled("i:${items[].id}:${item.name}")
    assert tag.roots == {"item", "items"}
    assert tag.reads == {("items",), ("item", "name")}
    assert tag.source == "i:${items[].id}:${item.name}"


WRONG = {
    "an object": ("'i:${▶item}'", "Item | null can't be in a tag", "a text or a number"),
    "a list of objects": ("'i:${▶items}'", "list[Item] can't be in a tag", ""),
    "a list of lists": ("'i:${▶lists}'", "list[list[integer]] can't be in a tag", ""),
    "two lists": (
        "'i:${items[].id}:${▶items[].name}'", "a second list in one tag", "write two tags",
    ),
    "an unknown name": ("'i:${▶itm.id}'", "unknown name 'itm'", "'item'"),
    "an unknown field": ("'i:${item.▶idd}'", "no field 'idd'", "'id'"),
    "an expression that is never closed": ("'i:▶${item.id'", "never closed", "}"),
    "an expression alone": (
        "▶'${item.id}'", "a tag needs a word for what it marks", "user:${user.id}",
    ),
    "nothing": ("▶''", "a tag needs a word for what it marks", ""),
    "too long a text": (f"▶'{'x' * 201}${{flag}}'", "200 characters at most", ""),
    "a blank at the end": ("▶'i:${flag} '", "blanks at an end", ""),
    "a line break": ('▶"i:\\n${flag}"', "control character", "one line"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_can_not_be_a_tag_is_reported_at_its_place(case: str) -> None:
    marked, what, mend = WRONG[case]
    text, _, column = without_mark(f"  - {marked}")
    _, (problem,) = compile_one(text.removeprefix("  - "))
    assert (problem.place.line, problem.place.column) == (4, column), str(problem)
    assert problem.path == "purges[0]"
    assert what in problem.what
    assert mend in problem.mend
