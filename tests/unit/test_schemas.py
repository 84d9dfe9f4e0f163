"""A project's pydantic types, resolved by name, validating replies and writing payloads."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bff.plan.schemas import PydanticSchema, SchemaLibrary, UnknownSchema, load_schemas
from bff.plan.type_algebra import describe

SHOP = """
from __future__ import annotations
from datetime import date
from enum import Enum
from typing import Any, Annotated
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, computed_field
from pydantic import field_serializer, field_validator
from typing_extensions import TypedDict
import dataclasses


class Level(Enum):
    LOW = 1
    HIGH = 2


class Item(BaseModel):
    product_id: int
    price: float = 0


class Order(BaseModel):
    id: int = Field(gt=0)
    placed: date
    full_name: str = Field("", validation_alias="fullName", serialization_alias="name")
    items: list[Item] = []
    prices: dict[str, float] = {}
    meta: Any = None
    later: Later | None = None

    @computed_field
    @property
    def count(self) -> int:
        return len(self.items)


class Later(BaseModel):
    at: date


class Node(BaseModel):
    value: float = 0
    children: list[Node] = []


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: int


class Deferred(BaseModel):
    model_config = ConfigDict(defer_build=True)
    node: Node


class OwnInit(BaseModel):
    price: float

    def __init__(self, **data: Any) -> None:
        super().__init__(**data)


class Bare(BaseModel):
    many: list = []
    few: dict = {}
    both: tuple = ()


