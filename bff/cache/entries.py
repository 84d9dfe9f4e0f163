"""A payload as the cache holds it: bytes, when they were stored, and for how long they are good.

May not know where entries are kept, nor how they travel (`bff.cache.envelope`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

# What an entry, or one finished reply kept with it, takes beside its bytes: 0.6 and 0.9 KB were
# measured with tracemalloc, headers and dict slots included.
OVERHEAD_BYTES = 1024


class FinishedReply(Protocol):
    """A reply made from an entry, kept with it for the next request of the same kind."""

    @property
    def body(self) -> bytes:
        """The bytes that go out."""


@dataclass(slots=True, eq=False)
class Entry:
    """One complete payload. Nothing changes but `variants`, which `keep` adds to.

    `variants` is this process's memo of finished replies (masked bodies, ETags, headers), by
    whatever name the web gives them; it is never stored elsewhere.
    """

    key: str
    body: bytes
    views: Mapping[str, bytes]  # the views with a shape of their own
    stored_at: float  # seconds since the epoch
    ttl_seconds: float
    expires_at: float = field(init=False)
    size_bytes: int = field(init=False)  # as the memory layer counts it, kept replies included
    variants: Mapping[str, Any] = field(init=False)
    grown: Callable[["Entry", int], None] | None = field(init=False, default=None, repr=False)
    _kept: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.expires_at = self.stored_at + self.ttl_seconds
        self.size_bytes = OVERHEAD_BYTES + len(self.body) + sum(map(len, self.views.values()))
        self.variants = self._kept = {}

    def keep(self, name: str, variant: FinishedReply) -> None:
        """Keep a finished reply under a name; its bytes count unless they are the entry's own."""
        if self._kept.setdefault(name, variant) is not variant:
            return  # another thread was first
        body = variant.body
        is_own = body is self.body or any(body is view for view in self.views.values())
        growth = OVERHEAD_BYTES + (0 if is_own else len(body))
        if self.grown is None:
            self.size_bytes += growth
        else:
            self.grown(self, growth)

    def seconds_left(self, now: float) -> float:
        """For how long it is still fresh; below zero when it is not."""
        return self.expires_at - now
