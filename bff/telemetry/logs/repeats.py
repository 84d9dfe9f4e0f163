"""Reports of repeated faults: the first time at once, then once a minute with a count.

Rules:
1. The first time a fault comes, it is reported at once, with the count 1.
2. Its repetitions within the next minute are counted, and reported together when the minute ends. A
   fault that did not come within a minute is forgotten.
3. At most `MOST_FAULTS` faults are known at a time. Further ones are counted together, as `rest`.
4. `close` reports the counts that are not yet reported.

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
    """A planned action of an event loop."""

    def cancel(self) -> None:
        """Cancel the action."""


# Plans an action after some seconds.
Later = Callable[[float, Callable[[], None]], Timer]
# Reports a fault, how often it came, and the greatest of its values.
Report = Callable[[T, int, float], None]


# The attribute of a record of `logging` that stands for several: how many.
COUNT: Final = "bff_count"


def on_running_loop(seconds: float, act: Callable[[], None]) -> Timer:
    """Run `act` later, on the running loop."""
    return asyncio.get_running_loop().call_later(seconds, act)


@dataclass(slots=True)
class _Known:
    timer: Timer
    count: int = 0
    greatest: float = 0.0


class Repeats(Generic[T]):
    """The faults of the last minute. `report` must not raise."""

    def __init__(self, report: Report[T], rest: T, later: Later = on_running_loop) -> None:
        self._report = report
        self._rest = rest
        self._later = later
        self._known: dict[T, _Known] = {}

    def note(self, fault: T, value: float = 0.0) -> None:
        """Note a fault. Of the values of its repetitions the greatest is reported."""
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
    """Warnings and errors of the parts of a process that may come with each request. They become
    records of the parts' loggers, with `COUNT`. For one event loop."""

    def __init__(self, later: Later = on_running_loop) -> None:
        self._repeats = Repeats[_Complaint](_write, _OTHERS, later)

    def error(self, log: logging.Logger, text: str) -> None:
        """Report an error that an operator has to mend."""
        self._repeats.note(_Complaint(log, logging.ERROR, text))

    def warning(self, log: logging.Logger, text: str) -> None:
        """Report a warning."""
        self._repeats.note(_Complaint(log, logging.WARNING, text))

    def close(self) -> None:
        """Report what is not yet reported."""
        self._repeats.close()


def _write(complaint: _Complaint, count: int, _: float) -> None:
    complaint.log.log(complaint.level, "%s", complaint.text, extra={COUNT: count})
