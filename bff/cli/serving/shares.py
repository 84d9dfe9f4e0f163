"""How many connections each worker has, in memory that the workers of a gateway share.

Each worker writes its own number when a connection comes to the gateway. The launcher removes the
number of a worker that has ended.
"""

import mmap
import os
import tempfile
from typing import Final

_NOBODY: Final = -1
_SLACK: Final = 4  # connections above the least; or workers with few would wait for each other
_NUMBER_BYTES: Final = 4


class ConnectionCounts:
    """A number for each place. A worker's place is its own while it runs. Safe to share between
    processes: each number is read and written whole."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._numbers = memoryview(mmap.mmap(descriptor, 0)).cast("i")

    @classmethod
    def create(cls, places: int) -> "ConnectionCounts":
        """New counts, in memory that lasts as long as a process has it open."""
        with tempfile.TemporaryFile() as file:
            file.write(_NOBODY.to_bytes(_NUMBER_BYTES, "little", signed=True) * places)
            file.flush()
            return cls(os.dup(file.fileno()))

    def share_of(self, place: int) -> "WorkerShare":
        """The share of the worker at this place."""
        return WorkerShare(self._numbers, place)

    def clear(self, place: int) -> None:
        """The worker at this place takes no connection any more."""
        self._numbers[place] = _NOBODY


class WorkerShare:
    """What one worker takes of all connections."""

    def __init__(self, numbers: "memoryview[int]", place: int) -> None:
        self._numbers = numbers
        self._place = place

    def note(self, connections: int) -> None:
        """The worker has so many connections, and accepts more."""
        self._numbers[self._place] = connections

    def lets_others_first(self) -> bool:
        """Whether the worker is to leave the next connection to others."""
        return is_above_share(self._numbers[self._place], self._numbers)


def is_above_share(connections: int, numbers: "memoryview[int] | list[int]") -> bool:
    """Whether so many are clearly more than the least that a worker has."""
    return connections > _SLACK + min(each for each in numbers if each != _NOBODY)
