"""Reading replies by a core schema of pydantic's: validated, in their JSON form, as text.

Most replies are read by the schema's twin (see `bff.plan.schemas.fast_readers`). Errors name
places and error types, never values: they are logged.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import CoreSchema, SchemaSerializer

from bff.plan.schemas.fast_readers import compile_twin
from bff.plan.schemas.validators import authored_names, strict_validator

_SHOWN_ERRORS = 3


class SchemaReader:
    """Validates and writes the values of the type that a core schema describes. Immutable; safe
    between threads."""

    __slots__ = ("_names", "_serializer", "_twin", "_validator")

    def __init__(self, schema: CoreSchema, serializer: SchemaSerializer) -> None:
        self._validator = strict_validator(schema)
        self._serializer = serializer
        self._names = authored_names(schema)
        self._twin = compile_twin(schema)

    def read(self, body: bytes, *, json: bool, text: bool) -> tuple[Any, bytes | None]:
        """Validate JSON text; its JSON form and its outgoing text, those asked for.

        The twin reads what it can; pydantic reads the rest, and says what is wrong. Raises
        `ValueError`, with no input values in its text.
        """
        if self._twin is not None:
            read = self._twin.read(body, json=json, text=text)
            if read is not None:
                return read
        value = self.validate(body)
        return self.to_json(value) if json else None, self.to_bytes(value) if text else None

    def validate(self, body: bytes) -> Any:
        """Parse and validate JSON text. Raises `ValueError`, with no input values in its text."""
        try:
            return self._validator.validate_json(body)
        except ValidationError as error:
            raise ValueError(self._told(error)) from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the project's own validators may raise anything
            raise ValueError(f"a validator raised {type(error).__name__}") from None

    def validate_value(self, value: Any) -> Any:
        """Validate a JSON value. Raises `ValueError`.

        By way of JSON text, so that a date or an enum is read as it is from an upstream.
        """
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise ValueError("not a JSON value") from None
        return self.validate(text.encode())

    def to_bytes(self, value: Any) -> bytes:
        """The validated value's JSON text: serialization aliases, UTF-8, nothing undeclared."""
        try:
            return self._serializer.to_json(value, by_alias=True, warnings=False)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the project's own serializers may raise anything
            raise ValueError(f"a serializer raised {type(error).__name__}") from None

    def to_json(self, value: Any) -> Any:
        """The validated value's JSON form: dicts, lists, str, int, float, bool, None."""
        try:
            return self._serializer.to_python(value, mode="json", by_alias=True, warnings=False)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise ValueError(f"a serializer raised {type(error).__name__}") from None

    def _told(self, error: ValidationError) -> str:
        details = error.errors(include_url=False, include_input=False)
        told = [self._one(each["loc"], each) for each in details[:_SHOWN_ERRORS]]
        more = len(details) - len(told)
        return "; ".join([*told, f"and {more} more"] if more else told)

    def _one(self, location: tuple[int | str, ...], detail: Mapping[str, Any]) -> str:
        if detail["type"] == "json_invalid":
            return f"not JSON: {detail['ctx']['error']}"
        parts = [
            str(part) if isinstance(part, int) or part in self._names else "*" for part in location
        ]
        return f"{'.'.join(parts)}: {detail['type']}" if parts else str(detail["type"])


def serializer_of(schema: CoreSchema) -> SchemaSerializer:
    """A serializer for a schema that is no type's own, as pydantic would make it."""
    root: Any = schema["schema"] if schema["type"] == "definitions" else schema
    config = root.get("config") if root["type"] == "model" else None
    # _use_prebuilt=False: else a model class's own serializer is taken, whatever the schema
    return SchemaSerializer(schema, config, False)
