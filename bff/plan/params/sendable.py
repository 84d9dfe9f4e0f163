"""The texts that a request can hold, by their place in it.

A text is refused if it would make another request than the declaration describes: a path segment of
dots, a comma inside an element that commas separate, a line break in a header. Constants are
checked with the project, everything else before it is sent. Each function returns what is wrong, in
words that follow the param's name and hold no value, or None.
"""

import re
from typing import Any, Final
from urllib.parse import quote, unquote

from bff.plan.model.service import SEPARATORS, Check, Location, Style

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")  # needs no encoding and is no segment of dots
_SEPARATOR = re.compile(r"[/\\]")
_NO_HEADER_VALUE = re.compile(r"[\x00-\x08\n-\x1f\x7f]")  # RFC 9110 §5.5; the rest goes as UTF-8
# A slash within a segment, in a text that may hold slashes: encoded there, once or more often.
ENCODED_SLASH: Final = re.compile("(%(?:25)*2[Ff])")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_CALLED = {",": "a comma", " ": "a blank", "|": "a pipe"}
TARGET_BYTES: Final = 8 * 1024  # of one request's path and query; many servers take no more
LONGEST_TOKEN: Final = 16 * 1024  # characters
_MOST_ENCODINGS: Final = 10  # more than any server undoes; each takes as long as the text is
_HAS_SLASH = "holds a slash"
_HAS_DOTS = "makes a path segment that is empty or only dots"
_HAS_LAYERS = f"is percent-encoded more than {_MOST_ENCODINGS} times"


# A segment that some server reads as `.` or `..`; Windows has read `...` so. Servers differ in when
# and how often they decode, in what they drop (controls and blanks) or cut off (`;params`, an
# encoded `?` or `#`, all from a control on), in whether they take overlong UTF-8, and in whether
# they fold characters that look like dots and slashes. All readings are refused.
def _encoded(*texts: bytes) -> str:
    """A pattern for any of these, percent-encoded once or more often."""
    return "|".join("".join(f"%(?:25)*{byte:02x}" for byte in text) for text in texts)


_BACKSLASH: Final = b"\\"
_OVERLONG_SLASHES: Final = (b"\xc0\xaf", b"\xe0\x80\xaf", b"\xc1\x9c")
_OVERLONG_DOTS: Final = (b"\xc0\xae", b"\xe0\x80\xae", b"\xf0\x80\x80\xae")
_LIKE_SLASHES: Final = tuple(each.encode() for each in "\uff0f\u2215\u2044\uff3c\ufe68")
_LIKE_DOTS: Final = tuple(each.encode() for each in "\uff0e\u2024\u2025\u2026\ufe52")

_CONTROL: Final = "%(?:25)*(?:[01][0-9a-f]|7f)"
_SLASH: Final = rf"(?:[/\\]|{_encoded(b'/', _BACKSLASH, *_OVERLONG_SLASHES, *_LIKE_SLASHES)})"
_DOT: Final = rf"(?:\.|{_encoded(b'.', *_OVERLONG_DOTS, *_LIKE_DOTS)})"
_DROPPED: Final = f"(?:{_CONTROL}|{_encoded(b' ')})*"
_END: Final = f"(?:$|{_SLASH}|[;?]|{_encoded(b';', b'?', b'#')}|{_CONTROL})"
_DOT_SEGMENT: Final = re.compile(
    f"{_SLASH}{_DROPPED}(?:{_DOT}{_DROPPED})+{_END}", re.IGNORECASE
).search


def has_dot_segment(path: str) -> bool:
    """Whether a path (or a URL without its query) has a segment that some server reads as `.` or
    `..`."""
    return ("/." in path or "%" in path) and _DOT_SEGMENT(path) is not None


def wrong_in_path(text: str, *, slash: bool) -> str | None:
    """Why the text can't be a segment of a path, or several where it may hold slashes."""
    if _PLAIN.fullmatch(text):
        return None
    if not slash and _SEPARATOR.search(text):
        return _HAS_SLASH
    return _wrong_in_segments(_segments(text))


def wrong_in_header(text: str) -> str | None:
    """Why the text can't be a header's value."""
    if _NO_HEADER_VALUE.search(text):
        return "holds a character that no header may hold"
    return None


def is_sendable_token(text: str) -> bool:
    """Whether the `Authorization` of a call can hold this token."""
    return len(text) <= LONGEST_TOKEN and _VISIBLE.fullmatch(text) is not None


def wrong_in_list(text: str, style: Style) -> str | None:
    """Why the text can't be an element of a list that is one text."""
    separator = SEPARATORS.get(style)
    if separator is not None and separator in text:  # even encoded: most services decode first
        return f"holds {_CALLED[separator]} in an element, which separates elements"
    return None


def wrong_in_part(
    part: str, ends: tuple[bool, bool], location: Location, style: Style, *, slash: bool
) -> str | None:
    """Why no text with this constant part can be sent, whatever stands beside it; `ends` holds
    whether the text starts with it, and whether it ends with it."""
    if what := wrong_in_list(part, style):
        return what
    if location == "header":
        return wrong_in_header(part)
    if location != "path":
        return None
    if not slash and _SEPARATOR.search(part):
        return _HAS_SLASH
    # a segment next to an expression can't be judged: dots may become a name there
    segments = _segments(part)
    return _wrong_in_segments(segments and segments[0 if ends[0] else 1 : None if ends[1] else -1])


def _wrong_in_segments(segments: list[str] | None) -> str | None:
    if segments is None:
        return _HAS_LAYERS
    return _HAS_DOTS if any(map(_is_dots, segments)) else None


def _segments(text: str) -> list[str] | None:
    """The segments that a text makes, decoded; None where it is encoded too often. Encoded dots are
    refused as well: clients and servers on the way normalise `%2e%2e`, and some decode twice."""
    for _ in range(_MOST_ENCODINGS + 1):
        decoded = unquote(text)
        if decoded == text:
            return _SEPARATOR.split(text)
        text = decoded
    return None


def _is_dots(segment: str) -> bool:
    """Whether the segment is empty or dots, or some server reads it so."""
    return not segment or has_dot_segment("/" + quote(segment, safe=""))


def sendable(check: Check, location: Location, style: Style, *, slash: bool) -> Check:
    """The check of an operation's param, and what a request can't hold of the checked value."""
    if location not in ("path", "header") and style not in SEPARATORS:
        return check

    def wrong(text: str) -> str | None:
        if what := wrong_in_list(text, style):
            return what
        if location == "path":
            return wrong_in_path(text, slash=slash)
        return wrong_in_header(text) if location == "header" else None

    def check_sendable(value: Any) -> Any:
        found = check(value)
        if found == [] and location == "path":
            raise ValueError("is an empty list, which can't be sent")
        texts = [
            text for text in (found if isinstance(found, list) else [found]) if type(text) is str
        ]
        if location == "path" and sum(map(len, texts)) > TARGET_BYTES:
            return found  # too large to be rendered, whatever it holds
        for text in texts:
            if what := wrong(text):
                raise ValueError(what)
        return found

    return check_sendable
