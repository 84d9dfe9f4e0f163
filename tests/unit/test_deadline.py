"""A deadline is one value that knows when it ends."""

from bff.deadline import Deadline
from tests.support.fake_time import Clock


def test_deadline_counts_down_by_its_clock_and_below_zero() -> None:
    clock = Clock(100.0)
    deadline = Deadline.after(5.0, clock)
    clock.now += 2.0
    assert (deadline.ends_at, deadline.seconds_left()) == (105.0, 3.0)
    clock.now += 4.0
    assert deadline.seconds_left() == -1.0


def test_earlier_deadline_is_that_of_a_part_of_the_work() -> None:
    part = Deadline.after(5.0, Clock(100.0)).earlier(0.5)
    assert (part.seconds, part.ends_at) == (4.5, 104.5)


def test_renewed_deadline_begins_now_with_all_its_seconds() -> None:
    clock = Clock(100.0)
    part = Deadline.after(5.0, clock).earlier(1.0)
    clock.now = 200.0
    assert part.renewed() == Deadline.after(4.0, clock)
