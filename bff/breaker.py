"""When to leave a failing server alone: after some failures in a row, for a pause that grows.

    closed  everything is admitted; failures in a row are counted
    open    nothing is, until the pause is over; then one attempt, the probe
            its success closes, its failure makes the pause twice as long

Pure but for its clock and dice; for one thread. A probe whose outcome is never noted is followed by
another one pause later.
"""

import random
import time
from collections.abc import Callable


class Breaker:
    """Opens after so many `failures` in a row, for `first_pause_seconds` at first and
    `longest_pause_seconds` at most.

    `clock` returns seconds from any start; `dice` a number from 0 up to 1, for the jitter that
    prevents many workers from probing at once: a pause lasts from half of its length to all of it.
    """

    def __init__(
        self,
        *,
        failures: int,
        first_pause_seconds: float,
        longest_pause_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._most_failures = failures
        self._first_pause_seconds = first_pause_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._clock = clock
        self._dice = dice
        self._failures = 0
        self._pauses = 0  # so far, in this trouble
        self._probe_at = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether attempts are turned away, but for the probe."""
        return self._pauses > 0

    def admits(self) -> bool:
        """Whether to try now. True while open makes the caller the probe."""
        if not self.is_open:
            return True
        now = self._clock()
        if now < self._probe_at:
            return False
        self._probe_at = now + self._pause_seconds()
        self._probing = True
        return True

    def note_success(self) -> None:
        """The server answered."""
        self._failures = self._pauses = 0
        self._probing = False

    def note_failure(self) -> bool:
        """The server did not answer, or not in time; returns whether a pause begins with that."""
        self._failures += 1
        if self._failures < self._most_failures:
            return False
        if self.is_open and not self._probing:
            return False  # begun before it opened: no news
        self._pauses += 1
        self._probing = False
        self._probe_at = self._clock() + self._pause_seconds()
        return True

    def _pause_seconds(self) -> float:
        doubled: float = self._first_pause_seconds * 2.0 ** min(self._pauses - 1, 16)
        return min(doubled, self._longest_pause_seconds) * (0.5 + self._dice() / 2)
