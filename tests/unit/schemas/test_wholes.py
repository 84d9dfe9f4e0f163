"""What may hang on all of its fields is read as a whole, whatever is used of it."""

import dataclasses
import enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    computed_field,
    field_serializer,
    model_serializer,
    model_validator,
)
from typing_extensions import TypedDict

from tests.support.plan.schema_parts import TWO, Inner, SeesOthers, model, pruned, read


class Loose(TypedDict, total=False):
    a: int
    b: int


class Level(enum.Enum):
    LOW = "low"


class ValidationResult(BaseModel):
    a: int
    b: int

    @model_validator(mode="after")
    def compare(self) -> "ValidationResult":
        if self.a > self.b:
            raise ValueError("no")
        return self


class ValidatedBefore(BaseModel):
    a: int
    b: int

    @model_validator(mode="before")
    @classmethod
    def fill(cls, data: Any) -> Any:
        return {"b": 1, **data}


class Computed(BaseModel):
    a: int
    b: int

    @computed_field
    @property
    def c(self) -> int:
        return self.a + self.b


class Serialized(BaseModel):
    a: int
    b: int

    @model_serializer
    def write(self) -> dict[str, int]:
        return {"a": self.a + self.b}


class FieldSerialized(BaseModel):
    a: int
    b: int

    @field_serializer("a")
    def write(self, value: int) -> int:
        return value + self.b


class WithInit(BaseModel):
    a: int
    b: int

    def __init__(self, **data: Any) -> None:
        super().__init__(**data)


class WithNew(BaseModel):
    a: int
    b: int

    def __new__(cls, *args: Any, **kwargs: Any) -> "WithNew":
        return super().__new__(cls)


class WithPostInit(BaseModel):
    a: int
    b: int

    def model_post_init(self, context: Any, /) -> None:
        self.a += self.b


class Private(BaseModel):
    a: int
    b: int
    _c: int = PrivateAttr(0)


class Rooted(RootModel[Inner]):
    pass


class Cat(BaseModel):
    kind: Literal["cat"]
    a: int


class Dog(BaseModel):
    kind: Literal["dog"]
    a: int


@dataclasses.dataclass
class Data:
    a: int
    b: int


def _from_data(data: dict[str, Any]) -> int:
    return int(data["b"])


WHOLE = {
    "used as a whole": (Inner, "x y"),
    "validator of the model": (ValidationResult, "a"),
    "validator before the model": (ValidatedBefore, "a"),
    "computed field": (Computed, "a"),
    "serializer of the model": (Serialized, "a"),
    "serializer of a field, which sees the model": (FieldSerialized, "a"),
    "validator that sees other fields": (SeesOthers, "a"),
    "default made from other fields": (
        model(b=(int, ...), a=(int, Field(default_factory=_from_data))), "a",
    ),
    "its own __init__": (WithInit, "a"),
    "its own __new__": (WithNew, "a"),
    "model_post_init": (WithPostInit, "a"),
    "private attributes": (Private, "a"),
    "root model": (Rooted, "x"),
    "union": (Cat | Inner, "a"),
    "discriminated union": (Annotated[Cat | Dog, Field(discriminator="kind")], "a"),
    "dataclass": (Data, "a"),
    "several names to be read by": (
        model(a=(int, Field(validation_alias=AliasChoices("a", "c"))), b=(int, ...)), "a",
    ),
    "one name for two fields": (
        model(a=(int, ...), b=(int, Field(serialization_alias="a"))), "a",
    ),
    "extra fields kept": (model(ConfigDict(extra="allow"), **TWO), "a"),
    "extra fields forbidden": (model(ConfigDict(extra="forbid"), **TWO), "a"),
    "typed dict that may be empty": (Loose, "a"),
    "validator around a model": (Annotated[Inner, AfterValidator(lambda each: each)], "x"),
    "validator before a list": (Annotated[list[Inner], BeforeValidator(lambda each: each)], "x"),
    "dict of models": (dict[str, Inner], "x"),
    "tuple of models": (tuple[Inner, ...], "x"),
    "anything": (Any, "a"),
    "no object": (Level, "a"),
}  # fmt: skip


@pytest.mark.parametrize(("annotation", "names"), WHOLE.values(), ids=WHOLE)
def test_what_may_hang_on_all_of_its_fields_is_read_as_a_whole(annotation: Any, names: str) -> None:
    assert pruned(annotation, *names.split()) is None


def test_what_is_below_such_a_model_stays_whole_and_what_is_beside_it_does_not() -> None:
    outer = model(a=(ValidationResult, ...), b=(int, ...), c=(list[Computed], ...))
    body = '{"a":{"a":1,"b":2},"c":[{"a":1,"b":2}]}'
    whole = {"a": {"a": 1, "b": 2}, "c": [{"a": 1, "b": 2, "c": 3}]}
    assert read(outer, body, "a.a", "c.c") == whole


def test_model_that_forbids_what_it_does_not_know_still_takes_what_it_does() -> None:
    closed = model(ConfigDict(extra="forbid"), **TWO)
    reader = pruned(model(a=(closed, ...), b=(int, ...)), "a.a")
    assert reader is not None
    assert reader.read(b'{"a":{"a":1,"b":2}}', json=True, text=False)[0] == {"a": {"a": 1, "b": 2}}
    with pytest.raises(ValueError, match="extra_forbidden"):
        reader.read(b'{"a":{"a":1,"b":2,"c":3}}', json=True, text=False)
