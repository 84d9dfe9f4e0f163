"""A default is not validated, so its own type is part of what is written."""

from pathlib import Path

import pytest

from bff.plan.types.algebra import describe
from tests.support.generated.typed_values import has_type
from tests.support.plan.schema_sources import schema_of

# a class; its type; what is sent, so that the defaults go out
CLASSES: dict[str, tuple[str, str, dict[str, object]]] = {
    "a default that the annotation forbids": (
        """
        class T(BaseModel):
            a: str = None
            b: Literal["x"] = "y"
        """,
        '{a: string | null, b: "x" | "y"}',
        {},
    ),
    "made defaults that the annotation forbids": (
        """
        class T(BaseModel):
            a: str = Field(default_factory=lambda: None)
            b: int = Field(default_factory=lambda: 1)
            c: list[int] = Field(default_factory=lambda: ["x"])
        """,
        '{a: string | null, b: integer, c: list["x"] | list[integer]}',
        {},
    ),
    "made defaults that can't be known": (
        """
        context = {}
        class T(BaseModel):
            a: int = 1
            b: int = Field(default_factory=lambda data: str(data["a"]))
            c: str = Field(default_factory=lambda: context["now"])
        """,
        "{a: integer, b: anything, c: anything}",
        {"c": "x"},
    ),
    "collections for defaults that the annotation forbids": (
        """
        class Sub(BaseModel):
            x: int
        class T(BaseModel):
            a: list[int] = [None]
            b: dict[str, int] = {"k": None}
            c: Sub = Sub.model_construct(x=None)
            d: Sub = Sub.model_construct()
            f: list[Sub] = [Sub(x=1)]
            g: dict[str, list[int]] = {"k": [1]}
        """,
        "{a: list[integer] | list[null], b: dict[string, integer] | {k: null},"
        " c: {x: integer} | {x: null}, d: {x: integer} | {}, f: list[{x: integer}],"
        " g: dict[string, list[integer]]}",
        {},
    ),
    "defaults of a dataclass that the annotation forbids": (
        """
        @dataclasses.dataclass
        class T:
            a: int = None
            b: list[int] = dataclasses.field(default_factory=lambda: None)
        """,
        "{a: integer | null, b: list[integer] | null}",
        {},
    ),
    "defaults that are written as the annotation says": (
        """
        class Level(enum.Enum):
            LOW = "low"
        class T(BaseModel):
            model_config = ConfigDict(ser_json_timedelta="float")
            a: Level = "low"
            b: decimal.Decimal = decimal.Decimal("1.5")
            c: datetime.timedelta = datetime.timedelta(1)
            d: set[int] = {1}
            e: Annotated[int, PlainSerializer(lambda v: [v], return_type=list[int])] = 1
            f: Annotated[int, WrapSerializer(lambda v, h: [v], return_type=list[int])] = 1
            g: uuid.UUID = Field(default_factory=uuid.uuid4)
            h: bytes = b"x"
        """,
        '{a: "low", b: string, c: number, d: list[integer], e: list[integer], f: list[integer],'
        " g: string, h: string}",
        {},
    ),
    "a serializer that leaves a null default alone": (
        """
        class T(BaseModel):
            a: Annotated[int, PlainSerializer(str, return_type=str, when_used="unless-none")] = None
        """,
        "{a: string | null}",
        {},
    ),
}


@pytest.mark.parametrize("case", CLASSES)
def test_default_is_of_the_type_that_is_told(case: str, tmp_path: Path) -> None:
    text, told, sent = CLASSES[case]
    schema = schema_of(tmp_path, text)
    assert describe(schema.type) == told
    assert has_type(schema.to_json(schema.validate_value(sent)), schema.type)


def test_default_that_is_no_number_is_null_when_it_is_written(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, "class T(BaseModel):\n    a: float = float('nan')\n")
    assert schema.to_bytes(schema.validate_value({})) == b'{"a":null}'
    assert describe(schema.type) == "{a: number | null}"


def test_factory_that_makes_another_value_each_time_leaves_the_digest_alone(tmp_path: Path) -> None:
    text = "class T(BaseModel):\n    a: int = Field(default_factory=lambda: str(uuid.uuid4()))\n"
    assert schema_of(tmp_path, text).digest == schema_of(tmp_path, text).digest
