"""The small written forms that declarations share: durations, sizes, names, expressions, URLs.

Each is an annotated type for the models, and refuses in words what is not of its form.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, Strict

from bff.declarations.declaration import Violation, refusal
from bff.declarations.environment.filling import LOST
from bff.secret import Secret

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
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+")


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
                "Write the value itself: neither expressions nor the environment are read here.",
                path,
            )
        case list() | tuple():
            for index, each in enumerate(value):
                yield from _expressions_in(each, (*path, index))
        case dict():
            for key, each in value.items():
                yield from _expressions_in(each, (*path, key))


def _check_access(value: Any) -> Any:
    if value != "public":
        raise refusal(
            Violation(
                "this is no access that an endpoint can have", "Write public: anyone may call it."
            )
        )
    return value


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


def _check_origin(origin: str) -> str:
    if origin in ("*", "null"):
        raise refusal(
            Violation(f"'{origin}' would let any page read replies", "Name each origin exactly.")
        )
    meant = _origin_as_sent(origin)
    if origin != meant:
        raise refusal(
            Violation(
                f"no browser sends the origin '{origin}'", f"Write it as browsers do: {meant}."
            )
        )
    return origin


def _check_redirect_origin(origin: str) -> str:
    meant = _origin_as_sent(origin)
    if origin != meant:
        mend = f"Name each origin exactly, without a path: {meant}."
        raise refusal(Violation(f"'{origin}' is no origin", mend))
    return origin


def _origin_as_sent(text: str) -> str:
    """The origin of an address as browsers write it; an example where there is none."""
    parts = _split(text)
    if parts is None or "@" in text:
        return "https://app.example.com"
    return f"{parts.scheme}://{_host_as_sent(parts)}"


def _host_as_sent(parts: SplitResult) -> str:
    """Host and port as browsers serialise them: addresses in their shortest form, and no port that
    is the scheme's own (https://url.spec.whatwg.org/#host-serializing)."""
    host = (parts.hostname or "").lower()
    with suppress(ValueError):
        address = ip_address(host)
        host = f"[{address}]" if address.version == 6 else str(address)
    is_own = parts.port == {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port is None or is_own else f"{host}:{parts.port}"


def _address(url: str) -> SplitResult:
    parts = _split(url)
    if parts is None:
        raise refusal(
            Violation("this is no http address", "Write it whole: http://127.0.0.1:9102.")
        )
    if "@" in parts.netloc:
        raise refusal(Violation("an address with a user or a password", "Write them in `auth`."))
    return parts


def _check_url(url: str) -> str:
    """An address of http or https, perhaps with a query."""
    _address(url)
    if "#" in url:
        raise refusal(Violation("an address with a fragment", "Leave it out: it is never sent."))
    return url


def _check_base_url(url: str) -> str:
    """A service's address: http or https, a host, perhaps a path; returned without a last `/`."""
    parts = _address(url)
    if "?" in url or "#" in url:
        raise refusal(
            Violation("an address with a query or a fragment", "Queries belong to operations.")
        )
    if any(segment in (".", "..") for segment in parts.path.lower().replace("%2e", ".").split("/")):
        raise refusal(Violation("an address with `.` or `..` in its path", "Write the path out."))
    return url.rstrip("/")


def _check_proxy_url(value: Any) -> Secret:
    """A proxy's address. What is refused is not repeated: it may have a password in it."""
    if value is LOST:
        raise refusal()
    if not isinstance(value, str | Secret):
        raise refusal(Violation("this is no text", "Write http://host:port."))
    url = value.reveal() if isinstance(value, Secret) else value
    parts = _split(url)
    if (
        parts is None
        or parts.scheme != "http"
        or parts.path not in ("", "/")
        or "?" in url
        or "#" in url
    ):
        raise refusal(
            Violation(
                "this is no address of an HTTP proxy",
                "Write http://host:port, or http://user:${secret.PASSWORD}@host:port: the gateway"
                " speaks plain HTTP to proxies. What means something in an address is encoded in a"
                " password: %40 for @.",
            )
        )
    if parts.password and not isinstance(value, Secret):
        raise refusal(
            Violation(
                "a password stands in the file",
                "Write ${secret.NAME} for it: http://user:${secret.NAME}@host:port.",
            )
        )
    return Secret(url.rstrip("/"))


def _split(url: str) -> SplitResult | None:
    """The parts of an http address, None when it is none that goes on the wire as it is."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    host = host if port is None else host.rpartition(":")[0]
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or port == 0:
        return None
    return parts


Duration = Annotated[float, BeforeValidator(_parse_duration)]  # seconds
Deadline = Annotated[Duration, _at_most(15, "a deadline is 15s at most")]
Timeout = Annotated[Duration, _at_most(24 * 3600, "a timeout is 24h at most")]
# Stores refuse entries of longer lifetimes.
_in_cache = _at_most(366 * 24 * 3600, "the cache holds for 8784h at most: 366 days")
Lifetime = Annotated[Duration, _in_cache]
Window = Annotated[float, BeforeValidator(_parse_window), _in_cache]  # may be nothing
Size = Annotated[int, BeforeValidator(_parse_size)]  # bytes
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
PositiveCount = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
Identifier = Annotated[str, _refusing(identifier_violation)]
RootName = Annotated[str, _refusing(root_name_violation)]
Call = Annotated[str, AfterValidator(_check_call)]
EmbeddedExpression = Annotated[str, AfterValidator(check_embedded)]  # "${…}"
BareExpression = Annotated[str, AfterValidator(_check_bare)]  # "…"
Constant = Annotated[Any, AfterValidator(_check_constant)]  # JSON without expressions in it
Access = Annotated[Literal["public"], BeforeValidator(_check_access)]
Namespace = Annotated[str, AfterValidator(_check_namespace)]
MediaType = Annotated[str, AfterValidator(_check_media_type)]
WireName = Annotated[str, AfterValidator(_check_wire_name)]
Origin = Annotated[str, AfterValidator(_check_origin)]
RedirectOrigin = Annotated[str, AfterValidator(_check_redirect_origin)]
BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
Url = Annotated[str, AfterValidator(_check_url)]
ProxyUrl = Annotated[Secret, PlainValidator(_check_proxy_url)]
FromList = Strict(False)  # on a tuple: YAML has lists
