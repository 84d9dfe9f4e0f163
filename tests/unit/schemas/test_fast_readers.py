"""Plain types have fast readers; what means something else to one, type or text, is pydantic's."""

import datetime
import decimal
import enum
import json
import threading
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Optional

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    RootModel,
    TypeAdapter,
    computed_field,
    create_model,
    model_validator,
)
from typing_extensions import TypedDict

from bff.plan.schemas.fast_readers import FastReader, compile_fast_reader
from bff.plan.schemas.library import SchemaLibrary, load_schemas
from tests.support.plan.schema_sources import SHOP, write


def fast_reader_of(annotation: Any) -> FastReader | None:
    return compile_fast_reader(TypeAdapter(annotation).core_schema)


def model(config: ConfigDict | None = None, /, **fields: Any) -> type[BaseModel]:
    return create_model("Model", __config__=config, **fields)


class Address(BaseModel):
    city: str


class Parcel(TypedDict):
    weight: float
    label: NotRequired[str]


class Open(TypedDict, total=False):
    id: int


DATE, TIME = "2024-02-29", "2024-02-29T10:00:00"
READ = {
    "text": (str, '"\\u00e9\\/"', "é/"),
    "integer": (int, "5", 5),
    "integer of many digits": (int, "9" * 40, int("9" * 40)),
    "whole number in a float": (float, "5", 5.0),
    "exponent": (float, "1e22", 1e22),
    "boolean": (bool, "true", True),
    "null": (None, "null", None),
    "date": (datetime.date, f'"{DATE}"', DATE),
    "time in UTC": (datetime.datetime, f'"{TIME}+00:00"', f"{TIME}Z"),
    "time with an offset": (datetime.datetime, f'"{TIME}.5-05:30"', f"{TIME}.500000-05:30"),
    "literals": (Literal["a", 1], "1", 1),
    "nullable": (Optional[Annotated[int, Field(ge=1)]], "1", 1),  # noqa: UP045
    "list with a length": (Annotated[list[int], Field(max_length=2)], "[1,2]", [1, 2]),
    "dict": (dict[str, float | None], '{"b":1,"a":null}', {"b": 1.0, "a": None}),
    "fields in their order": (model(a=(int, 1), b=(str, ...)), '{"b":"x"}', {"a": 1, "b": "x"}),
    "alias": (model(a=(int, Field(alias="A-1"))), '{"A-1":1}', {"A-1": 1}),
    "default of another type": (model(a=(str, None)), "{}", {"a": None}),
    "empty list by default": (model(a=(list[int], Field(default_factory=list))), "{}", {"a": []}),
    "unknown key": (Address, '{"x":[{}],"city":"Ede"}', {"city": "Ede"}),
    "model used twice": (
        model(a=(Address, ...), b=(Address | None, None)),
        '{"a":{"city":"Ede"},"b":{"city":"Epe"}}',
        {"a": {"city": "Ede"}, "b": {"city": "Epe"}},
    ),
    "typed dict": (Parcel, '{"weight":2}', {"weight": 2.0}),
    "typed dict without a total": (list[Open], '[{"id":1},{}]', [{"id": 1}, {}]),
}


@pytest.mark.parametrize(("annotation", "text", "value"), READ.values(), ids=READ.keys())
def test_plain_type_has_a_fast_reader_that_reads_it(annotation: Any, text: str, value: Any) -> None:
    fast_reader = fast_reader_of(annotation)
    assert fast_reader is not None
    read = fast_reader.read(text.encode(), json=True, text=True)
    assert read is not None
    assert read[1] is not None
    assert repr(read[0]) == repr(value)
    assert repr(json.loads(read[1])) == repr(value)


class Level(enum.Enum):
    LOW = "low"


class Node(BaseModel):
    below: "list[Node]" = []


class OwnInit(BaseModel):
    a: int

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)


class OwnNew(BaseModel):
    a: int

    def __new__(cls, *_: Any, **__: Any) -> "OwnNew":
        raise ValueError


