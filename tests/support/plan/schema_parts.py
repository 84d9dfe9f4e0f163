"""Readers by pruned schemas, and plain models made in one line."""

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    TypeAdapter,
    ValidationInfo,
    create_model,
    field_validator,
)

from bff.plan.model.expressions import Part, Uses, part_of
from bff.plan.schemas.pruning import prune
from bff.plan.schemas.readers import SchemaReader
from bff.plan.types import kinds as t

TWO: dict[str, Any] = {"a": (int, ...), "b": (int, ...)}


class Inner(BaseModel):
    x: int
    y: int


class SeesOthers(BaseModel):
    b: int
    a: int

    @field_validator("a")
    @classmethod
    def compare(cls, value: int, info: ValidationInfo) -> int:
        return value + int(info.data["b"])


def used(*paths: str) -> Part:
    """The part with these fields in it, each with all that is below it."""
    return part_of(Uses(whole=frozenset(tuple(path.split(".")) for path in paths)))


def pruned(annotation: Any, *paths: str) -> SchemaReader | None:
    schema = prune(TypeAdapter(annotation).core_schema, used(*paths))
    return None if schema is None else SchemaReader(schema, t.ANYTHING)


def read(annotation: Any, body: str, *paths: str) -> Any:
    """What is read of the body; fails where nothing is left out."""
    reader = pruned(annotation, *paths)
    assert reader is not None
    value, text = reader.read(body.encode(), json=True, text=True)
    assert text is not None
    assert TypeAdapter(Any).validate_json(text) == value
    assert reader.to_json(reader.validate(body.encode())) == value  # without the fast reader
    return value


def model(config: ConfigDict | None = None, /, **fields: Any) -> type[BaseModel]:
    return create_model("Model", __config__=config, **fields)
