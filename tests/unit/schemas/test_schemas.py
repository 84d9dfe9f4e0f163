"""A project's pydantic types are found by their names; their digest changes as they do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bff.plan.schemas.library import SchemaLibrary, UnknownSchema, load_schemas
from bff.plan.types.algebra import describe
from tests.support.plan.schema_sources import SHOP, write


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SchemaLibrary:
    folder = tmp_path_factory.mktemp("project")
    write(folder, shop=SHOP)
    return load_schemas(folder)


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
    ("Any", {"a": [1, None]}, {"a": [1, None]}),
    ("dict[str, int]", {"a": 1}, {"a": 1}),
    ("list[str]", ["a"], ["a"]),
    ("dict[str, list[schemas.shop:Level] | None]", {"a": [1], "b": None}, {"a": [1], "b": None}),
    ("Literal['draft', 2] | Decimal", 2, 2),
    ("tuple[int, ...]", [1, 2], [1, 2]),
    ("Optional[PositiveInt]", None, None),
    ("datetime", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
]


@pytest.mark.parametrize(("reference", "sent", "written"), REFERENCES)
def test_reference_gives_the_type_it_names(
    reference: str, sent: Any, written: Any, library: SchemaLibrary
) -> None:
    schema = library.resolve(reference)
    value, text = schema.read(json.dumps(sent).encode(), json=True, text=True)
    assert text is not None
    assert (value, json.loads(text)) == (written, written)
    assert schema.to_json(schema.validate_value(sent)) == written


def test_one_schema_is_made_for_each_reference(library: SchemaLibrary) -> None:
    assert library.resolve("schemas.shop:Order") is library.resolve(" schemas.shop:Order")


UNKNOWN = [
    ("schemas.shp:Order", "unknown schema module 'schemas.shp'", "Did you mean 'schemas.shop'?"),
    ("shop:Order", "unknown schema module 'shop'", "Known: schemas"),
    ("schemas.shop:Ordr", "schemas.shop has no 'Ordr'", "Did you mean 'Order'?"),
    ("list[schemas.shop:Ordr]", "schemas.shop has no 'Ordr'", "Did you mean 'Order'?"),
    ("schemas.shop", "'schemas.shop' names no schema", "schemas.orders:Order"),
    ("list[itn]", "unknown type 'itn'", "Did you mean 'int'?"),
    ("list[none]", "unknown type 'none'", "Did you mean 'None'?"),
    ("list[int", "'list[int' names no schema", "schemas.orders:Order"),
    ("int]", "'int]' names no schema", "schemas.orders:Order"),
    ("int |", "'int |' names no schema", "schemas.orders:Order"),
    ("int + str", "'int + str' names no schema", "schemas.orders:Order"),
    ("int[str]", "int[…] is no type", "Write int alone"),
    ("'int'", "names no schema", "schemas.orders:Order"),
    ("list['schemas.shop']", "names no schema", "schemas.orders:Order"),
    ("Literal[int]", "names no schema", "schemas.orders:Order"),
    (f"{'list[' * 22}int{']' * 22}", "names no schema", "schemas.orders:Order"),
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


WITHOUT_FORM = """
from collections.abc import Callable
from pydantic import BaseModel


class Job(BaseModel):
    run: Callable[[], int]


class Choice(BaseModel):
    run: Callable[[], int] | int


class Lost(BaseModel):
    to: "Nowhere"
"""


@pytest.mark.parametrize(
    ("name", "what"),
    [("Job", "has no JSON form"), ("Choice", "has no JSON form"), ("Lost", "Nowhere")],
)
def test_type_without_a_json_form_is_told(name: str, what: str, tmp_path: Path) -> None:
    write(tmp_path, jobs=WITHOUT_FORM)
    with pytest.raises(UnknownSchema, match=what):
        load_schemas(tmp_path).resolve(f"schemas.jobs:{name}")


def test_reference_into_a_broken_module_points_at_its_problem(tmp_path: Path) -> None:
    write(tmp_path, shop="x = 1\n1 / 0\n")
    library = load_schemas(tmp_path)
    with pytest.raises(UnknownSchema) as raised:
        library.resolve("schemas.shop:Order")
    assert raised.value.place == library.problems[0].place
    assert "schemas/shop.py:2" in raised.value.mend


def test_input_type_may_lack_what_has_a_default(library: SchemaLibrary) -> None:
    schema = library.resolve("schemas.shop:Item")
    assert describe(schema.type) == "{product_id: integer, price: number}"
    assert describe(schema.input_type) == "{product_id: integer, price?: number}"


DIGEST = """
import sys
from pathlib import Path
from bff.plan.schemas.library import load_schemas
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
