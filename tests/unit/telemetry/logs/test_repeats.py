"""A fault that comes again and again is reported at once, and then once a minute with its count."""

import logging
from collections.abc import Callable

import pytest

from bff.telemetry.logs.repeats import COUNT, MOST_FAULTS, PAUSE_SECONDS, Complaints, Repeats


class Timer:
    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Clock:
    """What is to be done in a minute; the test lets the minute pass."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def later(self, seconds: float, act: Callable[[], None]) -> Timer:
        assert seconds == PAUSE_SECONDS
        self.timers.append(Timer(act))
        return self.timers[-1]

    def minute(self) -> None:
        due, self.timers = self.timers, []
        for timer in due:
            timer.act()


class Reports(list[tuple[str, int, float]]):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.repeats = Repeats[str](self.report, "the rest", self.clock.later)

    def report(self, fault: str, count: int, greatest: float) -> None:
        self.append((fault, count, greatest))

    def take(self) -> list[tuple[str, int, float]]:
        taken = self[:]
        self.clear()
        return taken


def test_first_is_reported_at_once_and_those_of_a_minute_together_at_its_end() -> None:
    reports = Reports()
    for value in (1.0, 5.0, 3.0):
        reports.repeats.note("a", value)
    reports.repeats.note("b")
    assert reports.take() == [("a", 1, 1.0), ("b", 1, 0.0)]
    reports.clock.minute()
    assert reports.take() == [("a", 2, 5.0)]
    reports.repeats.note("a", 2.0)
    assert reports.take() == []
    reports.clock.minute()
    assert reports.take() == [("a", 1, 2.0)]


def test_fault_that_did_not_come_for_a_minute_is_a_first_again() -> None:
    reports = Reports()
    reports.repeats.note("a")
    reports.clock.minute()
    reports.take()
    reports.repeats.note("a")
    assert reports.take() == [("a", 1, 0.0)]
    assert len(reports.clock.timers) == 1


def test_faults_beyond_the_bound_are_counted_under_one() -> None:
    reports = Reports()
    for number in range(2 * MOST_FAULTS):
        reports.repeats.note(f"fault {number}")
    assert len(reports.take()) == MOST_FAULTS + 1
    assert len(reports.clock.timers) == MOST_FAULTS + 1
    reports.clock.minute()
    assert reports.take() == [("the rest", MOST_FAULTS - 1, 0.0)]


def test_end_reports_what_is_counted_and_leaves_no_timer() -> None:
    reports = Reports()
    for fault in ("a", "a", "b", "a"):
        reports.repeats.note(fault)
    reports.take()
    reports.repeats.close()
    assert reports.take() == [("a", 2, 0.0)]
    assert all(timer.is_cancelled for timer in reports.clock.timers)


def test_complaint_has_its_logger_its_level_and_its_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    complaints = Complaints(clock.later)
    first, second = logging.getLogger("bff.x"), logging.getLogger("bff.y")
    for log in (first, second, first, first):
        complaints.warning(log, "100 % of it")
    complaints.error(first, "100 % of it")
    clock.minute()
    complaints.error(first, "the end")
    complaints.error(first, "the end")
    complaints.close()
    assert [
        (each.name, each.levelname, each.getMessage(), getattr(each, COUNT))
        for each in caplog.records
    ] == [
        ("bff.x", "WARNING", "100 % of it", 1),
        ("bff.y", "WARNING", "100 % of it", 1),
        ("bff.x", "ERROR", "100 % of it", 1),
        ("bff.x", "WARNING", "100 % of it", 2),
        ("bff.x", "ERROR", "the end", 1),
        ("bff.x", "ERROR", "the end", 1),
    ]
