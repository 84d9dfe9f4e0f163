"""Replies are validated strictly and written by their outgoing names; refusals tell no values."""

import json
from typing import Any

import pytest

from bff.plan.schemas.library import PydanticSchema, SchemaLibrary, load_schemas
from bff.plan.types.algebra import describe
from tests.support.plan.schema_sources import SHOP, write


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SchemaLibrary:
    folder = tmp_path_factory.mktemp("project")
    write(folder, shop=SHOP)
    return load_schemas(folder)


def refused(schema: PydanticSchema, body: bytes) -> str:
    with pytest.raises(ValueError, match=r".+") as raised:
        schema.read(body, json=True, text=True)
    assert raised.value.__suppress_context__  # the input stands in pydantic's own error
    return str(raised.value)


ORDER = {"id": 1, "placed": "2024-02-29", "fullName": "Ada", "items": [{"product_id": 7}]}


def body(**changes: Any) -> bytes:
    return json.dumps({**ORDER, **changes}).encode()


def test_valid_reply_is_written_by_its_outgoing_names_with_nothing_undeclared(
    library: SchemaLibrary,
) -> None:
    schema = library.resolve("schemas.shop:Order")
    reply = body(secret="x", items=[{"product_id": 7, "cost": 1}])
    value, text = schema.read(reply, json=True, text=True)
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
    assert value == expected
    assert text is not None
    assert json.loads(text) == expected


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
    schema.read((text % "1.5").encode(), json=True, text=True)
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
    value, _ = schema.read(b'{"product_id": 1, "product_id": 2}', json=True, text=False)
    assert value["product_id"] == 2


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


@pytest.mark.parametrize(("name", "raised"), [("secret", "KeyError"), ("exit", "SystemExit")])
def test_validator_that_blows_up_is_a_refusal(
    name: str, raised: str, library: SchemaLibrary
) -> None:
    told = refused(library.resolve("schemas.shop:Angry"), b'{"name": "%s"}' % name.encode())
    assert told == f"a validator raised {raised}"


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
