"""Checks of requests before they go on the wire; all transports share them.

They refuse and never repair: a URL that the next hop would read differently is an error of its
maker. Nothing here decodes, encodes or normalises. Pure.
"""

import re
from collections.abc import Iterable
from typing import Final

from bff.engine.ports import Headers
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.params.sendable import has_dot_segment

# Visible ASCII without `#` (a fragment never goes on the wire) and `\` (WHATWG parsers read it as
# a slash).
_SENDABLE: Final = re.compile(r"[!\"$-\[\]-~]+").fullmatch

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch  # RFC 9110 §5.6.2
_TEXT: Final = bytes(each for each in range(256) if each >= 32 and each != 127)
_HEADER_VALUE: Final = re.compile(  # §5.5: no controls but tabs, no blanks at either end
    rb"(?![ \t])[^\x00-\x08\x0a-\x1f\x7f]*(?<![ \t])"
).fullmatch


def is_sendable(target: str) -> bool:
    """Whether a URL, or a part of one, has only characters that a request target may have."""
    return _SENDABLE(target) is not None


def content_length(value: bytes) -> int | None:
    """The number of a `Content-Length` (RFC 9110 §8.6); None where it is none, or is beyond what
    any message has. HTTP clients don't check it where there is no body."""
    return int(value) if value.isdigit() and len(value) <= 18 else None


def is_token(text: str) -> bool:
    """Whether a text may be a method (RFC 9110 §5.6.2)."""
    return text.isascii() and _TOKEN(text.encode()) is not None


def refuse_url(url: str) -> Failed | None:
    """The reason why no request may be sent to this URL, or with this target; or None."""
    if _SENDABLE(url) is None:
        return _bad("the URL has characters that no request target may have")
    if has_dot_segment(url.partition("?")[0]):
        return _bad("the URL has a dot segment")
    return None


def refuse_headers(headers: Headers) -> Failed | None:
    """The reason why no request may have these headers, or None."""
    return refuse_names([name for name, _ in headers]) or refuse_values(headers)


def refuse_names(names: Iterable[bytes]) -> Failed | None:
    """The reason why no request may have headers of these names, or None."""
    for name in names:
        if _TOKEN(name) is None:
            return _bad_header(name)
    return None


def refuse_values(headers: Headers) -> Failed | None:
    """The reason why no request may have headers of these values, or None."""
    for name, value in headers:
        if _HEADER_VALUE(value) is None:
            return _bad_header(name)
    return None


def has_clean_values(lines: bytes, count: int) -> bool:
    """Whether `refuse_values` certainly lets pass what these header lines are made of, `count` of
    them. It takes a tenth of the time; what is not clean may still be right: an empty value, or a
    tab, for example."""
    if lines.translate(None, _TEXT) != b"\r\n" * count:
        return False
    return not (b":  " in lines or b" \r\n" in lines)


def _bad_header(name: bytes) -> Failed:
    return _bad(f"the header {str(name)[1:]} has characters that no header may have")


def _bad(detail: str) -> Failed:
    return Failed(Reason.BAD_INPUT, detail=detail, was_sent=False)
