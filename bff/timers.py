"""What takes too long, and what goes too slowly: one timer for all of it.

A timer of the loop's for each call or request takes more than a hit has for all its times. So what
may be late is looked at when something may be due, and answers when to look again; between two
looks it only changes its own values.
"""

import asyncio
from typing import Final, Protocol

_HELD_TICKS: Final = 2


class Timed(Protocol):
    """What a wheel looks at."""

    slot: int | None  # the wheel's: where it is scheduled

    def check(self, now: float) -> float | None:
        """Act on what is due; return when to look again, None for never."""


class TimerWheel:
    """Calls `check` of what is scheduled, up to two ticks late and never early. Belongs to one
    loop. When that was held for longer, nothing is looked at before the next tick: what came
    meanwhile is read first, and may be in time.

    `now` is the loop's time at the last tick: a clock that costs nothing.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, tick_seconds: float) -> None:
        self.now = loop.time()
        self._loop = loop
        self._tick_seconds = tick_seconds
        self._was_held = False
        self._slots: dict[int, set[Timed]] = {}
        self._next_slot = self._slot(self.now)
        self._timer = loop.call_later(self._tick_seconds, self._tick)

    def schedule(self, timed: Timed, at: float) -> None:
        """Look at it at this time, unless that is to happen earlier."""
        slot = max(self._slot(at) + 1, self._next_slot)
        if timed.slot is None or slot < timed.slot:
            self.forget(timed)
            timed.slot = slot
            self._slots.setdefault(slot, set()).add(timed)

    def schedule_in(self, timed: Timed, seconds: float) -> None:
        """Look at it so many seconds from now, unless that is to happen earlier."""
        self.schedule(timed, self.now + seconds)

    def forget(self, timed: Timed) -> None:
        """Look at it no more."""
        if timed.slot is not None:
            self._slots.get(timed.slot, set()).discard(timed)
            timed.slot = None

    def stop(self) -> None:
        """Look at nothing any more."""
        self._timer.cancel()
        self._slots.clear()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._tick_seconds, self._tick)
        now, was_held = self._loop.time(), self._was_held
        self._was_held = now - self.now > _HELD_TICKS * self._tick_seconds
        self.now = now
        if self._was_held and not was_held:
            return
        while self._next_slot <= self._slot(self.now):
            slot = self._next_slot
            due = self._slots.pop(slot, ())
            self._next_slot += 1
            for timed in due:
                if timed.slot != slot:  # forgotten by one before it
                    continue
                timed.slot = None
                again = timed.check(self.now)
                if again is not None:
                    self.schedule(timed, again)

    def _slot(self, at: float) -> int:
        return int(at / self._tick_seconds)


class SpeedWatch:
    """Whether what is counted grows as fast as it must, on average over a window, while it is
    watched."""

    __slots__ = ("_count", "_since", "_window_bytes", "_window_seconds")

    def __init__(self, window_seconds: float, bytes_per_second: int) -> None:
        self._window_seconds = window_seconds
        self._window_bytes = bytes_per_second * window_seconds
        self._since: float | None = None
        self._count = 0

    def begin(self, now: float, count: int) -> float:
        """A window begins with this count; return when it ends."""
        self._since, self._count = now, count
        return now + self._window_seconds

    def stop(self) -> None:
        """Nothing is to come for now."""
        self._since = None

    def look(self, now: float, count: int) -> float | None:
        """When to look again; None where a whole window has passed in which too little came."""
        if self._since is None:
            return self.begin(now, count)
        if now - self._since < self._window_seconds:
            return self._since + self._window_seconds
        if count - self._count < self._window_bytes:
            return None
        return self.begin(now, count)
