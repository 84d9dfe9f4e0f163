"""Entries in this process's memory: bounded by bytes, the least recently used go first.

Looking up never changes the total, so it takes no lock: the Flask host looks up from many threads
while one loop puts. May not wait, and knows no clock: the caller decides what is fresh.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable

from bff.cache.entries import Entry
from bff.telemetry.metrics.families import Cell


class MemoryLayer:
    """Holds entries of at most `max_bytes` in all; finished replies count as in `Entry.keep`."""

    def __init__(self, max_bytes: int, evictions: Cell | None = None) -> None:
        """`evictions` counts the entries that go to make room."""
        self._max_bytes = max_bytes
        self._evictions = [0.0] if evictions is None else evictions
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._keys_by_tag: dict[str, set[str]] = {}
        self._changing = threading.Lock()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        """The entry, which counts as used now; fresh or not."""
        entry = self._entries.get(key)
        if entry is not None:
            try:  # noqa: SIM105 - `suppress` takes 0.3 µs, half of a look-up
                self._entries.move_to_end(key)
            except KeyError:
                pass  # dropped by another thread since; the entry is still good
        return entry

    def put(self, entry: Entry) -> bool:
        """Store the entry in place of one with its key; False when it is larger than the bound."""
        with self._changing:
            self._forget(entry.key)
            if entry.size_bytes > self._max_bytes:
                return False
            self._entries[entry.key] = entry
            self.size_bytes += entry.size_bytes
            for tag in entry.tags:
                self._keys_by_tag.setdefault(tag, set()).add(entry.key)
            entry.grown = self._note_growth
            self._make_room()
            return True

    def drop(self, key: str) -> None:
        """Delete the entry with this key, if there is one."""
        with self._changing:
            self._forget(key)

    def drop_tagged(self, tags: Iterable[str]) -> None:
        """Delete every entry that has one of the tags."""
        with self._changing:
            for tag in tags:
                for key in list(self._keys_by_tag.get(tag, ())):
                    self._forget(key)

    def drop_all_tagged(self) -> None:
        """Delete every entry that has tags."""
        self.drop_tagged(list(self._keys_by_tag))

    def _note_growth(self, entry: Entry, growth: int) -> None:
        with self._changing:
            entry.size_bytes += growth
            if self._entries.get(entry.key) is entry:
                self.size_bytes += growth
                self._make_room()

    def _make_room(self) -> None:
        while self.size_bytes > self._max_bytes:
            # In one step: between finding the first and taking it, a look-up may move it.
            self._count_out(self._entries.popitem(last=False)[1])
            self._evictions[0] += 1

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._count_out(entry)

    def _count_out(self, entry: Entry) -> None:
        self.size_bytes -= entry.size_bytes
        for tag in entry.tags:
            keys = self._keys_by_tag[tag]
            keys.discard(entry.key)
            if not keys:
                del self._keys_by_tag[tag]
