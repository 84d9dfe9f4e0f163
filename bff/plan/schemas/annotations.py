"""Type expressions of the project's files: `list[schemas.orders:Order]`, `dict[str, int] | None`.

    type   = member ("|" member)*
    member = (name | module ":" name) ["[" part ("," part)* "]"]
    part   = type | "..." | text | integer

A name without a colon is one of `NAMES`: Python's and pydantic's own types. Texts and integers
stand in `Literal` alone: elsewhere Python would take a text for code. Knows no modules: the caller
finds what a reference names.
"""

import builtins
import datetime
import decimal
import ipaddress
import re
import typing
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, Union

from pydantic import networks, types

from bff.declarations.suggestions import known_names
from bff.errors import Place

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<reference>[A-Za-z_][\w.]*:[A-Za-z_][\w.]*)
      | (?P<name>[A-Za-z_][\w.]*)
      | (?P<text>"[^"\\]*"|'[^'\\]*')
      | (?P<integer>-?[0-9]{1,18})
      | (?P<mark>\.\.\.|[\[\],|])
    )""",
    re.VERBOSE,
)
_MOST_NESTED: Final = 20
_FORM: Final = (
    "Write module and name, as in schemas.orders:Order, or a type of such:"
    " list[schemas.orders:Order], dict[str, int], Any."
)


def _named(module: Any, names: str) -> dict[str, Any]:
    return {name: getattr(module, name) for name in names.split()}


NAMES: Final[dict[str, Any]] = {
    "None": None,
    **_named(builtins, "bool bytes dict float frozenset int list set str tuple"),
    **_named(typing, "Any Literal Optional Union"),
    **_named(datetime, "date datetime time timedelta"),
    **_named(decimal, "Decimal"),
    **_named(uuid, "UUID"),
    **_named(ipaddress, "IPv4Address IPv4Interface IPv4Network"),
    **_named(ipaddress, "IPv6Address IPv6Interface IPv6Network"),
    **_named(types, "AwareDatetime NaiveDatetime PastDate PastDatetime FutureDate FutureDatetime"),
    **_named(types, "Base64Bytes Base64Str Base64UrlBytes Base64UrlStr ByteSize Json JsonValue"),
    **_named(types, "FiniteFloat PositiveInt NegativeInt NonNegativeInt NonPositiveInt"),
    **_named(types, "PositiveFloat NegativeFloat NonNegativeFloat NonPositiveFloat"),
    **_named(types, "StrictBool StrictBytes StrictFloat StrictInt StrictStr SecretBytes SecretStr"),
    **_named(types, "UUID1 UUID3 UUID4 UUID5 UUID6 UUID7 UUID8"),
    **_named(networks, "AnyHttpUrl AnyUrl AnyWebsocketUrl FileUrl FtpUrl HttpUrl WebsocketUrl"),
    **_named(networks, "EmailStr NameEmail IPvAnyAddress IPvAnyInterface IPvAnyNetwork"),
    **_named(networks, "AmqpDsn ClickHouseDsn CockroachDsn KafkaDsn MariaDBDsn MongoDsn MySQLDsn"),
    **_named(networks, "NatsDsn PostgresDsn RedisDsn SnowflakeDsn"),
}


class UnknownSchema(ValueError):
    """A text that names no usable type.

    `place` is set when the reason lies in a schema module that fails to import; that failure is
    among `SchemaLibrary.problems` already.
    """

    def __init__(self, what: str, mend: str = "", place: Place | None = None) -> None:
        self.what = what
        self.mend = mend
        self.place = place
        super().__init__(what)


def read_annotation(text: str, find: Callable[[str, str], Any]) -> Any:
    """The Python type that the text means. `find` gives what a module and a name in it mean.
    Raises `UnknownSchema`, and what `find` raises."""
    reading = _Reading(text, find)
    found = reading.type(0)
    if reading.kind:
        raise reading.refusal()
    return found


class _Reading:
    """One text on its way: the token that is next, by its kind and its text."""

    def __init__(self, text: str, find: Callable[[str, str], Any]) -> None:
        self._text = text
        self._find = find
        self._tokens = self._split()
        self._next()

    def refusal(self) -> UnknownSchema:
        return UnknownSchema(f"'{self._text}' names no schema", _FORM)

    def type(self, depth: int) -> Any:
        if depth > _MOST_NESTED:
            raise self.refusal()
        members = [self._member(depth)]
        while self._takes("|"):
            members.append(self._member(depth))
        return members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007

    def _member(self, depth: int) -> Any:
        kind, token = self.kind, self.token
        self._next()
        match kind, token:
            case "reference", _:
                module, _, name = token.partition(":")
                return self._of(self._find(module, name), token, depth)
            case "name", _ if token in NAMES:
                return self._of(NAMES[token], token, depth)
            case "name", _ if "." not in token:
                raise UnknownSchema(f"unknown type '{token}'", known_names(token, NAMES))
            case _:
                raise self.refusal()

    def _of(self, base: Any, name: str, depth: int) -> Any:
        if not self._takes("["):
            return base
        part = self._constant if base is Literal else self._part
        inner = [part(depth + 1)]
        while self._takes(","):
            inner.append(part(depth + 1))
        if not self._takes("]"):
            raise self.refusal()
        try:
            return base[inner[0] if len(inner) == 1 else tuple(inner)]
        except Exception:  # a class's own hook may raise anything
            raise UnknownSchema(
                f"{name}[…] is no type", f"Write {name} alone, or the types that it takes."
            ) from None

    def _part(self, depth: int) -> Any:
        return ... if self._takes("...") else self.type(depth)

    def _constant(self, _: int) -> Any:
        kind, token = self.kind, self.token
        if kind not in ("text", "integer"):
            raise self.refusal()
        self._next()
        return int(token) if kind == "integer" else token[1:-1]

    def _takes(self, mark: str) -> bool:
        if (self.kind, self.token) != ("mark", mark):
            return False
        self._next()
        return True

    def _next(self) -> None:
        self.kind, self.token = next(self._tokens, ("", ""))

    def _split(self) -> Iterator[tuple[str, str]]:
        at, end = 0, len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None or match.lastgroup is None:
                raise self.refusal()
            at = match.end()
            yield match.lastgroup, match[match.lastgroup]
