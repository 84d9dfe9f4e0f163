"""The small written forms that declarations share: durations, sizes, names, expressions.

Each is an annotated type for the models, and refuses in words what is not of its form.
"""

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from bff.declarations.declaration import Violation, refusal
from bff.declarations.environment.filling import LOST

Location = Literal["path", "query", "header", "body", "form"]
Style = Literal["repeat", "comma", "space", "pipe", "deep_object"]

LONGEST_NAMESPACE = 100  # characters
LONGEST_WIRE_NAME = 200  # characters
LARGEST_COUNT = 2**31 - 1  # of elements, calls or characters
LARGEST_SIZE = 2**40  # bytes

# Root names of expressions that no step, and no element of a `for_each`, may be called.
ROOT_NAMES = frozenset(
    {"params", "claims", "headers", "error", "reply", "env", "secret", "degraded"}
)  # their types, and who sees which, stand in `bff.plan.compiler.roots`
VIEW_PARAM = "view"  # the query param that selects a view
FIELDS_PARAM = "fields"  # and the one that selects fields, where that is allowed

# RFC 9110 §8.3.1, with `charset` alone among the parameters
_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:; ?charset=([A-Za-z0-9\"_-]+))?"
)
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 §5.6.2

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"([0-9]{1,13})(B|KiB|MiB|GiB|TiB)")
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_CALL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*\.[A-Za-z_][A-Za-z0-9_]*")


def _parse_window(value: Any) -> float:
    """`800ms`, `1.5s`, `5m`, `1h`, `0s` → seconds."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        what = "a duration has a unit" if isinstance(value, int | float) else "this is no duration"
        raise refusal(Violation(what, "Write 800ms, 1s, 5m or 1h."))
    return float(match[1]) * _SECONDS[match[2]]


def _parse_duration(value: Any) -> float:
    seconds = _parse_window(value)
    if seconds <= 0:
        raise refusal(Violation("a duration is more than nothing"))
    return seconds


def _at_most(longest: float, what: str) -> AfterValidator:
    def check(seconds: float) -> float:
        if seconds > longest:
            raise refusal(Violation(what))
        return seconds

    return AfterValidator(check)


def _parse_size(value: Any) -> int:
    """`512B`, `64KiB`, `10MiB`, `1GiB` → bytes."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        what = "a size has a unit" if isinstance(value, int) else "this is no size"
        raise refusal(Violation(what, "Write 512B, 64KiB, 10MiB or 1GiB."))
    size = int(match[1]) * _BYTES[match[2]]
    if size > LARGEST_SIZE:
        raise refusal(Violation("a size is 1TiB at most"))
    return size


def identifier_violation(name: str) -> Violation | None:
    """Why expressions can't use the name, if so."""
    if _IDENTIFIER.fullmatch(name):
        return None
    return Violation(
        f"'{name}' is no name that expressions can use",
        "Use letters, digits and underscores, and no digit first.",
    )


def root_name_violation(name: str) -> Violation | None:
    """Why no step, and no element of a `for_each`, can be called so, if so."""
    if name in ROOT_NAMES:
        return Violation(
            f"'{name}' has a meaning of its own in expressions", "Choose another name."
        )
    return identifier_violation(name)


def label_violation(name: str) -> Violation | None:
    """Why no service, no view and no part of a composition's name may be called so, if so."""
    if _LABEL.fullmatch(name):
        return None
    return Violation(f"'{name}' is no name", "Use letters, digits, underscores and dashes.")


def _refusing(find: Callable[[str], Violation | None]) -> AfterValidator:
    def check(text: str) -> str:
        if found := find(text):
            raise refusal(found)
        return text

    return AfterValidator(check)


def _check_call(call: str) -> str:
    if not _CALL.fullmatch(call):
        raise refusal(
            Violation(f"'{call}' is no operation", "Write service.operation: users.get_user.")
        )
    return call


