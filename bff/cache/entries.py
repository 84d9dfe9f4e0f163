"""What the cache holds: bytes, when they were stored, for how long they are good, under which tags.

May not know where entries are kept, nor how they travel (`bff.cache.shared.envelope`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

# What an entry, or one finished reply kept with it, takes beside its bytes: 0.6 and 0.9 KB were
# measured with tracemalloc, headers and dict slots included.
OVERHEAD_BYTES = 1024
_TAG_BYTES = 200  # a tag in an entry and in the index of the memory that holds it


class FinishedReply(Protocol):
    """A reply made from an entry, kept with it for the next request of the same kind."""

    @property
    def body(self) -> bytes:
        """The bytes that go out."""


@dataclass(slots=True, eq=False)
class Entry:
    """One payload, or one upstream reply. Nothing changes but what this process remembers of it.

    `variants` is a memo of finished replies (masked bodies, compressed ones, headers), by whatever
    name the web gives them, which `keep` adds to; `failing_until` the time before which making it
    anew is not tried again, and `failure` what the last try came to; they stay in this process. So
    do entries with a `flaw`: what was papered over in a degraded payload, kept for a moment.
    """

    key: str
    body: bytes
    views: Mapping[str, bytes]  # the views with a shape of their own
    stored_at: float  # seconds since the epoch
    ttl_seconds: float
    observed_at: float  # when the first upstream was asked: a purge since then makes it void
    tags: frozenset[str] = frozenset()
    may_be_stale: bool = True
    flaw: Any = None
    expires_at: float = field(init=False)
    size_bytes: int = field(init=False)  # as the memory layer counts it, kept replies included
    failing_until: float = field(init=False, default=0.0)
    failure: Any = field(init=False, default=None)
    variants: Mapping[Any, Any] = field(init=False)
    grown: Callable[["Entry", int], None] | None = field(init=False, default=None, repr=False)
    _kept: dict[Any, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.expires_at = self.stored_at + self.ttl_seconds
        self.size_bytes = (
            OVERHEAD_BYTES
            + len(self.body)
            + sum(map(len, self.views.values()))
            + sum(len(tag) + _TAG_BYTES for tag in self.tags)
        )
        self.variants = self._kept = {}

    def keep(self, name: Any, variant: FinishedReply) -> None:
        """Keep a finished reply under a name; its bytes count unless the entry holds them already,
        as its own or as another reply's."""
        if self._kept.setdefault(name, variant) is not variant:
            return  # another thread was first
        body = variant.body
        held = [self.body, *self.views.values()]
        held += [each.body for key, each in list(self._kept.items()) if key != name]
        growth = OVERHEAD_BYTES + (0 if any(body is each for each in held) else len(body))
        if self.grown is None:
            self.size_bytes += growth
        else:
            self.grown(self, growth)

    def seconds_left(self, now: float) -> float:
        """For how long it is still fresh; below zero when it is not."""
        return self.expires_at - now