class Angry(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def check(cls, name: str) -> str:
        return {"ok": "ok"}[name]


class Mute(BaseModel):
    name: str

    @field_serializer("name")
    def write(self, name: str) -> str:
        raise KeyError(name)


class Wrong(BaseModel):
    count: int = None  # type: ignore[assignment]


class Shelf(TypedDict):
    level: Level


@dataclasses.dataclass
class Point:
    x: float
    label: str = "here"


OrderId = Annotated[int, Field(gt=0)]
Orders = list["Order"]
LIMIT = 5
NAME = "Order"


def find() -> Order: ...
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SchemaLibrary:
    folder = tmp_path_factory.mktemp("project")
    write(folder, shop=SHOP)
    return load_schemas(folder)


def write(folder: Path, **modules: str) -> None:
    (folder / "schemas").mkdir(exist_ok=True)
    for name, text in modules.items():
        (folder / "schemas" / f"{name}.py").write_text(text, encoding="utf-8")


def refused(schema: PydanticSchema, body: bytes) -> str:
    with pytest.raises(ValueError, match=r".+") as raised:
        schema.validate(body)
    assert raised.value.__suppress_context__  # the input stands in pydantic's own error
    return str(raised.value)


ORDER = {"id": 1, "placed": "2024-02-29", "fullName": "Ada", "items": [{"product_id": 7}]}


def body(**changes: Any) -> bytes:
    return json.dumps({**ORDER, **changes}).encode()


def test_valid_reply_is_written_by_its_outgoing_names_with_nothing_undeclared(
    library: SchemaLibrary,
) -> None:
    schema = library.resolve("schemas.shop:Order")
    value = schema.validate(body(secret="x", items=[{"product_id": 7, "cost": 1}]))
    expected = {
        "id": 1,
        "placed": "2024-02-29",
        "name": "Ada",
        "items": [{"product_id": 7, "price": 0}],
        "prices": {},
        "meta": None,
        "later": None,
        "count": 1,
    }
    assert schema.to_json(value) == expected
    assert json.loads(schema.to_bytes(value)) == expected


REFERENCES = [
    ("list[schemas.shop:Item]", [{"product_id": 1}], [{"product_id": 1, "price": 0.0}]),
    (" list[ list[schemas.shop:OrderId] ] ", [[1, 2]], [[1, 2]]),
    ("dict[str, schemas.shop:OrderId]", {"a": 1}, {"a": 1}),
    ("schemas.shop:OrderId", 3, 3),
    ("schemas.shop:Orders", [], []),
    ("schemas.shop:Shelf", {"level": 2}, {"level": 2}),
    ("schemas.shop:Point", {"x": 1}, {"x": 1.0, "label": "here"}),
    ("schemas.shop:Level", 1, 1),
    ("schemas.shop:Deferred", {"node": {}}, {"node": {"value": 0.0, "children": []}}),
    ("schemas.shop:Open", {"id": 1, "more": [1]}, {"id": 1, "more": [1]}),
]


@pytest.mark.parametrize(("reference", "sent", "written"), REFERENCES)
def test_reference_gives_the_type_it_names(
    reference: str, sent: Any, written: Any, library: SchemaLibrary
) -> None:
    schema = library.resolve(reference)
    assert schema.to_json(schema.validate(json.dumps(sent).encode())) == written
    assert schema.to_json(schema.validate_value(sent)) == written


def test_one_schema_is_made_for_each_reference(library: SchemaLibrary) -> None:
    assert library.resolve("schemas.shop:Order") is library.resolve(" schemas.shop:Order")


UNKNOWN = [
    ("schemas.shp:Order", "unknown schema module 'schemas.shp'", "Did you mean 'schemas.shop'?"),
    ("shop:Order", "unknown schema module 'shop'", "Known: schemas"),
    ("schemas.shop:Ordr", "schemas.shop has no 'Ordr'", "Did you mean 'Order'?"),
    ("list[schemas.shop:Ordr]", "schemas.shop has no 'Ordr'", "Did you mean 'Order'?"),
    ("schemas.shop", "'schemas.shop' names no schema", "schemas.orders:Order"),
    ("list[int]", "'int' names no schema", "schemas.orders:Order"),
    ("", "'' names no schema", "schemas.orders:Order"),
    ("schemas.shop:find", "schemas.shop:find is no type but a function", "pydantic model"),
    ("schemas.shop:LIMIT", "schemas.shop:LIMIT is no type but a int", "pydantic model"),
    ("schemas.shop:NAME", "schemas.shop:NAME is no type but a str", "pydantic model"),
    ("schemas.shop:PlainSerializer", "is no type for pydantic", "pydantic model"),
]


@pytest.mark.parametrize(("reference", "what", "mend"), UNKNOWN)
def test_reference_to_no_type_is_told_with_what_is_known(
    reference: str, what: str, mend: str, library: SchemaLibrary
) -> None:
    with pytest.raises(UnknownSchema) as raised:
        library.resolve(reference)
    assert what in raised.value.what
    assert mend in raised.value.mend
    assert raised.value.place is None
    assert "_bff_schemas" not in f"{raised.value.what} {raised.value.mend}"


def test_type_without_a_json_form_is_told(tmp_path: Path) -> None:
    text = """
        from collections.abc import Callable
        from pydantic import BaseModel
        class Job(BaseModel):
            run: Callable[[], int]
        class Choice(BaseModel):
            run: Callable[[], int] | int
        class Lost(BaseModel):
            to: "Nowhere"
        """
    write(tmp_path, jobs="\n".join(line.strip(" ") for line in text.splitlines()).replace(
        "\nrun", "\n    run").replace("\nto", "\n    to"))  # fmt: skip
    library = load_schemas(tmp_path)
    for name, what in (("Job", "has no JSON form"), ("Choice", "has no JSON form")):
        with pytest.raises(UnknownSchema, match=what):
            library.resolve(f"schemas.jobs:{name}")
    with pytest.raises(UnknownSchema, match="Nowhere"):
        library.resolve("schemas.jobs:Lost")


def test_reference_into_a_broken_module_points_at_its_problem(tmp_path: Path) -> None:
    write(tmp_path, shop="x = 1\n1 / 0\n")
    library = load_schemas(tmp_path)
    with pytest.raises(UnknownSchema) as raised:
        library.resolve("schemas.shop:Order")
    assert raised.value.place == library.problems[0].place
    assert "schemas/shop.py:2" in raised.value.mend


NOT_FINITE = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400 + ".5"]
PLACES = [
    ("schemas.shop:Item", '{"product_id": 1, "price": %s}'),
    ("schemas.shop:Order", '{"id": 1, "placed": "2024-01-01", "prices": {"a": %s}}'),
    ("schemas.shop:Order", '{"id": 1, "placed": "2024-01-01", "meta": %s}'),
    ("schemas.shop:Order", '{"id": 1, "placed": "2024-01-01", "meta": {"a": [[1, {"b": %s}]]}}'),
    ("schemas.shop:Order", '{"id":1,"placed":"2024-01-01","items":[{"product_id":1,"price":%s}]}'),
    ("list[schemas.shop:Item]", '[{"product_id": 1, "price": %s}]'),
    ("schemas.shop:Node", '{"children": [{"children": [{"value": %s}]}]}'),
    ("schemas.shop:Open", '{"id": 1, "more": %s}'),
    ("schemas.shop:Open", '{"id": 1, "more": {"deep": [%s]}}'),
    ("schemas.shop:Bare", '{"many": [%s]}'),
    ("schemas.shop:Bare", '{"few": {"a": %s}}'),
    ("schemas.shop:Bare", '{"both": [%s]}'),
    ("schemas.shop:Point", '{"x": %s}'),
    ("schemas.shop:Deferred", '{"node": {"value": %s}}'),
    ("schemas.shop:OwnInit", '{"price": %s}'),
]