def check_embedded(text: str) -> str:
    """The text, which has an expression in it. Raises a refusal for any other."""
    if "${" not in text:
        raise refusal(
            Violation("this is no expression", f"Write ${{{text}}} if it is meant as one.")
        )
    return text


def _check_bare(text: str) -> str:
    if text.startswith("${"):
        raise refusal(Violation("an expression stands alone here", "Leave out `${` and `}`."))
    return text


def _check_constant(value: Any) -> Any:
    if value is LOST:
        raise refusal()
    if found := tuple(_expressions_in(value, ())):
        raise refusal(*found)
    return value


def _expressions_in(value: Any, path: tuple[str | int, ...]) -> Iterator[Violation]:
    match value:
        case str() if "${" in value:
            yield Violation(
                "a constant stands here, and `${…}` would be sent as it is",
                "Write the value itself: no expression is read here.",
                path,
            )
        case list() | tuple():
            for index, each in enumerate(value):
                yield from _expressions_in(each, (*path, index))
        case dict():
            for key, each in value.items():
                yield from _expressions_in(each, (*path, key))


def _check_wire_name(name: str) -> str:
    if not name or len(name) > LONGEST_WIRE_NAME or not name.isprintable():
        raise refusal(
            Violation(
                "this is no name on the wire",
                f"Use 1 to {LONGEST_WIRE_NAME} characters, and no control characters.",
            )
        )
    return name


def _check_media_type(text: str) -> str:
    match = _MEDIA_TYPE.fullmatch(text)
    if match is None:
        raise refusal(
            Violation("this is no media type", "Write type/subtype: application/vnd.api+json.")
        )
    if match[1] and match[1].strip('"').lower() not in ("utf-8", "utf8"):
        raise refusal(Violation(f"bodies are UTF-8, not {match[1]}", "Leave the charset out."))
    return text


def _check_namespace(name: str) -> str:
    if len(name) > LONGEST_NAMESPACE or not _LABEL.fullmatch(name):
        raise refusal(
            Violation(
                "this is no namespace",
                "Use letters, digits, underscores and dashes,"
                f" {LONGEST_NAMESPACE} characters at most.",
            )
        )
    return name


Duration = Annotated[float, BeforeValidator(_parse_duration)]  # seconds
Deadline = Annotated[Duration, _at_most(15, "a deadline is 15s at most")]
Timeout = Annotated[Duration, _at_most(24 * 3600, "a timeout is 24h at most")]
# Stores refuse entries of longer lifetimes.
_in_cache = _at_most(366 * 24 * 3600, "the cache holds for 8784h at most: 366 days")
Lifetime = Annotated[Duration, _in_cache]
# `max_age` of `cors`.
PreflightAge = Annotated[
    float,
    BeforeValidator(_parse_window),
    _at_most(24 * 3600, "no browser keeps a preflight for more than 24h"),
]
Window = Annotated[float, BeforeValidator(_parse_window), _in_cache]  # may be nothing
# What an issuer said of a token, which it may revoke; may be nothing.
AnswerLifetime = Annotated[
    float, BeforeValidator(_parse_window), _at_most(3600, "an answer is kept for 1h at most")
]
Size = Annotated[int, BeforeValidator(_parse_size)]  # bytes
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
PositiveCount = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
Identifier = Annotated[str, _refusing(identifier_violation)]
RootName = Annotated[str, _refusing(root_name_violation)]
Call = Annotated[str, AfterValidator(_check_call)]
EmbeddedExpression = Annotated[str, AfterValidator(check_embedded)]  # "${…}"
BareExpression = Annotated[str, AfterValidator(_check_bare)]  # "…"
Constant = Annotated[Any, AfterValidator(_check_constant)]  # JSON without expressions in it
Namespace = Annotated[str, AfterValidator(_check_namespace)]
MediaType = Annotated[str, AfterValidator(_check_media_type)]
WireName = Annotated[str, AfterValidator(_check_wire_name)]
FromList = Strict(False)  # on a tuple: YAML has lists
