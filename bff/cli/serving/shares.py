"""How many connections each worker has, in memory that the workers of a gateway share.

Rules:
1. Each worker writes its own number, and when it did, whenever connections come and four times a
   second.
2. A number that is older than a second counts for nothing: its worker hangs, or is dead.
"""

import mmap
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Final

_NOBODY: Final = -1
_SLACK: Final = 4  # connections above the least; or workers with few would wait for each other
_FRESH_MILLISECONDS: Final = 1000
_PLACE_BYTES: Final = 16


class ConnectionCounts:
    """A number and its time for each place. A worker's place is its own while it runs. Safe to
    share between processes: each number is read and written whole."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._numbers = memoryview(mmap.mmap(descriptor, 0)).cast("q")

    @classmethod
    def create(cls, places: int) -> "ConnectionCounts":
        """New counts, in memory that lasts as long as a process has it open."""
        descriptor = _open_memory()
        os.truncate(descriptor, _PLACE_BYTES * places)
        return cls(descriptor)

    def share_of(
        self, place: int, monotonic: Callable[[], float] = time.monotonic
    ) -> "WorkerShare":
        """The share of the worker at this place. All workers have the same clock."""
        return WorkerShare(self._numbers, place, monotonic)


class WorkerShare:
    """What one worker takes of all connections."""

    def __init__(
        self, numbers: "memoryview[int]", place: int, monotonic: Callable[[], float]
    ) -> None:
        self._numbers = numbers
        self._at = 2 * place
        self._monotonic = monotonic

    def note(self, connections: int) -> None:
        """The worker has so many connections, and accepts more."""
        self._numbers[self._at] = connections
        self._numbers[self._at + 1] = int(self._monotonic() * 1000)

    def lets_others_first(self) -> bool:
        """Whether the worker is to leave the next connection to others. After `note`."""
        numbers = self._numbers
        since = numbers[self._at + 1] - _FRESH_MILLISECONDS
        fresh = [numbers[at] for at in range(0, len(numbers), 2) if numbers[at + 1] >= since]
        return is_above_share(numbers[self._at], fresh)

    def leave(self) -> None:
        """The worker accepts no more: the others need not wait for it."""
        self._numbers[self._at] = _NOBODY


def _open_memory() -> int:
    """The descriptor of a file without a name. On Linux it needs no folder that can be written to:
    containers may have none."""
    if sys.platform == "linux":
        return os.memfd_create("bff-connections")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def is_above_share(connections: int, numbers: Sequence[int]) -> bool:
    """Whether so many are clearly more than the least that a worker has."""
    return connections > _SLACK + min(each for each in numbers if each != _NOBODY)
