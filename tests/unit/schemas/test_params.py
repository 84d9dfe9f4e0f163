"""The values of params with a schema: what the sender left out stays out."""

from pathlib import Path
from typing import Any

import pytest

from bff.plan.schemas.library import load_schemas
from bff.plan.schemas.param_schemas import ALL_DEFAULTS, ParamSchema
from bff.plan.types.algebra import describe, fits

SCHEMAS = """
from dataclasses import dataclass
from pydantic import BaseModel, Field, field_validator


class Inner(BaseModel):
    x: int | None = None
    y: str = "d"


class Profile(BaseModel):
    name: str | None
    nickname: str | None = Field(None, alias="nickName")
    size: int = 3
    inner: Inner | None = None
    inners: list[Inner | None] = []
    made: Inner | None = Field(default_factory=lambda: None)


class Node(BaseModel):
    label: str | None = None
    kids: "list[Node] | None" = None


class Trimmed(BaseModel):
    note: str | None = None

    @field_validator("note")
    @classmethod
    def trim(cls, note: str | None) -> str | None:
        return note and (note.strip() or None)


@dataclass
class Point:
    x: int
    y: int | None = None
"""


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("project")
    (folder / "schemas").mkdir()
    (folder / "schemas/a.py").write_text(SCHEMAS)
    library = load_schemas(folder)
    return lambda name, *absence: library.resolve(f"schemas.a:{name}").for_params(*absence)


GIVEN: list[tuple[str, Any, Any]] = [
    ("Profile", {"name": None}, {"name": None, "size": 3, "inners": []}),
    (
        "Profile",
        {"name": "a", "nickName": None, "made": None},
        {"name": "a", "nickName": None, "size": 3, "inners": [], "made": None},
    ),
    (
        "Profile",
        {"name": "a", "size": 4, "inner": {}, "inners": [{}, None, {"x": None}, {"x": 1}]},
        {
            "name": "a",
            "size": 4,
            "inner": {"y": "d"},
            "inners": [{"y": "d"}, None, {"x": None, "y": "d"}, {"x": 1, "y": "d"}],
        },
    ),
    (
        "Node",
        {"kids": [{"label": None}, {"kids": None}]},
        {"kids": [{"label": None}, {"kids": None}]},
    ),
    ("Node", {}, {}),
    ("Trimmed", {"note": "  "}, {"note": None}),
    ("Trimmed", {}, {}),
    ("Point", {"x": 1}, {"x": 1, "y": None}),
]


@pytest.mark.parametrize(("name", "value", "expected"), GIVEN)
def test_field_that_was_left_out_is_left_out_unless_it_has_a_default(
    schemas: Any, name: str, value: Any, expected: Any
) -> None:
    """A null that was given stays. Dataclasses don't know what was given."""
    assert schemas(name).check(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"name": None},
        {"name": "a", "size": 3, "inners": []},
        {"name": "a", "inner": {}, "inners": [{"x": 1}]},
    ],
)
def test_no_default_is_filled_into_a_patch(schemas: Any, value: Any) -> None:
    schema = schemas("Profile", ALL_DEFAULTS)
    assert schema.check(value) == value
    assert describe(schema.type) == (
        "{name: string | null, nickName?: string | null, size?: integer,"
        " inner?: {x?: integer | null, y?: string} | null,"
        " inners?: list[{x?: integer | null, y?: string} | null],"
        " made?: {x?: integer | null, y?: string} | null}"
    )
    assert fits(schema.type, schema.input_type)


def test_type_has_what_may_be_left_out(schemas: Any) -> None:
    schema: ParamSchema = schemas("Profile")
    inner = "{x?: integer | null, y: string}"
    assert describe(schema.type) == (
        "{name: string | null, nickName?: string | null, size: integer,"
        f" inner?: {inner} | null, inners: list[{inner} | null], made?: {inner} | null}}"
    )


@pytest.mark.parametrize("name", ["Node", "Trimmed", "Point", "Inner"])
def test_value_fits_a_param_of_the_same_schema(schemas: Any, name: str) -> None:
    schema = schemas(name)
    assert fits(schema.type, schema.input_type)
