"""The purges of the last minute, so that what was begun before one is not kept after it.

For one event loop. Times are seconds since the epoch, by the shared store's clock where there is
one.
"""

from collections.abc import Sequence

from bff.cache.entries import Entry
from bff.cache.redis.tag_index import REMEMBERED_SECONDS

_SWEPT_FROM = 10_000  # tags


class Purges:
    """When each tag was purged last."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._all_at = 0.0
        self._sweep_from = _SWEPT_FROM

    def note(self, tags: Sequence[str], at: float) -> None:
        """These tags were purged at `at`."""
        for tag in tags:
            self._at[tag] = max(at, self._at.get(tag, 0.0))
        if len(self._at) > self._sweep_from:
            self._at = {
                tag: then for tag, then in self._at.items() if then > at - REMEMBERED_SECONDS
            }
            # Not before it has doubled: a sweep takes as long as it is large.
            self._sweep_from = max(_SWEPT_FROM, 2 * len(self._at))

    def note_all(self, at: float) -> None:
        """Any tag may have been purged until `at`, and nobody told."""
        self._all_at = max(self._all_at, at)

    def void(self, entry: Entry) -> bool:
        """Whether the entry, made here, may hold what was true before a purge of its tags."""
        return self.was_purged(entry) or (bool(entry.tags) and entry.observed_at <= self._all_at)

    def was_purged(self, entry: Entry) -> bool:
        """The same of an entry that the shared store gave just now: what went unheard before was
        deleted there."""
        return bool(self._at) and any(
            self._at.get(tag, 0.0) >= entry.observed_at for tag in entry.tags
        )
