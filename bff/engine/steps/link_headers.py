"""Targets of `Link` headers by their relations (RFC 8288). Pure.

Link: <https://shop.example/orders?page=3>; rel="next", <…>; rel="last"
"""

import re
from typing import Final

from bff.engine.ports import Headers

# A target, and its params up to the comma that ends the link; quoted values may hold commas. One
# that doesn't end takes the rest: to look for its end from each link again would take the square.
_LINK: Final = re.compile(r'<([^<>]*)>((?:[^",]|"(?:[^"\\]|\\.)*"?)*)')
_PARAM: Final = re.compile(r';\s*([^\s=;,"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')


def link_target(headers: Headers, rel: str) -> str | None:
    """The target of the first link of this relation, as it stands; None where there is none."""
    for name, value in headers:
        if name == b"link":
            for target, params in _LINK.findall(value.decode("latin-1")):
                if rel in _relations(params):
                    return str(target)
    return None


def _relations(params: str) -> list[str]:
    """The relations that a link's params name. The first `rel` counts (§3.3)."""
    for param in _PARAM.finditer(params):
        if param[1].lower() == "rel":
            return (param[2] or param[3] or "").lower().split()
    return []
