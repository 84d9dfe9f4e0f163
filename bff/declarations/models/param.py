"""A param as declared: where it is, its type, its constraints.

`bff.plan.params.compile` checks what needs the compiled type: a default that breaks the
constraints, a pattern that does not compile.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.models.forms import Constant, Count, FromList, Location, Style, WireName

ScalarType = Literal["string", "integer", "number", "boolean"]

_NUMBERS = ("integer", "number")
# The types that each constraint applies to; aliases as in the file.
_APPLIES: Mapping[str, tuple[str, ...]] = {
    "minimum": _NUMBERS,
    "maximum": _NUMBERS,
    "exclusive_minimum": _NUMBERS,
    "exclusive_maximum": _NUMBERS,
    "multiple_of": _NUMBERS,
    "min_length": ("string",),
    "max_length": ("string",),
    "pattern": ("string",),
    "format": ("string",),
    "enum": ("string", *_NUMBERS),
    "items": ("array",),
    "min_items": ("array",),
    "max_items": ("array",),
    "style": ("array",),
    "slash": ("string",),
}
_LOWER_AND_UPPER = (
    ("minimum", "maximum"),
    ("min_length", "max_length"),
    ("min_items", "max_items"),
)
_NUMERIC = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        is_quoted = isinstance(value, str) and _NUMERIC.fullmatch(value)
        mend = f"Write {value} without quotes." if is_quoted else ""
        raise refusal(Violation("this is no number", mend))
    if value != value or value in (float("inf"), float("-inf")):
        raise refusal(Violation("a number that is not finite", "Leave the key out for no bound."))
    return value


def _positive(value: int | float) -> int | float:
    if value <= 0:
        raise refusal(Violation(f"{value} is not more than 0"))
    return value


def _choices(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise refusal(Violation("no value is allowed", "List at least one."))
    for index, value in enumerate(values):
        if any(value == other and type(value) is type(other) for other in values[:index]):
            raise refusal(Violation(f"{value!r} is there twice", "Keep one.", (index,)))
    return values


Number = Annotated[int | float, BeforeValidator(_number)]
PositiveNumber = Annotated[Number, AfterValidator(_positive)]
Choices = Annotated[tuple[Constant, ...], FromList, AfterValidator(_choices)]


class ScalarDecl(Declaration):
    """A type that is no list, and its constraints: what `items:` of a list holds."""

    minimum: Number | None = None
    maximum: Number | None = None
    exclusive_minimum: Number | None = None
    exclusive_maximum: Number | None = None
    multiple_of: PositiveNumber | None = None
    min_length: Count | None = None
    max_length: Count | None = None
    pattern: str | None = None  # found anywhere in the text, unless it has ^ and $
    format: Literal["date", "date-time", "uuid"] | None = None
    enum: Choices | None = None

    def type_name(self) -> str | None:
        """`string`, `integer`, …; None for a param whose type is a schema, or isn't known."""
        raise NotImplementedError

    def violations(self) -> Iterator[Violation]:
        kind = self.type_name()
        for key in sorted(self.model_fields_set & _APPLIES.keys()):
            if kind is not None and kind not in _APPLIES[key] and getattr(self, key):
                yield Violation(
                    f"'{key}' does not apply to the type {kind}",
                    f"It is for {' and '.join(_APPLIES[key])}.",
                    (key,),
                    at_key=True,
                )
        for lower, upper in _LOWER_AND_UPPER:
            least, most = getattr(self, lower, None), getattr(self, upper, None)
            if least is not None and most is not None and least > most:
                yield Violation(f"{lower} {least} is more than {upper} {most}", "", (lower,))
        yield from _check_members(kind, self.enum)
        if kind == "integer":
            for key in ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum"):
                if isinstance(getattr(self, key), float):
                    yield Violation("a bound of an integer is an integer", "", (key,))
            if isinstance(self.multiple_of, float):
                yield Violation("an integer is a multiple of an integer", "", ("multiple_of",))


class ItemsDecl(ScalarDecl):
    """What each element of a list is."""

    type: ScalarType

    def type_name(self) -> str | None:
        return self.type if self.knows("type") else None


class ParamDecl(ScalarDecl):
    """A param of a composition.

    `in` left out means: the path where the endpoint names it, the query of GET and DELETE, and
    the body otherwise. It is required unless it has a default or `required: false`; whether
    `default` was given is in `model_fields_set`. `name` is its name on the wire, where it differs
    from the name that expressions use. A header's name counts in any case.
    """

    location: Location | None = Field(default=None, alias="in")
    name: WireName | None = None
    type: Literal["string", "integer", "number", "boolean", "array"] | None = None
    schema_: str | None = Field(default=None, alias="schema")
    items: ItemsDecl | None = None
    required: bool | None = None
    default: Constant = None
    min_items: Count | None = None
    max_items: Count | None = None
    style: Style | None = None
    whole: bool = False  # the body is its value

    @property
    def has_default(self) -> bool:
        return "default" in self.model_fields_set

    @property
    def is_required(self) -> bool:
        """Whether there must be a value from outside."""
        return self.required is not False and not self.has_default

    def type_name(self) -> str | None:
        return self.type

    def violations(self) -> Iterator[Violation]:
        yield from super().violations()
        if self.type is None and self.schema_ is None and self.knows("type", "schema"):
            yield Violation("needs a type", "Say `type:`, or `schema:` for a pydantic type.")
        if self.schema_ is not None:
            for key in sorted(self.model_fields_set & (_APPLIES.keys() | {"type"})):
                if key == "style" and self.style == "deep_object":
                    continue
                yield Violation(
                    f"'{key}' does not apply beside `schema`",
                    "Put it into the schema.",
                    (key,),
                    True,
                )
        if self.type == "array" and self.style == "deep_object":
            yield Violation(
                "deep_object is the form of an object, and this is a list",
                "Write repeat, comma, space or pipe; an object has a `schema`.",
                ("style",),
            )
        if self.type == "array" and self.items is None and self.knows("items"):
            yield Violation("a list needs `items`", "Say what is in it: items: {type: integer}.")
        if self.has_default and self.required:
            yield Violation(
                "a param with a default is never required", "Leave one of them out.", ("required",)
            )
        if self.has_default and self.default is None:
            yield Violation(
                "null is no default", "Write `required: false`: then it is null.", ("default",)
            )


class OperationParamDecl(ParamDecl):
    """A param of an operation; `slash` lets a text in the path hold slashes."""

    slash: bool = False


def _check_members(kind: str | None, values: tuple[Any, ...] | None) -> Iterator[Violation]:
    """Each member of an enum is of the param's type."""
    wanted: Mapping[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
    }
    for index, value in enumerate(values or ()):
        types = wanted.get(kind or "")
        if types and (isinstance(value, bool) or not isinstance(value, types)):
            yield Violation(f"this is no {kind}", "", ("enum", index))
