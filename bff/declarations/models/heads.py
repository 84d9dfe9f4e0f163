"""What a composition says of its replies beside their payload: a status, and headers.

Headers go out by an allow-list: none that frames, caches or identifies a reply, sets cookies, lets
pages in, or steers a proxy on the way.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from bff.declarations.declaration import Violation, refusal
from bff.declarations.suggestions import nearest

STATUSES = (200, 201, 202, 204, 301, 302, 303, 307, 308)
HEADERS = (
    "Content-Disposition", "Content-Language", "Content-Location", "Deprecation", "Link",
    "Location", "Retry-After", "Sunset",
)  # fmt: skip

_ALLOWED = {name.lower(): name for name in HEADERS}
_OWN_NAME = re.compile(r"x-[a-z0-9-]+")
# The gateway sets these, or they mean something to it or to the servers in front of it.
_RESERVED = re.compile(
    r"x-(?:request-id|content-type-options|real-ip|sendfile.*"
    r"|(?:forwarded|accel|lighttpd|litespeed|envoy|reproxy)-.*)"
)


def _status(value: Any) -> Any:
    """One of `STATUSES`, or a text with an expression."""
    if (type(value) is int and value in STATUSES) or (isinstance(value, str) and "${" in value):
        return value
    what = f"{value} is no status of a payload" if type(value) is int else "this is no status"
    mend = (
        f"Write {', '.join(map(str, STATUSES))}, or one ${{…}}."
        " For errors there are the `statuses` of steps: {404: {reply: 404}}."
    )
    raise refusal(Violation(what, mend))


PayloadStatus = Annotated[int | str, BeforeValidator(_status)]


def header_violations(key: str, headers: Mapping[str, str]) -> Iterator[Violation]:
    """What is wrong with the names of the headers that stand under a key."""
    seen: dict[str, str] = {}
    for name in headers:
        lower = name.lower()
        if found := _name_violation(name):
            yield Violation(*found, (key, name), at_key=True)
        elif lower in seen:
            what = f"'{name}' is the header '{seen[lower]}' again"
            yield Violation(what, "Keep one.", (key, name), at_key=True)
        seen.setdefault(lower, name)


def _name_violation(name: str) -> tuple[str, str] | None:
    lower = name.lower()
    if lower in _ALLOWED:
        return None
    if not _OWN_NAME.fullmatch(lower):
        meant = nearest(lower, _ALLOWED)
        hint = f" Did you mean '{_ALLOWED[meant]}'?" if meant else ""
        known = f"They are {', '.join(HEADERS)}, and X-… of your own.{hint}"
        return f"'{name}' is no header that a composition sets", known
    if _RESERVED.fullmatch(lower):
        return f"'{name}' means something to the gateway, or to proxies", "Choose another name."
    return None
