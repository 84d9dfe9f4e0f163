"""Paths of the gateway's own site, to which a browser may be sent after a login or a logout.

A browser reads `//evil.example` and `/\\evil.example` as another host, and drops tabs and line
ends; a proxy before the gateway may decode a path first. So a path is good where it stays on the
site in each of these readings.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

LONGEST_OWN_PATH: Final = 1024  # characters

# A slash, then what RFC 3986 has in paths, queries and fragments: no backslash, no blank.
_WRITTEN: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/?%#-]*", re.ASCII)
_BROKEN_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROLS: Final = re.compile(rb"[\x00-\x1f\x7f\\]")


def is_own_path(text: str) -> bool:
    """Whether a browser that is sent to this path, perhaps with a query and a fragment, stays on
    the site: `/orders?page=2#last` does."""
    if len(text) > LONGEST_OWN_PATH or not _WRITTEN.fullmatch(text) or _BROKEN_PERCENT.search(text):
        return False
    decoded = text.encode("ascii")
    while b"%" in decoded:  # each turn shortens it; `%252f` is a slash for whoever decodes twice
        again = unquote_to_bytes(decoded)
        if again == decoded:
            break
        decoded = again
    if _CONTROLS.search(decoded):
        return False
    path = re.split(rb"[?#]", decoded, maxsplit=1)[0]
    return b"//" not in path
