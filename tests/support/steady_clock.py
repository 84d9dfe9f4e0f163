"""A clock for bounds on what the product takes, that stands still while the machine runs nothing of
this process: shared machines hold a process for tenths of a second now and then.

A thread that only sleeps tells: what wakes it late holds everything. A call that blocks the thread
under test, be it in a socket, a lock or a long computation in Python, does not wake it late.
"""

import threading
import time

_NAP_SECONDS = 0.005
_LATE_SECONDS = 0.02  # later than a busy interpreter's threads wake one another


class _Sleeper(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="steady-clock", daemon=True)
        self.lost = 0.0  # so many seconds were, until the last nap began
        self.due = time.monotonic() + _NAP_SECONDS
        self.start()

    def run(self) -> None:
        while True:
            time.sleep(_NAP_SECONDS)
            now = time.monotonic()
            late = now - self.due
            if late > _LATE_SECONDS:
                self.lost += late
            self.due = now + _NAP_SECONDS


_sleeper: list[_Sleeper] = []


def steady_seconds() -> float:
    """Seconds since some moment, as `time.monotonic`, without those that nothing ran for."""
    if not _sleeper:
        _sleeper.append(_Sleeper())
    now = time.monotonic()
    late = now - _sleeper[0].due
    return now - _sleeper[0].lost - (late if late > _LATE_SECONDS else 0.0)
