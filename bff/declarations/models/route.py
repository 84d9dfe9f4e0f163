"""`routes` of `gateway.yaml`: raw pass-throughs, and what they pass beside what all routes do."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from bff.declarations.declaration import Declaration, Violation
from bff.declarations.models.access import Access, CorsDecl
from bff.declarations.models.caching import TagTexts, constant_tag_violation, repeated_tags
from bff.declarations.models.forms import TOKEN, FromList, Size, Timeout
from bff.declarations.models.limits import Limits, limit_violations
from bff.header_names import FORWARDED, FRAMING, HOP_BY_HOP, NOT_FOR_CLIENTS, TRACE, folded

Names = Annotated[tuple[str, ...], FromList]

_OF_FORWARDING: Final = re.compile(r"forwarded|via|x-real-ip|x-forwarded-.*")
_OF_CORS: Final = re.compile(r"access-control-.*|timing-allow-origin")
_OWN_COOKIE: Final = re.compile(
    r"(?:__(?:host-http|host|secure|http)-)?bff(?:[^a-z0-9].*)?", re.IGNORECASE
)
# Fetch standard §2.2.6: every page may read them.
_READABLE: Final = frozenset({
    "cache-control", "content-language", "content-length", "content-type", "expires",
    "last-modified", "pragma",
})  # fmt: skip

_Wrong = tuple[str, str] | None


class RouteDecl(Declaration):
    """A raw pass-through to a service; `strip` takes the prefix off before forwarding, and what
    `purges` names is purged when a write has gone through. With `websocket`, pages of the origins
    in `cors` may open WebSockets below it, with `navigation` those of the own origin may navigate
    to it. `forward` names headers of requests that pass beside the
    usual ones, `return` those of replies, `cookies` what passes of cookies, and `expose` what pages
    may read of replies."""

    service: str
    strip: bool = True
    purges: TagTexts = ()
    access: Access | None = None  # the gateway's default when None
    cors: CorsDecl = CorsDecl()
    limits: Limits = ()
    max_body: Size | None = None  # bytes of a request's body; any number when None
    timeout: Timeout | None = None  # seconds; the service's when None
    websocket: bool = False
    navigation: bool = False
    credentials: Literal["service"] | None = None  # whose go along beside the client's own
    forward: Names = ()
    return_: Names = Field(default=(), alias="return")
    cookies: Names = ()
    expose: Names = ()

    def violations(self) -> Iterator[Violation]:
        for index, tag in enumerate(self.purges):
            if found := constant_tag_violation(tag):
                yield Violation(found.what, found.mend, ("purges", index))
        yield from repeated_tags("purges", self.purges)
        yield from limit_violations(self.limits)
        yield from _name_violations("forward", self.forward, _wrong_to_forward)
        yield from _name_violations("return", self.return_, _wrong_to_return)
        yield from _cookie_violations(self.cookies)
        if self.knows("return"):
            returned = {name.lower() for name in self.return_}
            yield from _name_violations(
                "expose", self.expose, lambda name: _wrong_to_expose(name, returned)
            )


def _name_violations(
    key: str, names: Sequence[str], wrong: Callable[[str], _Wrong]
) -> Iterator[Violation]:
    seen: dict[str, str] = {}
    for index, name in enumerate(names):
        found: _Wrong
        if not TOKEN.fullmatch(name):
            found = f"'{name}' is no name of a header", "Use letters, digits and dashes."
        elif name.lower() in seen:
            found = f"this is the header '{seen[name.lower()]}' again", "Keep one."
        else:
            found = wrong(name.lower())
        if found is not None:
            yield Violation(*found, (key, index))
        seen.setdefault(name.lower(), name)


def _wrong_to_forward(name: str) -> _Wrong:
    spelling = folded(name)
    if spelling in ("cookie", "cookie2"):
        return "cookies pass by their own names", "List those in `cookies`: cookies: [cart]."
    if spelling in HOP_BY_HOP | FRAMING:
        return _of_connection(name)
    if spelling in TRACE or _OF_FORWARDING.fullmatch(spelling):
        return f"the header '{name}' is the gateway's own to set", "Leave it out."
    if spelling == "baggage":
        return "baggage does not pass: each service would read what others put in", "Leave it out."
    if spelling != name:
        return f"no header with '_' or '.' gets in, so '{name}' never comes", f"Write {spelling}."
    return _usual(name) if name in FORWARDED else None


def _wrong_to_return(name: str) -> _Wrong:
    spelling = folded(name)
    if spelling in ("set-cookie", "set-cookie2"):
        return "cookies pass by their own names", "List those in `cookies`: cookies: [cart]."
    if spelling in HOP_BY_HOP | FRAMING:
        return _of_connection(name)
    if spelling in TRACE | {"date"}:
        return f"the header '{name}' is the gateway's own to set", "Leave it out."
    if _OF_CORS.fullmatch(spelling):
        return f"the header '{name}' is for `cors` to answer", "Leave it out."
    return None if name in NOT_FOR_CLIENTS else _usual(name)


def _wrong_to_expose(name: str, returned: set[str]) -> _Wrong:
    if name in ("set-cookie", "set-cookie2"):
        return "no page may read cookies of a reply", "Leave it out."
    if name in HOP_BY_HOP:
        return _of_connection(name)
    if _OF_CORS.fullmatch(name):
        return f"the header '{name}' is for `cors` to answer", "Leave it out."
    if name in _READABLE:
        return f"every page may read '{name}' anyway", "Leave it out."
    if name in NOT_FOR_CLIENTS - {"x-request-id", "date"} - returned:
        return f"no reply of a route has '{name}'", f"Name it in `return` too: return: [{name}]."
    return None


def _cookie_violations(names: Sequence[str]) -> Iterator[Violation]:
    for index, name in enumerate(names):
        if not TOKEN.fullmatch(name):  # RFC 6265 §4.1.1
            what, mend = f"'{name}' is no name of a cookie", "Use letters, digits, - and _."
        elif _OWN_COOKIE.fullmatch(name):
            what = f"'{name}' is a name for cookies of the gateway's own"
            mend = "They never reach a service: choose another name."
        elif name in names[:index]:
            what, mend = f"the cookie '{name}' is listed twice", "Keep one."
        else:
            continue
        yield Violation(what, mend, ("cookies", index))


def _of_connection(name: str) -> _Wrong:
    return f"the header '{name}' belongs to one connection", "Leave it out: no gateway passes it."


def _usual(name: str) -> _Wrong:
    return f"the header '{name}' passes anyway", "Leave it out."
