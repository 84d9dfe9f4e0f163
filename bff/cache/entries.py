"""What the cache holds: bytes, when they were stored, for how long they are good, under which tags.

May not know where entries are stored, nor how they travel (`bff.cache.shared.envelope`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from sys import getsizeof
from typing import Any, Protocol

from bff.plan.model.payload import PLAIN, Head

# What an entry, or one finished reply stored with it, takes beside its bytes: 0.6 and 0.9 KB were
# measured with tracemalloc, headers and dict slots included.
OVERHEAD_BYTES = 1024
FAILING_SECONDS = 1.0  # between two tries to make an entry anew
FAILURE_BYTES = 4096  # what a failure may take that an entry holds for a second
_TAG_BYTES = 400  # a tag in an entry and in the index of the memory that holds it
_VIEW_BYTES = 120


class FinishedReply(Protocol):
    """A reply made from an entry, stored with it for the next request of the same kind."""

    @property
    def body(self) -> bytes:
        """The bytes that go out."""


@dataclass(slots=True, eq=False)
class Entry:
    """One payload, or one upstream reply. Nothing changes but what this process adds to it.

    `variants` is a memo of finished replies (masked bodies, compressed ones, headers), by whatever
    name the web gives them, which `keep` adds to. `failure` is what the last try to make it anew
    came to. These stay in this process. So do entries with a `flaw`: what was papered over in a
    degraded payload.
    """

    key: str
    body: bytes
    views: Mapping[str, bytes]  # the views with a shape of their own
    stored_at: float  # seconds since the epoch
    ttl_seconds: float
    observed_at: float  # when the first upstream was asked: a purge since then makes it void
    tags: frozenset[str] = frozenset()
    may_be_stale: bool = True
    flaw: Any = None  # `FAILURE_BYTES` at most
    head: Head = PLAIN  # the status and the headers that it goes out with
    expires_at: float = field(init=False)
    size_bytes: int = field(init=False)  # as the memory layer counts it, with what was added
    failure: Any = field(init=False, default=None)
    variants: Mapping[Any, Any] = field(init=False)
    grown: Callable[["Entry", int], None] | None = field(init=False, default=None, repr=False)
    _failed_at: float = field(init=False, default=-math.inf, repr=False)
    _kept: dict[Any, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.expires_at = self.stored_at + self.ttl_seconds
        self.size_bytes = (
            OVERHEAD_BYTES
            + len(self.body)
            + sum(_VIEW_BYTES + len(view) for view in self.views.values())
            + sum(len(name) + len(value) for name, value in self.head.headers)
            + sum(_TAG_BYTES + getsizeof(tag) for tag in self.tags)
            + (0 if self.flaw is None else FAILURE_BYTES)
        )
        self.variants = self._kept = {}

    def keep(self, name: Any, variant: FinishedReply) -> None:
        """Keep a finished reply under a name; its bytes count unless the entry holds them already,
        as its own or as another reply's. Safe from any thread."""
        if self._kept.setdefault(name, variant) is not variant:
            return  # another thread was first
        body = variant.body
        held = [self.body, *self.views.values()]
        held += [each.body for key, each in list(self._kept.items()) if key != name]
        self._grow(OVERHEAD_BYTES + (0 if any(body is each for each in held) else len(body)))

    def is_resting(self, now: float) -> bool:
        """Whether the last try failed so recently that there is no other yet. A clock that was set
        back since makes no rest longer."""
        return 0 <= now - self._failed_at < FAILING_SECONDS

    def rest(self, now: float, failure: Any) -> None:
        """Rest from the tries to make it anew, for `FAILING_SECONDS`; `failure` is what the last
        one came to, and takes `FAILURE_BYTES` at most."""
        is_first = self._failed_at == -math.inf
        self._failed_at, self.failure = now, failure
        if is_first:
            self._grow(FAILURE_BYTES)

    def seconds_left(self, now: float) -> float:
        """For how long it is still fresh; below zero when it is not."""
        return self.expires_at - now

    def _grow(self, growth: int) -> None:
        if self.grown is None:
            self.size_bytes += growth
        else:
            self.grown(self, growth)
