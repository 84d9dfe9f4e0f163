"""How long upstreams allow their replies to be used again: `Cache-Control` (RFC 9111 §5.2.2). Pure.

Upstreams can only shorten the time that a project declares. A payload is never fresh for longer
than its least fresh part.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple


class Freshness(NamedTuple):
    """`seconds` is 0 for a reply that may not be stored; `is_private` marks one that belongs to one
    caller. `observed_at` is when a stored reply was requested, in seconds since the epoch."""

    seconds: float = math.inf
    is_private: bool = False
    may_be_stale: bool = True
    observed_at: float = math.inf


UNLIMITED = Freshness()
_NOTHING = Freshness(0.0)


def least(parts: Iterable[Freshness]) -> Freshness:
    """The freshness of a whole that is made of these parts."""
    seconds, is_private, may_be_stale, observed_at = UNLIMITED
    for part in parts:
        if part is not UNLIMITED:
            seconds = min(seconds, part.seconds)
            is_private = is_private or part.is_private
            may_be_stale = may_be_stale and part.may_be_stale
            observed_at = min(observed_at, part.observed_at)
    return Freshness(seconds, is_private, may_be_stale, observed_at)


def read_freshness(headers: Iterable[tuple[bytes, bytes]]) -> Freshness:
    """The freshness that a reply's headers allow; without `Cache-Control` it has no limit."""
    control, age = [], None
    for name, value in headers:
        if name == b"cache-control":
            control.append(value.decode("latin-1"))
        elif name == b"age":
            age = value.decode("latin-1")
    return _read(",".join(control), age) if control else UNLIMITED


def _read(control: str, age: str | None) -> Freshness:
    directives: dict[str, str] = {}
    for directive in _split(control):
        name, _, value = directive.partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        # Of a directive that comes twice the smaller counts. What is no number counts as 0.
        if name not in directives or _seconds(value) < _seconds(directives[name]):
            directives[name] = value
    if "no-store" in directives or "no-cache" in directives:
        return _NOTHING
    lifetime = math.inf
    for name in ("s-maxage", "max-age"):
        if name in directives:
            lifetime = max(0.0, _seconds(directives[name]) - (_seconds(age) if age else 0.0))
            break
    return Freshness(
        lifetime,
        "private" in directives,
        # s-maxage means proxy-revalidate too (§5.2.2.10).
        directives.keys().isdisjoint(("must-revalidate", "proxy-revalidate", "s-maxage")),
    )


def _split(control: str) -> list[str]:
    """The directives: commas within quotes separate names of headers, not directives."""
    parts, quoted, start = [], False, 0
    for at, char in enumerate(control):
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            parts.append(control[start:at])
            start = at + 1
    return [*parts, control[start:]]


def _seconds(text: str) -> float:
    """Delta-seconds (§1.2.2); 0 for any other text, so that the reply is not fresh."""
    text = text.strip().strip('"')
    return float(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0.0