@pytest.mark.parametrize("number", NOT_FINITE, ids=lambda number: number[:9])
@pytest.mark.parametrize(("reference", "text"), PLACES)
def test_number_that_is_not_finite_is_refused_wherever_it_stands(
    reference: str, text: str, number: str, library: SchemaLibrary
) -> None:
    schema = library.resolve(reference)
    schema.validate((text % "1.5").encode())
    refused(schema, (text % number).encode())


def test_words_that_look_like_no_number_are_text(library: SchemaLibrary) -> None:
    schema = library.resolve("schemas.shop:Order")
    value = schema.validate(body(fullName="NaN", meta=["Infinity", "1e999"]))
    assert schema.to_json(value)["meta"] == ["Infinity", "1e999"]


@pytest.mark.parametrize("depth", [250, 200_000])
@pytest.mark.parametrize("reference", ["schemas.shop:Order", "schemas.shop:Node"])
def test_deeply_nested_reply_is_refused(depth: int, reference: str, library: SchemaLibrary) -> None:
    schema = library.resolve(reference)
    nested = '{"children": [' * (depth // 2) + "]}" * (depth // 2)
    told = refused(schema, nested.encode())
    assert told.startswith("not JSON: recursion limit exceeded")
    refused(schema, b'{"id": 1, "placed": "2024-01-01", "meta": %s' % (b"[" * depth))


def test_reply_nested_as_deep_as_the_parser_goes_is_served(library: SchemaLibrary) -> None:
    nested: Any = 1
    for _ in range(198):
        nested = [nested]
    schema = library.resolve("schemas.shop:Order")
    value = schema.validate(body(meta=nested))
    assert json.loads(schema.to_bytes(value))["meta"] == nested
    assert schema.to_json(value)["meta"] == nested
    schema = library.resolve("schemas.shop:Node")
    text = b'{"children":[' * 98 + b'{"value":1}' + b"]}" * 98
    assert json.loads(schema.to_bytes(schema.validate(text)))["children"]


NOT_JSON = [b"", b" ", b"<html></html>", b'{"id": 1', b"\xef\xbb\xbf{}", b'"\xff"', b"nul"]


@pytest.mark.parametrize("text", NOT_JSON)
def test_reply_that_is_no_json_is_refused_with_the_place(
    text: bytes, library: SchemaLibrary
) -> None:
    assert " at line 1 column " in refused(library.resolve("schemas.shop:Order"), text)


def test_last_of_two_equal_keys_wins(library: SchemaLibrary) -> None:
    schema = library.resolve("schemas.shop:Item")
    value = schema.validate(b'{"product_id": 1, "product_id": 2}')
    assert schema.to_json(value)["product_id"] == 2


def test_refusal_names_places_and_kinds_but_no_values(library: SchemaLibrary) -> None:
    told = refused(
        library.resolve("schemas.shop:Order"),
        body(id="secret", placed="secret", prices={"ada@example.org": "secret"}, items=["secret"]),
    )
    assert (
        told
        == "id: int_parsing; placed: date_from_datetime_parsing; items.0: model_type; and 1 more"
    )
    told = refused(library.resolve("schemas.shop:Order"), body(prices={"ada@example.org": "x"}))
    assert told == "prices.*: float_parsing"


def test_list_of_a_million_wrong_elements_is_told_by_its_first(library: SchemaLibrary) -> None:
    many = b"[" + b",".join([b"{}"] * 1_000_000) + b"]"
    told = refused(library.resolve("list[schemas.shop:Item]"), many)
    assert told == "0.product_id: missing"


def test_validator_that_blows_up_is_a_refusal(library: SchemaLibrary) -> None:
    told = refused(library.resolve("schemas.shop:Angry"), b'{"name": "secret"}')
    assert told == "a validator raised KeyError"


def test_serializer_that_blows_up_is_a_value_error_without_the_value(
    library: SchemaLibrary,
) -> None:
    schema = library.resolve("schemas.shop:Mute")
    value = schema.validate(b'{"name": "secret"}')
    for write_it in (schema.to_bytes, schema.to_json):
        with pytest.raises(ValueError, match="a serializer raised") as raised:
            write_it(value)
        assert "secret" not in str(raised.value)


def test_default_of_another_type_is_written_without_a_warning(
    library: SchemaLibrary, capfd: pytest.CaptureFixture[str]
) -> None:
    schema = library.resolve("schemas.shop:Wrong")
    assert schema.to_bytes(schema.validate(b"{}")) == b'{"count":null}'
    assert schema.to_json(schema.validate(b"{}")) == {"count": None}
    assert describe(schema.type) == "{count: integer | null}"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"x", object()])