class Private(BaseModel):
    a: int
    _b: int = PrivateAttr(1)


class Computed(BaseModel):
    a: int

    @computed_field
    def b(self) -> int:
        return self.a


class Checked(BaseModel):
    a: int

    @model_validator(mode="after")
    def check(self) -> "Checked":
        return self


NONE = {
    "anything": Any,
    "union": int | str,
    "enumeration": Level,
    "decimal": decimal.Decimal,
    "time of day": datetime.time,
    "tuple": tuple[int, str],
    "set": set[int],
    "bytes": bytes,
    "boolean literal": Literal[True, "a"],
    "null literal": Literal[None, "a"],
    "keys that aren't plain": dict[Annotated[str, Field(min_length=2)], int],
    "keys that are numbers": dict[int, int],
    "pattern": Annotated[str, Field(pattern="a")],
    "strictness": Annotated[int, Field(strict=True)],
    "step of a float": Annotated[float, Field(multiple_of=0.1)],
    "bound beyond 64 bits": Annotated[int, Field(ge=2**70)],
    "bound of a date": Annotated[datetime.date, Field(ge=datetime.date(2024, 1, 1))],
    "validator": Annotated[int, AfterValidator(abs)],
    "serializer": Annotated[int, PlainSerializer(str)],
    "deep within": list[dict[str, model(a=(list[Level] | None, None))]],  # type: ignore[misc]
    "type that holds itself": Node,
    "root model": RootModel[list[int]],
    "own __init__": OwnInit,
    "own __new__": OwnNew,
    "private attribute": Private,
    "computed field": Computed,
    "model validator": Checked,
    "extra fields kept": model(ConfigDict(extra="allow"), a=(int, ...)),
    "configuration": model(ConfigDict(str_strip_whitespace=True), a=(str, ...)),
    "names beside aliases": model(
        ConfigDict(populate_by_name=True), a=(int, Field(alias="A"))
    ),
    "names that differ by way": model(a=(int, Field(validation_alias="A"))),
    "one of several names": model(a=(int, Field(validation_alias="A", serialization_alias="B"))),
    "excluded field": model(a=(int, Field(exclude=True))),
    "default of another kind of number": model(a=(float, 5)),
    "default that is not finite": model(a=(float, float("inf"))),
    "default of a class of its own": model(a=(str, Level.LOW)),
    "list by default": model(a=(list[int], [1])),
    "default that is made": model(a=(int, Field(default_factory=lambda: 1))),
    "default that is validated": model(a=(int, Field("1", validate_default=True))),
}  # fmt: skip


@pytest.mark.parametrize("annotation", NONE.values(), ids=NONE.keys())
def test_type_that_may_mean_something_else_has_no_fast_reader(annotation: Any) -> None:
    assert fast_reader_of(annotation) is None


class Event(BaseModel):
    at: datetime.datetime
    price: float = 0.0
    count: int = 0


def event(**texts: str) -> bytes:
    pairs = {"at": f'"{TIME}Z"'} | texts
    return ("{" + ",".join(f'"{name}":{text}' for name, text in pairs.items()) + "}").encode()


def nested(depth: int) -> str:
    return '{"a":[' * (depth // 2) + "]}" * (depth // 2)


HARMLESS = {
    "many digits in all": json.dumps([int("7" * 90)] * 90),
    "number of eight decimals": "52.52000659",
    "deep but not too deep": nested(150),
    "many brackets, not deep": json.dumps([[[]] for _ in range(300)]),
    "texts with brackets": json.dumps(["[" for _ in range(60)]),
    "surrogate pair": '"\\ud83d\\ude00"',
}


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS.keys())
def test_value_of_an_unknown_key_keeps_no_fast_reader_from_reading(text: str) -> None:
    fast_reader = fast_reader_of(Event)
    assert fast_reader is not None
    assert fast_reader.read(event(x=text), json=True, text=True) is not None


