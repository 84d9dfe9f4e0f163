"""Reading replies by a core schema of pydantic's: validated, in their JSON form, as text.

Most replies are read by the schema's fast reader (see `bff.plan.schemas.fast_readers`). The JSON
form is the parsed text, so the two never differ. Errors name places and error types, never values:
they are logged.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import CoreSchema, SchemaValidator, from_json

from bff.plan.model.service import Dropped
from bff.plan.schemas.dropping import count_dropped
from bff.plan.schemas.fast_readers import compile_fast_reader
from bff.plan.schemas.output_validators import OutputValidator, runs_own_code
from bff.plan.schemas.validators import authored_names, strict_serializer, strict_validator
from bff.plan.types import kinds as t

_SHOWN_ERRORS = 3

# Each wrong element takes pydantic 0.9 µs, within one call, which holds the event loop: 0.45 s for
# as many. With 4 MiB of `1,` it was 1.8 s. Commas in texts count too.
MOST_DROPPABLE: Final = 500_000


class SchemaReader:
    """Validates and writes the values of the type that a core schema describes. Immutable; safe
    between threads.

    `type` is what is written. Where the project's own code may break it, or where its author
    describes it by hand, what is written is validated too. `dropping` is the same schema, whose
    lists leave wrong elements out, for `read_sound`.
    """

    __slots__ = ("_dropping_validator", "_fast_reader", "_names", "_output_validator",
                 "_serializer", "_validator", "type")  # fmt: skip

    def __init__(
        self,
        schema: CoreSchema,
        written: t.Type,
        *,
        is_described_by_hand: bool = False,
        dropping: CoreSchema | None = None,
    ) -> None:
        self.type = written
        self._validator = strict_validator(schema)
        self._serializer = strict_serializer(schema)
        self._output_validator = (
            OutputValidator(written) if is_described_by_hand or runs_own_code(schema) else None
        )
        self._names = authored_names(schema)
        self._dropping_validator = None if dropping is None else strict_validator(dropping)
        self._fast_reader = None if is_described_by_hand else compile_fast_reader(schema)

    @property
    def drops(self) -> bool:
        """Whether `read_sound` may leave elements out."""
        return self._dropping_validator is not None

    def read(self, body: bytes, *, json: bool, text: bool) -> tuple[Any, bytes | None]:
        """Validate JSON text; its JSON form and its outgoing text, those asked for.

        The fast reader reads what it can; pydantic reads the rest, and reports what is wrong.
        Raises `ValueError`, with no input values in its text.
        """
        if self._fast_reader is not None:
            read = self._fast_reader.read(body, json=json, text=text)
            if read is not None:
                return read
        written = self.to_bytes(self.validate(body))
        return from_json(written) if json else None, written if text else None

    def read_sound(
        self, body: bytes, *, json: bool, text: bool
    ) -> tuple[Any, bytes | None, Dropped | None]:
        """The same without the elements of lists that are wrong, and what these were. Raises
        `ValueError`, as `read` does, for what is wrong outside of lists, and where the text has so
        many values that leaving some out would take too long."""
        try:
            return (*self.read(body, json=json, text=text), None)
        except ValueError as error:
            if self._dropping_validator is None:
                raise
            wrong = str(error)
        if body.count(b",") > MOST_DROPPABLE:
            raise ValueError(f"{wrong}; of over {MOST_DROPPABLE} values none is left out")
        context: dict[Any, Any] = {}
        written = self.to_bytes(self._validated(self._dropping_validator, body, context))
        count = count_dropped(context)
        dropped = Dropped(count, wrong) if count else None
        return from_json(written) if json else None, written if text else None, dropped

    def validate(self, body: bytes) -> Any:
        """Parse and validate JSON text. Raises `ValueError`, with no input values in its text."""
        return self._validated(self._validator, body, {})

    def _validated(self, validator: SchemaValidator, body: bytes, context: dict[Any, Any]) -> Any:
        try:
            return validator.validate_json(body, context=context)
        except ValidationError as error:
            raise ValueError(self._describe(error)) from None
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
        """The validated value's JSON text: serialization aliases, UTF-8, nothing undeclared.

        Raises `ValueError` where the text is not of `type`.
        """
        text = self.written(value)
        try:
            if self._output_validator is not None:
                self._output_validator.validate(text)
        except ValidationError as error:
            raise ValueError(
                f"written as another type than declared: {self._describe(error)}"
            ) from None
        return text

    def written(self, value: Any, *, exclude_unset: bool = False) -> bytes:
        """The value's text as its serializers write it, perhaps without the fields of models that
        were not given. Raises `ValueError` where one fails."""
        try:
            return self._serializer.to_json(
                value, by_alias=True, warnings=False, exclude_unset=exclude_unset
            )
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the project's own serializers may raise anything
            raise ValueError(f"a serializer raised {type(error).__name__}") from None

    def to_json(self, value: Any) -> Any:
        """The validated value's JSON form: dicts, lists, str, int, float, bool, None."""
        return from_json(self.to_bytes(value))

    def _describe(self, error: ValidationError) -> str:
        details = error.errors(include_url=False, include_input=False)
        shown = [self._one(each["loc"], each) for each in details[:_SHOWN_ERRORS]]
        more = len(details) - len(shown)
        return "; ".join([*shown, f"and {more} more"] if more else shown)

    def _one(self, location: tuple[int | str, ...], detail: Mapping[str, Any]) -> str:
        if detail["type"] == "json_invalid":
            return f"not JSON: {detail['ctx']['error']}"
        place = self._place(location)
        return f"{place}: {detail['type']}" if place else str(detail["type"])

    def _place(self, location: tuple[int | str, ...]) -> str:
        return ".".join(
            str(part) if isinstance(part, int) or part in self._names else "*" for part in location
        )
