"""What goes out has the type that the plan says, whatever a project's types do, or is refused."""

import json
from pathlib import Path

import pytest

from bff.plan.types.algebra import describe
from tests.support.generated.typed_values import has_type
from tests.support.plan.schema_sources import schema_of

# a class; its type; what comes; what is written
WRITTEN: dict[str, tuple[str, str, str, str]] = {
    "a default that is infinite": (
        "class T(BaseModel):\n    a: float = float('inf')",
        "{a: number | null}",
        "{}",
        '{"a":null}',
    ),
    "its configuration asks for texts": (
        """
        class T(BaseModel):
            model_config = ConfigDict(ser_json_inf_nan="strings")
            a: float = float("inf")
        """,
        "{a: number | null}",
        "{}",
        '{"a":null}',
    ),
    "its configuration asks for constants": (
        """
        class T(BaseModel):
            model_config = ConfigDict(ser_json_inf_nan="constants")
            a: list[Any] = [float("nan")]
        """,
        "{a: list[anything]}",
        "{}",
        '{"a":[null]}',
    ),
    "a dataclass with an init-only field": (
        """
        @dataclasses.dataclass
        class T:
            a: int
            b: dataclasses.InitVar[int]
            def __post_init__(self, b: int) -> None:
                self.a += b
        """,
        "{a: integer}",
        '{"a":1,"b":2}',
        '{"a":3}',
    ),
    "a field that is missing": (
        "class T(BaseModel):\n    a: int | MISSING = MISSING\n    b: int = 1",
        "{a?: integer, b: integer}",
        "{}",
        '{"b":1}',
    ),
    "a default that is missing": (
        "class T(BaseModel):\n    a: int = MISSING",
        "{a?: integer}",
        "{}",
        "{}",
    ),
    "a secret number": ("T = Secret[int]", "string", "5", '"**********"'),
    "flags": (
        """
        class Flags(enum.IntFlag):
            A = 1
            B = 2
        T = list[Flags]
        """,
        "list[integer]",
        "[1,3]",
        "[1,3]",
    ),
    "what skips validation and is right": ("T = SkipValidation[int]", "integer", "5", "5"),
    "what is validated as another type": (
        """
        class Base(BaseModel):
            id: int
        T = Annotated[Base, ValidateAs(int, lambda number: Base(id=number))]
        """,
        "{id: integer}",
        "5",
        '{"id":5}',
    ),
    "a subclass where its base is declared": (
        """
        class Base(BaseModel):
            model_config = ConfigDict(polymorphic_serialization=True)
            a: int = 1
        class Wider(Base):
            b: str = "secret"
        class T(BaseModel):
            base: Annotated[Base, WrapValidator(lambda value, handler: Wider())]
            more: Base = Wider()
            @computed_field
            def made(self) -> Base:
                return Wider()
        """,
        "{base: {a: integer}, more: {a: integer}, made: {a: integer}}",
        '{"base":{}}',
        '{"base":{"a":1},"more":{"a":1},"made":{"a":1}}',
    ),
    "elements that are omitted on an error": (
        "T = list[OnErrorOmit[int]]", "list[integer]", '[1,"x",2]', "[1,2]",
    ),
    "values that are omitted on an error": (
        "T = dict[str, OnErrorOmit[int]]", "dict[string, integer]", '{"a":1,"b":"x"}', '{"a":1}',
    ),
    "a key that is omitted on an error": (
        "class T(TypedDict):\n    a: NotRequired[OnErrorOmit[int]]\n    b: int",
        "{a?: integer, b: integer}",
        '{"a":"x","b":1}',
        '{"b":1}',
    ),
    "a named tuple with a serializer in it": (
        """
        class T(NamedTuple):
            a: Annotated[int, PlainSerializer(str, return_type=str)]
            b: int = None
        """,
        "list[integer | string | null]",
        "[1]",
        '["1",null]',
    ),
    "an extra key that is called as a field is written": (
        """
        class T(BaseModel):
            model_config = ConfigDict(extra="allow")
            a: int = Field(serialization_alias="b")
            @computed_field
            def n(self) -> int:
                return 1
        """,
        "{b: integer, n: integer, *: anything}",
        '{"a":5,"b":"x","n":"x","c":"x"}',
        '{"b":5,"c":"x","n":1}',
    ),
    "a JSON schema by hand that is right": (
        "T = Annotated[int, WithJsonSchema({'type': 'integer', 'minimum': 0})]",
        "integer", "5", "5",
    ),
    "an integer of 400 digits where a number is declared": (
        "T = Annotated[float | int, AfterValidator(lambda n: n)]",
        "number", "1" * 400, "1" * 400,
    ),
}  # fmt: skip

# a class; what comes; why it can't go out
REFUSED: dict[str, tuple[str, str, str]] = {
    "a computed number that is infinite": (
        """
        class T(BaseModel):
            @computed_field
            def total(self) -> float:
                return float("inf")
        """,
        "{}",
        "written as another type than declared: total: float_type",
    ),
    "a computed number that is none": (
        """
        class T(BaseModel):
            @computed_field
            def total(self) -> list[float]:
                return [float("nan")]
        """,
        "{}",
        "written as another type than declared: total.0: float_type",
    ),
    "a computed text that is null": (
        """
        class T(BaseModel):
            @computed_field
            def name(self) -> str:
                return None
        """,
        "{}",
        "written as another type than declared: name: string_type",
    ),
    "a validator that changes the type": (
        "class T(BaseModel):\n    a: Annotated[int, AfterValidator(str)]",
        '{"a":1}',
        "written as another type than declared: a: int_type",
    ),
    "a serializer that gives another type than it says": (
        "class T(BaseModel):\n    a: Annotated[int, PlainSerializer(str, return_type=int)]",
        '{"a":1}',
        "written as another type than declared: a: int_type",
    ),
    "a validator of the whole that sets a field to null": (
        """
        class T(BaseModel):
            a: int
            def model_post_init(self, context: Any) -> None:
                self.a = None
        """,
        '{"a":1}',
        "written as another type than declared: a: int_type",
    ),
    "a JSON schema by hand that is wrong": (
        "class T(BaseModel):\n    a: Annotated[int, WithJsonSchema({'type': 'string'})]",
        '{"a":1}',
        "written as another type than declared: a: string_type",
    ),
    "what skips validation and is wrong": (
        """
        class Sub(BaseModel):
            a: int
        T = SkipValidation[Sub]
        """,
        '{"a":1,"b":2}',
        r"written as another type than declared: \*: extra_forbidden",
    ),
    "half of a surrogate pair": (
        "class T(BaseModel):\n    a: Annotated[str, AfterValidator(lambda text: '\\ud800')]",
        '{"a":"x"}',
        "a serializer raised PydanticSerializationError",
    ),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_what_goes_out_is_of_the_type_in_every_form(case: str, tmp_path: Path) -> None:
    text, described, body, written = WRITTEN[case]
    schema = schema_of(tmp_path, text)
    assert describe(schema.type) == described
    value, found = schema.read(body.encode(), json=True, text=True)
    assert found == written.encode()
    assert value == json.loads(written)
    assert has_type(value, schema.type)
    validated = schema.validate(body.encode())
    assert schema.to_bytes(validated) == found
    assert schema.to_json(validated) == value


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_of_its_type_does_not_go_out(case: str, tmp_path: Path) -> None:
    text, body, why = REFUSED[case]
    schema = schema_of(tmp_path, text)
    for json_form, in_text in ((True, False), (False, True)):
        with pytest.raises(ValueError, match=f"^{why}$"):
            schema.read(body.encode(), json=json_form, text=in_text)
