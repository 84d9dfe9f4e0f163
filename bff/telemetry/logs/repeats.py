"""Faults that come again and again: the first is reported at once, then a line a minute.

Rules:
1. The first time a fault comes, it is reported at once, with the count 1.
2. What comes of it within the next minute is counted, and reported together when the minute ends. A
   fault that did not come within a minute is forgotten.
3. `MOST_FAULTS` are known at a time. Those beyond are counted under one, `rest`.
4. `close` reports what is counted and not yet reported.

Belongs to one event loop.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

T = TypeVar("T")

MOST_FAULTS: Final = 1000
PAUSE_SECONDS: Final = 60.0


class Timer(Protocol):
    """What is to be done later, as an event loop has it."""

    def cancel(self) -> None:
        """Don't do it."""


# Does something after so many seconds.
Later = Callable[[float, Callable[[], None]], Timer]
# Reports a fault: how often it came, and the greatest of what it was noted with.
Report = Callable[[T, int, float], None]


# What a record of `logging` has that stands for several.
COUNT: Final = "bff_count"


def on_running_loop(seconds: float, act: Callable[[], None]) -> Timer:
    """Do something later on the loop that runs now."""
    return asyncio.get_running_loop().call_later(seconds, act)


@dataclass(slots=True)
class _Known:
    timer: Timer
    count: int = 0
    greatest: float = 0.0


class Repeats(Generic[T]):
    """The faults that came lately. `report` raises nothing."""

    def __init__(self, report: Report[T], rest: T, later: Later = on_running_loop) -> None:
        self._report = report
        self._rest = rest
        self._later = later
        self._known: dict[T, _Known] = {}

    def note(self, fault: T, value: float = 0.0) -> None:
        """A fault came; of the values it is noted with, the greatest is reported."""
        known = self._known.get(fault)
        if known is None and len(self._known) >= MOST_FAULTS:
            fault = self._rest
            known = self._known.get(fault)
        if known is None:
            self._known[fault] = _Known(self._end_minute_later(fault))
            self._report(fault, 1, value)
        else:
            known.count += 1
            known.greatest = max(known.greatest, value)

    def close(self) -> None:
        """Report what is not yet reported."""
        known_faults, self._known = self._known, {}
        for fault, known in known_faults.items():
            known.timer.cancel()
            if known.count:
                self._report(fault, known.count, known.greatest)

    def _end_minute_later(self, fault: T) -> Timer:
        return self._later(PAUSE_SECONDS, lambda: self._end_minute(fault))

    def _end_minute(self, fault: T) -> None:
        known = self._known.pop(fault)
        if known.count:
            self._known[fault] = _Known(self._end_minute_later(fault))
            self._report(fault, known.count, known.greatest)


class _Complaint(NamedTuple):
    log: logging.Logger
    level: int
    text: str


_OTHERS: Final = _Complaint(logging.getLogger(__name__), logging.ERROR, "other complaints")


class Complaints:
    """What parts of a process have to say to whoever runs it, and may have to say at each request:
    records of their loggers, which have `COUNT`. For one event loop."""

    def __init__(self, later: Later = on_running_loop) -> None:
        self._repeats = Repeats[_Complaint](_write, _OTHERS, later)

    def error(self, log: logging.Logger, text: str) -> None:
        """Somebody has to mend something."""
        self._repeats.note(_Complaint(log, logging.ERROR, text))

    def warning(self, log: logging.Logger, text: str) -> None:
        """Somebody may have to know."""
        self._repeats.note(_Complaint(log, logging.WARNING, text))

    def close(self) -> None:
        """Report what is not yet reported."""
        self._repeats.close()


def _write(complaint: _Complaint, count: int, _: float) -> None:
    complaint.log.log(complaint.level, "%s", complaint.text, extra={COUNT: count})