def test_value_that_is_no_json_is_refused(value: Any, library: SchemaLibrary) -> None:
    with pytest.raises(ValueError, match="not a JSON value"):
        library.resolve("schemas.shop:Order").validate_value(value)


def test_input_type_may_lack_what_has_a_default(library: SchemaLibrary) -> None:
    schema = library.resolve("schemas.shop:Item")
    assert describe(schema.type) == "{product_id: integer, price: number}"
    assert describe(schema.input_type) == "{product_id: integer, price?: number}"


DIGEST = """
import sys
from pathlib import Path
from bff.plan.schemas import load_schemas
for _ in range(2):
    print(load_schemas(Path(sys.argv[1])).resolve("schemas.shop:Order").digest)
"""


def test_digest_is_the_same_in_every_process(tmp_path: Path) -> None:
    write(tmp_path, shop=SHOP, other=SHOP)
    told = [
        subprocess.run(
            [sys.executable, "-c", DIGEST, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    assert len({digest for digests in told for digest in digests}) == 1


CHANGES = [
    ("price: float = 0", "price: float = 1"),
    ("price: float = 0", "price: int = 0"),
    ('{"ok": "ok"}[name]', '{"ok": "no"}[name]'),
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_digest_changes_with_form_and_source(old: str, new: str, tmp_path: Path) -> None:
    def digest(text: str) -> str:
        write(tmp_path, shop=text)
        return load_schemas(tmp_path).resolve("schemas.shop:Order").digest

    assert digest(SHOP) == digest(SHOP)
    assert digest(SHOP) != digest(SHOP.replace(old, new))
