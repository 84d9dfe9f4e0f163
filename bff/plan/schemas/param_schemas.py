"""The values of params that have a schema: null, absent and a value are three things in them.

A model's `nickname: str | None = None` takes all three, and pydantic writes null for two. So a
field of a model that the sender left out, and whose default is null, is left out of the value.
Another default is filled in, as a param's own `default` is; but not in the body of a PATCH, where
what is left out stays as it is (RFC 5789).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from pydantic_core import CoreSchema, from_json

from bff.plan.schemas.json_schemas import outgoing_schema
from bff.plan.schemas.modules import SchemaModules
from bff.plan.schemas.types import outgoing_type
from bff.plan.types import kinds as t

_GIVEN = " (given)"


class Absence(NamedTuple):
    """Which fields of models may be absent: by the core schema of a field, and by what its default
    is written as."""

    may_be: Callable[[Any], bool]
    leaves_out: Callable[[Any], bool]


class _Reader(Protocol):
    type: t.Type
    input_type: t.Type

    def validate_value(self, value: Any) -> Any: ...
    def to_json(self, value: Any) -> Any: ...
    def written(self, value: Any, *, exclude_unset: bool = False) -> bytes: ...


class ParamSchema:
    """A pydantic type as a param's. `type` is what `check` returns, `input_type` what it takes.
    Immutable; safe between threads."""

    __slots__ = ("_leaves_out", "_reader", "_reads_whole", "input_type", "type")

    def __init__(
        self, reader: _Reader, schema: CoreSchema, modules: SchemaModules, absence: Absence
    ) -> None:
        marked = _marked(schema, absence.may_be)
        self._leaves_out = absence.leaves_out
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
        return self._given(found, from_json(self._reader.written(validated, exclude_unset=True)))

    def _given(self, whole: Any, given: Any) -> Any:
        """The value without what is left out of it, of that which was not given."""
        if isinstance(whole, dict) and isinstance(given, dict):
            return {
                name: self._given(value, given[name]) if name in given else value
                for name, value in whole.items()
                if name in given or not self._leaves_out(value)
            }
        if isinstance(whole, list) and isinstance(given, list) and len(whole) == len(given):
            return [self._given(*pair) for pair in zip(whole, given, strict=True)]
        return whole


def _marked(schema: Any, may_be_absent: Callable[[Any], bool]) -> Any:
    """The core schema with each field of a model that may be left out marked as one that is not
    always written; for types alone."""

    def marked(schema: Any) -> Any:
        match schema:
            case {"type": "model-field", "schema": inner, **rest} if may_be_absent(inner):
                return {
                    **rest,
                    "type": "model-field",
                    "schema": marked(inner),
                    "serialization_exclude_if": _never,
                }
            case {"type": "default"}:  # a default may be any object
                return {**schema, "schema": marked(schema["schema"])}
            case {"metadata": metadata, **rest}:
                return {**marked(rest), "metadata": metadata}
            case dict():
                return {key: marked(value) for key, value in schema.items()}
            case list() | tuple():
                return type(schema)(map(marked, schema))
            case _:
                return schema

    return marked(schema)


def _default_of(schema: Any) -> Any:
    """The part of a field's schema that has its default, or None."""
    while isinstance(schema, dict) and schema["type"] != "default":
        schema = schema.get("schema")
    return schema


def _may_default_to_null(schema: Any) -> bool:
    found = _default_of(schema)
    return found is not None and ("default_factory" in found or found.get("default", ...) is None)


def _has_default(schema: Any) -> bool:
    found = _default_of(schema)
    return found is not None and ("default_factory" in found or "default" in found)


NULL_DEFAULTS = Absence(_may_default_to_null, lambda default: default is None)
ALL_DEFAULTS = Absence(_has_default, lambda default: True)


def _never(_: Any) -> bool:
    return False
