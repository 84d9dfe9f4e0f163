"""A breaker, over a clock that only the test moves."""

from collections.abc import Callable

import pytest

from bff.breaker import Breaker
from tests.support.fake_time import Clock

FAILURES, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5, 0.25, 4.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


def closed(clock: Clock, dice: Callable[[], float] = lambda: 1.0) -> Breaker:
    """A breaker; with these dice, pauses last their whole length."""
    return Breaker(
        failures=FAILURES,
        first_pause_seconds=FIRST_PAUSE_SECONDS,
        longest_pause_seconds=LONGEST_PAUSE_SECONDS,
        clock=clock,
        dice=dice,
    )


def opened(clock: Clock, dice: Callable[[], float] = lambda: 1.0) -> Breaker:
    """A breaker that has just opened."""
    breaker = closed(clock, dice)
    for _ in range(FAILURES):
        assert breaker.admits()
        breaker.note_failure()
    return breaker


def test_fewer_failures_than_five_in_a_row_change_nothing(clock: Clock) -> None:
    breaker = closed(clock)
    for _ in range(3):
        for _ in range(FAILURES - 1):
            breaker.note_failure()
        breaker.note_success()

    assert breaker.admits()
    assert not breaker.is_open


def test_five_failures_in_a_row_turn_everything_away(clock: Clock) -> None:
    breaker = opened(clock)

    assert breaker.is_open
    assert [breaker.admits() for _ in range(3)] == [False, False, False]


def test_after_the_pause_one_probe_goes_through(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += FIRST_PAUSE_SECONDS - 0.001
    assert not breaker.admits()
    clock.now += 0.001

    assert [breaker.admits() for _ in range(3)] == [True, False, False]


def test_a_probe_that_succeeds_lets_everything_through(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += FIRST_PAUSE_SECONDS
    breaker.admits()
    breaker.note_success()

    assert [breaker.admits() for _ in range(3)] == [True, True, True]


def test_each_probe_that_fails_doubles_the_pause_up_to_the_longest(clock: Clock) -> None:
    breaker = opened(clock)
    pauses = []
    for _ in range(7):
        began = clock.now
        while not breaker.admits():
            clock.now += FIRST_PAUSE_SECONDS / 8
        breaker.note_failure()
        pauses.append(clock.now - began)

    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, LONGEST_PAUSE_SECONDS]


def test_a_new_trouble_begins_with_the_first_pause(clock: Clock) -> None:
    breaker = opened(clock)
    for _ in range(3):
        clock.now += LONGEST_PAUSE_SECONDS
        breaker.admits()
        breaker.note_failure()
    breaker.note_success()
    for _ in range(FAILURES):
        breaker.note_failure()
    clock.now += FIRST_PAUSE_SECONDS

    assert breaker.admits()


def test_failures_of_attempts_from_before_it_opened_do_not_lengthen_the_pause(
    clock: Clock,
) -> None:
    breaker = opened(clock)
    for _ in range(20):
        breaker.note_failure()
    clock.now += FIRST_PAUSE_SECONDS

    assert breaker.admits()


def test_a_failure_tells_whether_a_pause_begins_with_it(clock: Clock) -> None:
    breaker = closed(clock)
    assert [breaker.note_failure() for _ in range(FAILURES + 2)] == [False] * 4 + [
        True,
        False,
        False,
    ]
    clock.now += FIRST_PAUSE_SECONDS
    breaker.admits()

    assert [breaker.note_failure() for _ in range(3)] == [True, False, False]


def test_a_probe_that_never_reports_is_followed_by_another(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += FIRST_PAUSE_SECONDS
    assert breaker.admits()
    clock.now += FIRST_PAUSE_SECONDS

    assert breaker.admits()


def test_the_dice_shorten_the_pause_by_half_at_most(clock: Clock) -> None:
    breaker = opened(clock, dice=lambda: 0.0)
    clock.now += FIRST_PAUSE_SECONDS / 2 - 0.001
    assert not breaker.admits()
    clock.now += 0.001

    assert breaker.admits()
