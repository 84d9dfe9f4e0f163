"""A param's constraints as one function from JSON value to JSON value, built once.

pydantic checks, in strict mode. An error describes what the value must be (`must be at least 1`),
and never holds the value. Read next: `bff.plan.params.texts`, for params that come as text.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AllowInfNan, Field, Strict, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from bff.declarations.models.param import ItemsDecl, ParamDecl
from bff.plan.model.service import Check
from bff.plan.schemas.hashes import LEAST_INTEGER, MOST_INTEGER

OUT_OF_64_BITS = "must be an integer of 64 bits"

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# RFC 3339 §5.6, with the zone that makes it one moment; Python has no finer time than microseconds.
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def build_check(declared: ParamDecl | ItemsDecl) -> Check:
    """The check of a param that has a type (not a schema), null not among its values."""
    if isinstance(declared, ParamDecl) and declared.type == "array":
        return _list_check(declared)
    check = _SCALARS[declared.type or "string"](declared)
    return check if declared.enum is None else _enum_check(check, declared.enum)


def pattern_problem(pattern: str) -> str | None:
    """Why a pattern does not compile, or None."""
    try:
        TypeAdapter(Annotated[str, Field(pattern=pattern)])
    except SchemaError as error:
        return str(error).strip().rpartition("\n")[2].removeprefix("error: ").strip(" .")
    return None


# ------------------------------------------------------------------------------ one type each


def _integer_check(declared: ParamDecl | ItemsDecl) -> Check:
    bounds = _bounds(declared)
    bounds.setdefault("ge", LEAST_INTEGER)
    bounds.setdefault("le", MOST_INTEGER)
    return _by_pydantic(Annotated[int, Strict(), Field(**bounds)])


def _number_check(declared: ParamDecl | ItemsDecl) -> Check:
    constrained = Annotated[float, Strict(), AllowInfNan(False), Field(**_bounds(declared))]
    as_float = _by_pydantic(constrained)

    def check(value: Any) -> Any:
        """An integer stays one, as long as others can read it exactly."""
        if type(value) is not int:
            return as_float(value)
        try:
            converted = as_float(float(value))
        except OverflowError:
            raise ValueError("must be finite") from None
        return value if LEAST_INTEGER <= value <= MOST_INTEGER else converted

    return check


def _boolean_check(_: ParamDecl | ItemsDecl) -> Check:
    return _by_pydantic(Annotated[bool, Strict()])


def _string_check(declared: ParamDecl | ItemsDecl) -> Check:
    constraints = Field(
        min_length=declared.min_length, max_length=declared.max_length, pattern=declared.pattern
    )
    constrained = _by_pydantic(Annotated[str, Strict(), constraints])
    canonical = _FORMATS[declared.format] if declared.format is not None else None

    def check(value: Any) -> Any:
        text: str = constrained(value)
        if "\0" in text:
            raise ValueError("must hold no NUL")
        if not text.isascii() and not _is_unicode(text):
            raise ValueError("must be Unicode")
        return text if canonical is None else canonical(text)

    return check


def _is_unicode(text: str) -> bool:
    """Whether the text can be written: half a surrogate pair can't, and pydantic takes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _list_check(declared: ParamDecl) -> Check:
    lengths = Field(min_length=declared.min_items, max_length=declared.max_items)
    whole = _by_pydantic(Annotated[list[Any], Strict(), lengths])
    item = build_check(declared.items) if declared.items is not None else _unchecked

    return lambda value: each_element(item, whole(value))


def each_element(read: Callable[[Any], Any], elements: list[Any]) -> list[Any]:
    """What `read` returns for each element. Its `ValueError` then names the element's position."""
    found = []
    for position, element in enumerate(elements, start=1):
        try:
            found.append(read(element))
        except ValueError as error:
            raise ValueError(f"has an element, number {position}, that {error}") from None
    return found


def _unchecked(value: Any) -> Any:
    return value


def _enum_check(check: Check, allowed: tuple[Any, ...]) -> Check:
    choices = {value: value for value in allowed}
    message = f"must be one of: {', '.join(map(str, allowed))}"

    def check_choice(value: Any) -> Any:
        found = check(value)
        if found not in choices:
            raise ValueError(message)
        return choices[found]

    return check_choice


_SCALARS: Mapping[str, Callable[[ParamDecl | ItemsDecl], Check]] = {
    "integer": _integer_check,
    "number": _number_check,
    "boolean": _boolean_check,
    "string": _string_check,
}


# ------------------------------------------------------------------------------ formats of texts


def _canonical_date(text: str) -> str:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise ValueError("must be a date: 2024-12-31")


def _canonical_date_time(text: str) -> str:
    try:
        if _DATE_TIME.fullmatch(text):
            return datetime.fromisoformat(text).isoformat().replace("+00:00", "Z")
    except ValueError:
        pass
    raise ValueError("must be a date and time with a zone: 2024-12-31T23:59:59Z")


def _canonical_uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise ValueError("must be a UUID")
    return str(uuid.UUID(text))


_FORMATS: Mapping[str, Callable[[str], str]] = {
    "date": _canonical_date,
    "date-time": _canonical_date_time,
    "uuid": _canonical_uuid,
}


# ------------------------------------------------------------------------------ pydantic


def _bounds(declared: ParamDecl | ItemsDecl) -> dict[str, Any]:
    named = {
        "ge": declared.minimum,
        "le": declared.maximum,
        "gt": declared.exclusive_minimum,
        "lt": declared.exclusive_maximum,
        "multiple_of": declared.multiple_of,
    }
    return {key: value for key, value in named.items() if value is not None}


def _by_pydantic(annotation: Any) -> Check:
    # The adapter's own method adds 0.1 µs of looking for a mocked validator; none is mocked here.
    validate = TypeAdapter(annotation).validator.validate_python

    def check(value: Any) -> Any:
        try:
            return validate(value)
        except ValidationError as error:
            raise ValueError(_describe(error)) from None

    return check


_WORDS = {
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "string_unicode": "must be Unicode",
    "list_type": "must be a list",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "too_short": "must have at least {min_length} elements",
    "too_long": "must have at most {max_length} elements",
}


def _describe(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    context = detail.get("ctx", {})
    if context.get("ge") == LEAST_INTEGER or context.get("le") == MOST_INTEGER:
        return OUT_OF_64_BITS
    words = _WORDS.get(detail["type"])
    return words.format(**context) if words is not None else detail["msg"]
