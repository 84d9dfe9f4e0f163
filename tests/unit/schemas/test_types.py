"""What pydantic writes, as a type: each kind of annotation, and models that contain themselves."""

import datetime
from pathlib import Path
from typing import Any

import pytest

from bff.plan.schemas.library import load_schemas
from bff.plan.types import kinds as t
from bff.plan.types.algebra import describe
from tests.support.generated.typed_values import has_type
from tests.support.plan.schema_sources import IMPORTS, schema_of, write

# annotation, its type, a value that is sent, where the JSON form of it shows the type to be true
ALIASES: list[tuple[str, str, Any]] = [
    ("Annotated[int, Field(gt=0)]", "integer", 1),
    ("Annotated[float, Field()]", "number", 1.5),
    ("Annotated[bool, Field()]", "boolean", True),
    ("Optional[str]", "string | null", None),
    ("Union[int, str, float]", "number | string", "a"),
    ("Annotated[Any, Field()]", "anything", {"a": 1}),
    ("list[int]", "list[integer]", [1]),
    ("set[str]", "list[string]", ["a"]),
    ("tuple[int, str]", "list[integer | string]", [1, "a"]),
    ("tuple[int, ...]", "list[integer]", [1]),
    ("tuple[()]", "list[nothing]", []),
    ("Sequence[int]", "list[integer]", [1]),
    ("collections.deque[int]", "list[integer]", [1]),
    ("dict[str, int]", "dict[string, integer]", {"a": 1}),
    ("dict[int, bool]", "dict[string, boolean]", {"1": True}),
    ("Mapping[str, Any]", "dict[string, anything]", {"a": None}),
    ("collections.defaultdict[str, list[int]]", "dict[string, list[integer]]", {"a": [1]}),
    ("dict[Annotated[str, Field(pattern='^a')], int]", "dict[string, integer]", {"a": 1}),
    ("dict[Literal['a', 'b'], int]", "dict[string, integer]", {"a": 1}),
    ("Literal['a', 1, None, True]", '"a" | 1 | true | null', "a"),
    ("Annotated[datetime.datetime, Field()]", "string", "2024-01-01T00:00:00Z"),
    ("Annotated[datetime.timedelta, Field()]", "string", 5),
    ("Annotated[decimal.Decimal, Field()]", "string", 1.5),
    ("Annotated[uuid.UUID, Field()]", "string", "12345678-1234-5678-1234-567812345678"),
    ("Annotated[pathlib.Path, Field()]", "string", "/a"),
    ("Annotated[ipaddress.IPv4Address, Field()]", "string", "127.0.0.1"),
    ("Annotated[bytes, Field()]", "string", "a"),
    ("Annotated[SecretStr, Field()]", "string", "a"),
    ("Annotated[HttpUrl, Field()]", "string", "http://a"),
    ("Json[list[int]]", "list[integer]", "[1]"),
    ("Annotated[JsonValue, Field()]", "anything", [1]),
    ("Annotated[int, PlainSerializer(lambda v: str(v))]", "anything", 1),
    ("Annotated[int, PlainSerializer(lambda v: str(v), return_type=str)]", "string", 1),
    (
        "Annotated[Optional[int], PlainSerializer(str, return_type=str, when_used='unless-none')]",
        "string | null",
        None,
    ),
]


@pytest.mark.parametrize(("annotation", "text", "sent"), ALIASES, ids=[each[0] for each in ALIASES])
def test_annotation_has_the_type_of_what_is_written(
    annotation: str, text: str, sent: Any, tmp_path: Path
) -> None:
    schema = schema_of(tmp_path, f"T = {annotation}")
    assert describe(schema.type) == text
    assert has_type(schema.to_json(schema.validate_value(sent)), schema.type)


RECURSIVE = """
class Node(BaseModel):
    name: str
    children: list["Node"] = []
class Person(BaseModel):
    friend: "Person | None" = None
    pets: list["Pet"] = []
class Pet(BaseModel):
    owner: "Person | None" = None
class T(BaseModel):
    tree: Node
    person: Person
Nested = TypeAliasType("Nested", "list[Nested] | int")
"""


def test_model_that_contains_itself_is_a_name_that_resolves(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, RECURSIVE)
    assert isinstance(schema.type, t.ObjectOf)
    tree = dict(schema.type.fields)["tree"].type
    assert isinstance(tree, t.Named)
    assert tree.name == "schemas.m:Node"
    assert describe(tree.resolve()) == "{name: string, children: list[Node]}"
    deep = {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}
    sent = {"tree": deep, "person": {"pets": [{"owner": {}}]}}
    assert has_type(schema.to_json(schema.validate_value(sent)), schema.type)


def test_alias_that_contains_itself_is_a_name_that_resolves(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, RECURSIVE, "Nested")
    assert describe(schema.type) == "Nested"
    assert has_type(schema.to_json(schema.validate_value([1, [2, []]])), schema.type)
    assert not has_type(["a"], schema.type)


def test_models_of_one_name_in_two_modules_are_two_types(tmp_path: Path) -> None:
    for module, field in (("a", "x: int"), ("b", "y: int")):
        text = f"class Node(BaseModel):\n    {field}\n    below: list['Node'] = []\n"
        write(tmp_path, **{module: IMPORTS + text})
    both = "from . import a, b\nclass T(BaseModel):\n    a: a.Node\n    b: b.Node\n"
    write(tmp_path, c=IMPORTS + both)
    library = load_schemas(tmp_path)
    whole = library.resolve("schemas.c:T").type
    assert isinstance(whole, t.ObjectOf)
    left, right = (field.type for _, field in whole.fields)
    assert left != right
    assert left == library.resolve("schemas.a:Node").type


def test_objects_carry_their_models_name_for_people(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, "class T(BaseModel):\n    a: int\n")
    assert isinstance(schema.type, t.ObjectOf)
    assert schema.type.name == "T"


def test_loading_types_warns_of_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    text = """
    class Odd: pass
    class T(BaseModel):
        a: Any = Odd()
        at: datetime.date = datetime.date(2024, 1, 1)
    """
    schema = schema_of(tmp_path, text)
    assert describe(schema.type) == "{a: anything, at: string}"
    value = schema.validate_value({"a": 1})
    assert schema.to_json(value)["at"] == datetime.date(2024, 1, 1).isoformat()
    assert (capfd.readouterr().err, list(recwarn)) == ("", [])
