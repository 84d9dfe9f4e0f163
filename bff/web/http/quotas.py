"""`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11): what a client may
ask for, and what is left of it. Both are lists of RFC 9651, an item for each limit.

What a request's reply says is a plain list of bytes, since each reply under a limit has one: the
policies, and then an item for each limit that somebody counted.
"""

from collections.abc import Iterable
from typing import Final

from bff.plan.model.limits import Limit

QUOTA_HEADERS: Final = ("RateLimit", "RateLimit-Policy")

Quota = list[bytes]


def policies(limits: Iterable[Limit]) -> bytes:
    """What the limits allow: `"address";q=100;w=60`. Names are letters, digits, `_` and `-`."""
    items = [f'"{each.name}";q={each.count};w={each.per_seconds}' for each in limits]
    return ", ".join(items).encode()


def remaining_item(limit: Limit, remaining: int, seconds: int) -> bytes:
    """There are so many more at once now, and one more in so many seconds."""
    return b'"%b";r=%d;t=%d' % (limit.name.encode(), remaining, seconds)


def quota_headers(quota: Quota | None) -> list[tuple[bytes, bytes]]:
    """The headers of a reply; None has none."""
    if quota is None:
        return []
    headers = [(b"ratelimit-policy", quota[0])]
    if len(quota) > 1:
        headers.append((b"ratelimit", b", ".join(quota[1:])))
    return headers


def quota_lines(quota: Quota | None) -> bytes:
    """The same, as they go on the wire."""
    if quota is None:
        return b""
    if len(quota) == 1:
        return b"ratelimit-policy: %b\r\n" % quota[0]
    return b"ratelimit-policy: %b\r\nratelimit: %b\r\n" % (quota[0], b", ".join(quota[1:]))
