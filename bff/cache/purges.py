"""The purges of the last minute, so that what was begun before one is not kept after it.

For one event loop. Times are seconds since the epoch, by the shared store's clock where there is
one.
"""

from collections.abc import Sequence

from bff.cache.entries import Entry
from bff.cache.tag_index import REMEMBERED_SECONDS

_SWEPT_FROM = 10_000


class Purges:
    """When each tag was purged last."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}

    def note(self, tags: Sequence[str], at: float) -> None:
        """These tags were purged at `at`."""
        for tag in tags:
            self._at[tag] = max(at, self._at.get(tag, 0.0))
        if len(self._at) > _SWEPT_FROM:
            self._at = {
                tag: then for tag, then in self._at.items() if then > at - REMEMBERED_SECONDS
            }

    def void(self, entry: Entry) -> bool:
        """Whether the entry may hold what was true before a purge of one of its tags."""
        return bool(self._at) and any(
            self._at.get(tag, 0.0) >= entry.observed_at for tag in entry.tags
        )
