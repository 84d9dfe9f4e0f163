"""What pydantic writes, as a type: each kind of annotation, and what it really serialises to."""

import datetime
import textwrap
from pathlib import Path
from typing import Any

import pytest

from bff.plan import types as t
from bff.plan.schemas import PydanticSchema, load_schemas
from bff.plan.type_algebra import describe
from tests.support.typed_values import has_type

HEAD = """
import collections, dataclasses, datetime, decimal, enum, ipaddress, pathlib, re, uuid
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union
from collections.abc import Iterable, Mapping, Sequence
from pydantic import *
from pydantic.dataclasses import dataclass as pydantic_dataclass
import dataclasses
from typing_extensions import NotRequired, TypeAliasType, TypedDict
"""


def schema_of(folder: Path, text: str, name: str = "T") -> PydanticSchema:
    (folder / "schemas").mkdir()
    source = HEAD + textwrap.dedent(text)
    (folder / "schemas" / "m.py").write_text(source, encoding="utf-8")
    library = load_schemas(folder)
    assert library.problems == ()
    return library.resolve(f"schemas.m:{name}")


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
    ("Iterable[int]", "list[integer]", [1]),
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


CLASSES: dict[str, tuple[str, str, Any]] = {
    "fields with defaults are always there": (
        """
        class T(BaseModel):
            a: int
            b: str = "x"
            c: list[int] = Field(default_factory=list)
        """,
        "{a: integer, b: string, c: list[integer]}",
        {"a": 1},
    ),
    "serialization aliases": (
        """
        class T(BaseModel):
            model_config = ConfigDict(alias_generator=lambda name: name.upper())
            a: int
            b: int = Field(0, serialization_alias="beta")
            c: int = Field(0, validation_alias="sea")
        """,
        "{A: integer, beta: integer, C: integer}",
        {"A": 1},
    ),
    "computed fields": (
        """
        class T(BaseModel):
            a: int
            @computed_field(alias="double")
            @property
            def twice(self) -> int: return 2 * self.a
        """,
        "{a: integer, double: integer}",
        {"a": 1},
    ),
    "excluded and sometimes excluded fields": (
        """
        class T(BaseModel):
            a: int = Field(exclude=True)
            b: int = Field(exclude_if=lambda value: value == 0)
        """,
        "{b?: integer}",
        {"a": 1, "b": 0},
    ),
    "a default that the annotation forbids": (
        """
        class T(BaseModel):
            a: str = None
            b: Literal["x"] = "y"
        """,
        '{a: string | null, b: "x" | "y"}',
        {},
    ),
    "extra fields that the author allows": (
        """
        class T(BaseModel):
            model_config = ConfigDict(extra="allow")
            a: int
        """,
        "{a: integer, *: anything}",
        {"a": 1, "b": 2},
    ),
    "extra fields of a type": (
        """
        class T(BaseModel):
            model_config = ConfigDict(extra="allow")
            __pydantic_extra__: dict[str, int]
            a: str
        """,
        "{a: string, *: integer}",
        {"a": "x", "b": 2},
    ),
    "no fields at all": ("class T(BaseModel): pass", "{}", {"a": 1}),
    "an override of the mode": (
        """
        class T(BaseModel):
            model_config = ConfigDict(json_schema_mode_override="validation")
            a: int = 1
        """,
        "{a: integer}",
        {},
    ),
    "an enum": (
        """
        class T(enum.Enum):
            A = "a"
            B = 2
        """,
        '"a" | 2',
        "a",
    ),
    "a named tuple": (
        """
        class T(NamedTuple):
            a: int
            b: str = "x"
        """,
        "list[integer | string]",
        [1],
    ),
    "a typed dict": (
        """
        class T(TypedDict):
            a: int
            b: NotRequired[str]
        """,
        "{a: integer, b?: string}",
        {"a": 1},
    ),
    "a dataclass": (
        """
        @dataclasses.dataclass
        class T:
            a: int
            b: list[int] = dataclasses.field(default_factory=list)
        """,
        "{a: integer, b: list[integer]}",
        {"a": 1},
    ),
    "a root model": ("class T(RootModel[list[int]]): pass", "list[integer]", [1]),
    "a generic model": (
        """
        X = TypeVar("X")
        class Page(BaseModel, Generic[X]):
            items: list[X]
        T = Page[int]
        """,
        "{items: list[integer]}",
        {"items": [1]},
    ),
    "a union told apart by a field": (
        """
        class Card(BaseModel):
            kind: Literal["card"]
            number: str
        class Bank(BaseModel):
            kind: Literal["bank"] = "bank"
        class T(BaseModel):
            by: Annotated[Card | Bank, Field(discriminator="kind")]
        """,
        '{by: {kind: "bank"} | {kind: "card", number: string}}',
        {"by": {"kind": "card", "number": "1"}},
    ),
    "a union told apart by a function": (
        """
        T = Annotated[
            Annotated[int, Tag("int")] | Annotated[str, Tag("str")],
            Discriminator(lambda value: type(value).__name__),
        ]
        """,
        "integer | string",
        "a",
    ),
    "one model in two places": (
        """
        class Money(BaseModel):
            amount: int
        class T(BaseModel):
            price: Money
            tax: Money | None = None
        """,
        "{price: {amount: integer}, tax: {amount: integer} | null}",
        {"price": {"amount": 1}},
    ),
    "a field serializer without a known result": (
        """
        class T(BaseModel):
            a: int
            @field_serializer("a")
            def write(self, value): return str(value)
        """,
        "{a: anything}",
        {"a": 1},
    ),
    "a wrapping field serializer without a known result": (
        """
        class T(BaseModel):
            a: int
            @field_serializer("a", mode="wrap")
            def write(self, value, handler): return [handler(value)]
        """,
        "{a: anything}",
        {"a": 1},
    ),
    "a model serializer without a known result": (
        """
        class T(BaseModel):
            a: int
            @model_serializer(mode="wrap")
            def write(self, handler): return [1]
        """,
        "anything",
        {"a": 1},
    ),
    "a model serializer with a known result": (
        """
        class T(BaseModel):
            a: int
            @model_serializer
            def write(self) -> dict[str, int]: return {"x": self.a}
        """,
        "dict[string, integer]",
        {"a": 1},
    ),
    "whatever a subclass adds": (
        """
        class Base(BaseModel):
            a: int
        class T(BaseModel):
            of: SerializeAsAny[Base]
        """,
        "{of: anything}",
        {"of": {"a": 1}},
    ),
}


@pytest.mark.parametrize("case", CLASSES)
def test_class_has_the_type_of_what_is_written(case: str, tmp_path: Path) -> None:
    text, told, sent = CLASSES[case]
    schema = schema_of(tmp_path, text)
    assert describe(schema.type) == told
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
    (tmp_path / "schemas").mkdir()
    for module, field in (("a", "x: int"), ("b", "y: int")):
        text = f"class Node(BaseModel):\n    {field}\n    below: list['Node'] = []\n"
        (tmp_path / "schemas" / f"{module}.py").write_text(HEAD + text)
    both = "from . import a, b\nclass T(BaseModel):\n    a: a.Node\n    b: b.Node\n"
    (tmp_path / "schemas" / "c.py").write_text(HEAD + both)
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
