"""The moment by which a request has to be answered. Knows no event loop: it is given a clock."""

from collections.abc import Callable
from typing import Final, NamedTuple

WAIT_BUDGET_SECONDS: Final = 0.075  # 100 ms, less what a busy loop may add


class DeadlinePassed(Exception):
    """The result was not there by the deadline."""


class Deadline(NamedTuple):
    """A moment on a clock, which is the event loop's wherever something waits for it.

    `seconds` is its distance from its beginning. Immutable; safe to share between threads where
    the clock is. A named tuple, since each request makes several.
    """

    clock: Callable[[], float]
    seconds: float
    ends_at: float

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float]) -> "Deadline":
        """The deadline so many seconds from now."""
        return cls(clock, seconds, clock() + seconds)

    def seconds_left(self) -> float:
        """The seconds until the deadline; negative when it has passed."""
        return self.ends_at - self.clock()

    def earlier(self, seconds: float) -> "Deadline":
        """The deadline of a part of the work, so many seconds before this one."""
        return Deadline(self.clock, self.seconds - seconds, self.ends_at - seconds)

    def renewed(self) -> "Deadline":
        """The deadline of the same work, begun now."""
        return Deadline.after(self.seconds, self.clock)


class WaitBudget:
    """A clock that runs down while the request waits for anything that is shared, and only once
    for what it waits for at the same time. For one loop; every `now` is that loop's."""

    __slots__ = ("_left", "_since", "_waiting")

    def __init__(self, seconds: float = WAIT_BUDGET_SECONDS) -> None:
        self._left = seconds
        self._since = 0.0
        self._waiting = 0

    def left(self, now: float) -> float:
        """The seconds that are left."""
        return self._left - (now - self._since if self._waiting else 0.0)

    def begin(self, now: float) -> None:
        """A wait begins."""
        if not self._waiting:
            self._since = now
        self._waiting += 1

    def end(self, now: float) -> None:
        """One ends."""
        self._waiting -= 1
        if not self._waiting:
            self._left -= now - self._since
