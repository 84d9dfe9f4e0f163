"""The purges of the last minute: a result whose run started before one of them is not stored.

Times are seconds since the epoch, by the shared store's clock where there is one. Written on one
event loop; safe to read from any thread.
"""

import math
from collections import OrderedDict

from bff.cache.entries import Entry
from bff.cache.redis.tag_index import REMEMBERED_SECONDS
from bff.plan.model.caching import Everything, PurgedTags

_MOST_NOTES = 50_000  # tags, of some 200 bytes each


class Purges:
    """When each tag was purged last, for a minute; `_MOST_NOTES` tags at most, beyond which the
    oldest purges count as purges of everything."""

    def __init__(self) -> None:
        self._at: OrderedDict[str, float] = OrderedDict()  # in the order in which they were noted
        self._everything_at = -math.inf
        self._unheard_until = -math.inf
        self.noted = 0  # purges, and losses of them, that were noted so far

    def __len__(self) -> int:
        return len(self._at)

    def note(self, tags: PurgedTags, at: float) -> None:
        """Note that these tags were purged at `at`."""
        self.noted += 1
        if isinstance(tags, Everything):
            self._everything_at = max(self._everything_at, at)
            return
        for tag in tags:
            self._at[tag] = max(at, self._at.get(tag, at))
            self._at.move_to_end(tag)
        while self._at and next(iter(self._at.values())) <= at - REMEMBERED_SECONDS:
            self._at.popitem(last=False)
        while len(self._at) > _MOST_NOTES:
            self._everything_at = max(self._everything_at, self._at.popitem(last=False)[1])

    def note_unheard(self, until: float) -> None:
        """Note that purges of any tag may have gone unheard until this time, by our own clock."""
        self.noted += 1
        self._unheard_until = max(self._unheard_until, until)

    def was_purged(self, entry: Entry) -> bool:
        """Whether a purge makes an entry void that the shared store returned just now: it deletes
        what purges made void that went unheard here."""
        if not entry.tags:
            return False
        if entry.observed_at <= self._everything_at:
            return True
        get = self._at.get
        return bool(self._at) and any(
            get(tag, -math.inf) >= entry.observed_at for tag in entry.tags
        )

    def makes_void(self, entry: Entry, held_since: float) -> bool:
        """The same of an entry that has been here since a time, by our own clock."""
        return self.was_purged(entry) or (bool(entry.tags) and held_since <= self._unheard_until)