LEFT = {
    "number as text": event(price='"1.5"'),
    "integer with a point": event(count="1.0"),
    "number that is not finite": event(price="1e999"),
    "unknown number that is not finite": event(x="NaN"),
    "unknown text that is no UTF-8": event(x='"?"').replace(b"?", b"\xff"),
    "unknown key that is no UTF-8": event(x='{"?":1}').replace(b"?", b"\xed\xa0\x80"),
    "unknown lone surrogate": event(x='"\\ud800"'),
    "unknown integer of 4301 digits": event(x="1" * 4301),
    "the same far from the start": event(y=json.dumps("é" * 9999), x="1" * 4301),
    "unknown value nested too deep": event(x=nested(204)),
    "the same, with closing brackets in texts": event(
        x='["]",' * 204 + "1" + ',"["]' * 204
    ),
    "the same, with escaped quotes": event(x='["\\"]\\"",' * 204 + "1" + ',"\\"["]' * 204),
    "many brackets, some in texts, taken for too deep": event(x=json.dumps([["]", '\\"[']] * 200)),
    "seven digits of a second": event(at=f'"{TIME}.1234567Z"'),
    "the last of them escaped": event(at=f'"{TIME}.123456\\u0037Z"'),
    "the point of them escaped": event(at=f'"{TIME}\\u002e1234567Z"'),
    "time without seconds": event(at='"2024-02-29T10:00Z"'),
    "first of two equal keys is wrong": event(count='"x","count":1'),
    "byte order mark": b"\xef\xbb\xbf" + event(),
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("body", LEFT.values(), ids=LEFT.keys())
def test_text_that_may_mean_something_else_is_left_to_pydantic(body: bytes) -> None:
    fast_reader = fast_reader_of(Event)
    assert fast_reader is not None
    assert fast_reader.read(event(), json=True, text=True) is not None
    assert fast_reader.read(body, json=True, text=True) is None


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SchemaLibrary:
    folder: Path = tmp_path_factory.mktemp("project")
    write(folder, shop=SHOP, plain=PLAIN)
    return load_schemas(folder)


PLAIN = """
from datetime import datetime
from pydantic import BaseModel

class Event(BaseModel):
    at: datetime
    price: float = 0.0
"""


def test_what_the_fast_reader_refuses_is_read_by_pydantic(library: SchemaLibrary) -> None:
    schema = library.resolve("schemas.plain:Event")
    value, text = schema.read(
        event(at=f'"{TIME}.1234567Z"', price='"1.5"'), json=True, text=True
    )  # fmt: skip
    assert value == {"at": f"{TIME}.123456Z", "price": 1.5}
    assert text is not None
    assert json.loads(text) == value


def test_what_both_refuse_is_told_by_pydantic(library: SchemaLibrary) -> None:
    schema = library.resolve("schemas.plain:Event")
    with pytest.raises(ValueError, match=r"^at: missing; price: finite_number$"):
        schema.read(b'{"price": 1e999}', json=True, text=True)


@pytest.mark.parametrize("body", [event(), event(price='"1.5"')], ids=["fast reader", "pydantic"])
def test_only_what_is_asked_for_is_made(body: bytes, library: SchemaLibrary) -> None:
    schema = library.resolve("schemas.plain:Event")
    value, text = schema.read(body, json=True, text=True)
    assert schema.read(body, json=True, text=False) == (value, None)
    assert schema.read(body, json=False, text=True) == (None, text)


def test_one_fast_reader_reads_for_many_threads() -> None:
    fast_reader = fast_reader_of(list[Event])
    assert fast_reader is not None
    seen: list[bool] = []

    def read(number: int) -> None:
        body = b"[" + b",".join([event(count=str(number))] * 50) + b"]"
        expected = [{"at": f"{TIME}Z", "price": 0.0, "count": number}] * 50
        for _ in range(50):
            found = fast_reader.read(body, json=True, text=True)
            seen.append(found is not None and found[0] == expected)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 400
