"""`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11): what a client may
ask for, and what is left of it. Both are lists of RFC 9651, an item for each limit.
"""

from collections.abc import Iterable
from typing import Final

from bff.plan.model.limits import Limit
from bff.web.http.replies import RawHeader

QUOTA_HEADERS: Final = ("RateLimit", "RateLimit-Policy")


def policy_header(limits: Iterable[Limit]) -> RawHeader:
    """What the limits allow: `"address";q=100;w=60`. Names are letters, digits, `_` and `-`."""
    items = [f'"{each.name}";q={each.count};w={each.per_seconds}' for each in limits]
    return (b"ratelimit-policy", ", ".join(items).encode())


class Quota:
    """What is told of the limits of one request."""

    __slots__ = ("_items", "_policy")

    def __init__(self, policy: RawHeader) -> None:
        self._policy = policy
        self._items: list[bytes] = []

    def note(self, limit: Limit, remaining: int, seconds: int) -> None:
        """There are so many more at once now, and one more in so many seconds."""
        self._items.append(b'"%b";r=%d;t=%d' % (limit.name.encode(), remaining, seconds))

    def headers(self) -> tuple[RawHeader, ...]:
        """The headers of the reply. A limit that nobody could count has no item in `RateLimit`."""
        if not self._items:
            return (self._policy,)
        return (self._policy, (b"ratelimit", b", ".join(self._items)))
