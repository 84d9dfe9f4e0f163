"""The moment by which a request has to be answered. Knows no event loop: it is given a clock."""

from collections.abc import Callable
from typing import NamedTuple


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
