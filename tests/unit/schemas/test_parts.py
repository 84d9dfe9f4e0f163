"""Plain schemas lose the fields that nobody uses, and read the others as the whole ones do."""

from typing import Annotated, Any, NotRequired

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
)
from typing_extensions import TypedDict

from bff.plan.schemas.json_schemas import outgoing_schema
from bff.plan.schemas.pruning import prune
from bff.plan.schemas.readers import SchemaReader
from bff.plan.schemas.types import outgoing_type
from bff.plan.types import kinds as t
from bff.plan.types.algebra import describe
from tests.support.plan.schema_parts import TWO, Inner, SeesOthers, model, pruned, read, used


class Pair(TypedDict):
    a: int
    b: NotRequired[int]


class Tree(BaseModel):
    a: int
    b: int
    children: "list[Tree]" = []
    mother: "Tree | None" = None


DEEP = '{"a":1,"children":[{"a":2,"children":[{"b":3}]}],"mother":{"a":4,"b":5}}'
READ = {
    "model": (model(**TWO), '{"a":1,"b":"?"}', ["a"], {"a": 1}),
    "list of models": (list[Inner], '[{"x":1},{"x":2,"y":[]}]', ["x"], [{"x": 1}, {"x": 2}]),
    "model that may be null": (Inner | None, '{"x":1}', ["x"], {"x": 1}),
    "null": (Inner | None, "null", ["x"], None),
    "typed dict": (Pair, '{"a":1,"b":"?"}', ["a"], {"a": 1}),
    "inner model": (
        model(a=(Inner, ...), b=(Inner, ...)), '{"a":{"x":1,"y":"?"}}', ["a.x"], {"a": {"x": 1}},
    ),
    "one model in two places": (
        model(a=(Inner, ...), b=(Inner, ...)), '{"a":{"x":1},"b":{"y":2}}', ["a.x", "b.y"],
        {"a": {"x": 1}, "b": {"y": 2}},
    ),
    "default that is null": (
        model(a=(Inner | None, None), b=(int, ...)), "{}", ["a.x"], {"a": None},
    ),
    "default that is empty": (
        model(a=(list[Inner], []), b=(int, ...)), '{"a":[{"x":1}]}', ["a.x"], {"a": [{"x": 1}]},
    ),
    "default with fields of its own": (
        model(a=(Inner, Inner(x=1, y=2)), b=(int, ...)), "{}", ["a.x"], {"a": {"x": 1, "y": 2}},
    ),
    "default of an unused field": (model(a=(int, ...), b=(int, 5)), '{"a":1}', ["a"], {"a": 1}),
    "names of its own in JSON": (
        model(a=(int, Field(validation_alias="in", serialization_alias="out")), b=(int, ...)),
        '{"in":1}', ["out"], {"out": 1},
    ),
    "constraints": (
        model(a=(Annotated[str, Field(max_length=3)], ...), b=(int, ...)), '{"a":"abc"}', ["a"],
        {"a": "abc"},
    ),
    "field with a validator that sees no other": (
        model(a=(Annotated[int, AfterValidator(lambda n: n + 1)], ...), b=(int, ...)),
        '{"a":1}', ["a"], {"a": 2},
    ),
    "field with a serializer that sees no other": (
        model(a=(Annotated[int, PlainSerializer(str)], ...), b=(int, ...)), '{"a":1}', ["a"],
        {"a": "1"},
    ),
    "field that isn't written": (
        model(a=(int, Field(exclude=True)), b=(int, ...), c=(int, ...)), '{"b":1}', ["b"],
        {"b": 1},
    ),
    "type that holds itself": (
        Tree, DEEP, ["a", "children.children.b", "mother.b"],
        {"a": 1, "children": [{"children": [{"b": 3}]}], "mother": {"b": 5}},
    ),
    "configuration of values": (
        model(ConfigDict(str_strip_whitespace=True), a=(str, ...), b=(int, ...)), '{"a":" x "}',
        ["a"], {"a": "x"},
    ),
    "extra fields": (model(**TWO), '{"a":1,"c":1,"b":{"d":1}}', ["a", "c"], {"a": 1}),
    "object of which no field is used": (model(**TWO), '{"a":1,"b":"?"}', ["c"], {"a": 1}),
    "object of which no field is used, and the first isn't written": (
        model(a=(int, Field(exclude=True)), b=(int, ...), c=(int, ...)), '{"b":1}', ["d"],
        {"b": 1},
    ),
    "model that sees all of its fields, in another": (
        model(a=(SeesOthers, ...), b=(int, ...)), '{"a":{"b":1,"a":2}}', ["a.a"],
        {"a": {"b": 1, "a": 3}},
    ),
    "one model in part and as a whole": (
        model(a=(Inner, ...), b=(Inner, ...), c=(int, ...)), '{"a":{"x":1},"b":{"x":2,"y":3}}',
        ["a.x", "b"], {"a": {"x": 1}, "b": {"x": 2, "y": 3}},
    ),
    "configuration of what is written": (
        model(ConfigDict(ser_json_bytes="base64"), a=(Any, b"\xff"), b=(int, ...)), "{}", ["a"],
        {"a": "_w=="},
    ),
    "typed dict of which nothing used is sure": (Pair, '{"a":1,"b":2}', ["c"], {"a": 1}),
}  # fmt: skip


@pytest.mark.parametrize(("annotation", "body", "paths", "value"), READ.values(), ids=READ)
def test_what_is_used_is_read_and_nothing_else(
    annotation: Any, body: str, paths: list[str], value: Any
) -> None:
    assert read(annotation, body, *paths) == value


def test_type_of_a_pruned_schema_is_told_for_each_place_of_a_model() -> None:
    whole = TypeAdapter(model(a=(Inner, ...), b=(Inner, ...))).core_schema
    schema = prune(whole, used("a.x", "b.y"))
    assert schema is not None
    found = outgoing_type(outgoing_schema(schema), lambda name: name)
    assert describe(found) == "{a: {x: integer}, b: {y: integer}}"


@pytest.mark.parametrize("body", ['{"b":1}', '{"a":"?","b":1}', '{"a":null}', "[]", "null", "{"])
def test_what_is_used_is_refused_as_the_whole_schema_refuses_it(body: str) -> None:
    whole = TypeAdapter(model(**TWO))
    reader = pruned(model(**TWO), "a")
    assert reader is not None
    reasons = []
    for each in (SchemaReader(whole.core_schema, t.ANYTHING), reader):
        with pytest.raises(ValueError, match=r"a: |not JSON|type") as refused:
            each.read(body.encode(), json=True, text=False)
        reasons.append(str(refused.value))
    assert reasons[0].replace("; b: missing", "") == reasons[1]
