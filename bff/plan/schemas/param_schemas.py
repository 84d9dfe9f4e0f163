"""The values of params that have a schema: null, absent and a value are three things in them.

A model's `nickname: str | None = None` takes all three, and pydantic writes null for two. So a
field of a model that the sender left out, and whose default is null, is left out of the value.
Another default is filled in, as a param's own `default` is.
"""

from typing import Any, Protocol

from pydantic_core import CoreSchema, from_json

from bff.plan.schemas.json_schemas import outgoing_schema
from bff.plan.schemas.modules import SchemaModules
from bff.plan.schemas.types import outgoing_type
from bff.plan.types import kinds as t

_GIVEN = " (given)"


class _Reader(Protocol):
    type: t.Type
    input_type: t.Type

    def validate_value(self, value: Any) -> Any: ...
    def to_json(self, value: Any) -> Any: ...
    def written(self, value: Any, *, exclude_unset: bool = False) -> bytes: ...


class ParamSchema:
    """A pydantic type as a param's. `type` is what `check` returns, `input_type` what it takes.
    Immutable; safe between threads."""

    __slots__ = ("_reader", "_reads_whole", "input_type", "type")

    def __init__(self, reader: _Reader, schema: CoreSchema, modules: SchemaModules) -> None:
        marked = _marked(schema)
        self._reader = reader
        self._reads_whole = marked == schema
        self.input_type = reader.input_type
        self.type = reader.type
        if not self._reads_whole:
            self.type = outgoing_type(outgoing_schema(marked), modules.public, _GIVEN)

    def check(self, value: Any) -> Any:
        """The JSON value to use. Raises `ValueError`."""
        validated = self._reader.validate_value(value)
        found = self._reader.to_json(validated)
        if self._reads_whole:
            return found
        return _given(found, from_json(self._reader.written(validated, exclude_unset=True)))


def _given(whole: Any, given: Any) -> Any:
    """The value without the nulls that are in `whole` and were not given."""
    if isinstance(whole, dict) and isinstance(given, dict):
        return {
            name: _given(value, given[name]) if name in given else value
            for name, value in whole.items()
            if name in given or value is not None
        }
    if isinstance(whole, list) and isinstance(given, list) and len(whole) == len(given):
        return [_given(*pair) for pair in zip(whole, given, strict=True)]
    return whole


def _marked(schema: Any) -> Any:
    """The core schema with each field of a model that may be left out marked as one that is not
    always written; for types alone."""
    match schema:
        case {"type": "model-field", "schema": inner, **rest} if _may_default_to_null(inner):
            return {
                **rest,
                "type": "model-field",
                "schema": _marked(inner),
                "serialization_exclude_if": _never,
            }
        case {"type": "default"}:  # a default may be any object
            return {**schema, "schema": _marked(schema["schema"])}
        case {"metadata": metadata, **rest}:
            return {**_marked(rest), "metadata": metadata}
        case dict():
            return {key: _marked(value) for key, value in schema.items()}
        case list() | tuple():
            return type(schema)(map(_marked, schema))
        case _:
            return schema


def _may_default_to_null(schema: Any) -> bool:
    while isinstance(schema, dict):
        if schema["type"] == "default":
            return "default_factory" in schema or schema.get("default", ...) is None
        schema = schema.get("schema")
    return False


def _never(_: Any) -> bool:
    return False
