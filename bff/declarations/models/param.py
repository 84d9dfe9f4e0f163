"""A param as declared: where it is, its type, its constraints.

`bff.plan.params.compile` checks what needs the compiled type: a default that breaks the
constraints, a pattern that does not compile.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.models.forms import Constant, Count, FromList, Location

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
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 §5.6.2
_NUMERIC = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# What frames a request or belongs to one connection (RFC 9110 §7.6.1), and what the gateway sends
# itself: no operation's param may set it.
_OWN_HEADERS = frozenset({
    "accept-encoding", "connection", "content-length", "content-type", "expect", "host",
    "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


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
    `default` was given is in `model_fields_set`. The name of a param `in: header` is the
    header's, in any case.
    """

    location: Location | None = Field(default=None, alias="in")
    type: Literal["string", "integer", "number", "boolean", "array"] | None = None
    schema_: str | None = Field(default=None, alias="schema")
    items: ItemsDecl | None = None
    required: bool | None = None
    default: Constant = None
    min_items: Count | None = None
    max_items: Count | None = None
    style: Literal["repeat", "comma"] | None = None

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
                yield Violation(
                    f"'{key}' does not apply beside `schema`",
                    "Put it into the schema.",
                    (key,),
                    True,
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


def check_params(
    params: Mapping[str, ParamDecl], locations: Mapping[str, Location]
) -> Iterator[Violation]:
    """What is wrong between params and where they are, for compositions and operations alike;
    those whose location is not known are passed over."""
    headers: dict[str, str] = {}
    for name, location in locations.items():
        param = params[name]
        if location == "header":
            if not _TOKEN.fullmatch(name):
                yield _at(name, f"'{name}' is no header's name")
            elif name.lower() in headers:
                yield _at(name, f"'{name}' is the header '{headers[name.lower()]}' again")
            headers.setdefault(name.lower(), name)
        elif not _IDENTIFIER.fullmatch(name):
            yield _at(
                name, f"'{name}' is no name that expressions can use",
                "Use letters, digits and underscores, and no digit first.",
            )  # fmt: skip
        if location == "path" and not param.is_required:
            yield _at(
                name, f"'{name}' is in the path, so it is always there",
                "Leave `default` and `required` out.",
            )  # fmt: skip
        if param.schema_ is not None and location != "body":
            yield Violation(
                f"a schema describes JSON, and '{name}' is in the {location}",
                "Add `in: body`, or give it a type.", ("params", name, "schema"),
            )  # fmt: skip
        if param.style is not None and (
            location == "body" or (param.style == "repeat" and location != "query")
        ):
            yield Violation(
                f"a list in the {location} has a form of its own",
                "Leave `style` out; only a list in the query has a choice.",
                ("params", name, "style"), at_key=True,
            )  # fmt: skip
        if isinstance(param, OperationParamDecl) and param.slash and location != "path":
            yield Violation(
                "`slash` is for params in the path", "", ("params", name, "slash"), at_key=True
            )


def check_incoming_header(name: str) -> Violation | None:
    """What is wrong with a header that a composition reads."""
    if "_" not in name:
        return None
    # Servers differ in whether X_A is X-A, so the edge lets no such name in.
    return _at(
        name, f"no header with an underscore gets in, so '{name}' never comes",
        f"A header's param has the header's own name: {name.replace('_', '-')}.",
    )  # fmt: skip


def check_incoming_values(
    name: str, param: ParamDecl, location: Location | None
) -> Iterator[Violation]:
    """What is wrong with the values that a composition's param may have: those that never come."""
    if location in (None, "body"):
        return
    declared, path = (param, ()) if param.items is None else (param.items, ("items",))
    for index, each in enumerate(declared.enum or ()):
        if isinstance(each, str) and (why := _never_comes(param, location, each)):
            at = ("params", name, *path, "enum", index)
            yield Violation(f"{why}, so this value never comes", "Leave it out.", at)


def _never_comes(param: ParamDecl, location: Location | None, text: str) -> str | None:
    if not text:
        return "a text that is empty is refused"
    if location == "header" and (text != text.strip(" \t") or _CONTROL.search(text)):
        return "a header has no blanks at its ends, and no control characters"
    is_one_text = param.style == "comma" or location in ("path", "header")
    if param.type == "array" and is_one_text and "," in text:
        return "a comma ends an element"
    return None


def check_outgoing_header(name: str) -> Violation | None:
    """What is wrong with a header that an operation sends."""
    if name.lower() not in _OWN_HEADERS:
        return None
    return _at(name, f"the header '{name}' is the gateway's own to set", "Leave it out.")


def _at(name: str, what: str, mend: str = "") -> Violation:
    return Violation(what, mend, ("params", name), at_key=True)


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
