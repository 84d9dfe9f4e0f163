"""What pydantic writes of models, dataclasses and typed dicts, as a type."""

from pathlib import Path
from typing import Any

import pytest

from bff.plan.types.algebra import describe
from tests.support.generated.typed_values import has_type
from tests.support.plan.schema_sources import schema_of

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
