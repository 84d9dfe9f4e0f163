"""The event that a signal's handler sets, whatever the interrupted code does with it."""

import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bff.cli.serving.workers import Interrupt
from tests.support.hosts import WAIT_BUDGET_SECONDS


def waited(event: Interrupt) -> None:
    event.set()
    event.wait()


def cleared(event: Interrupt) -> None:
    event.set()
    event.clear()


@pytest.mark.parametrize("work", [Interrupt.set, waited, cleared])
def test_handler_sets_it_between_any_two_lines(work: Callable[[Interrupt], None]) -> None:
    event = Interrupt()
    rounds = 0

    def interrupt(_frame: object, _what: str, _value: object) -> Any:
        nonlocal rounds
        rounds += 1
        if rounds < 1000:  # `clear` goes on for as long as there is news
            event.set()  # not traced itself
        return interrupt

    def traced() -> None:
        sys.settrace(interrupt)
        work(event)

    thread = threading.Thread(target=traced, daemon=True)
    thread.start()
    thread.join(WAIT_BUDGET_SECONDS)
    assert not thread.is_alive()
    assert rounds > 1


def test_wait_lasts_until_it_is_set_and_is_over_from_then_on() -> None:
    event = Interrupt()
    assert not event.wait(0.01)
    threading.Timer(0.05, event.set).start()
    assert event.wait()
    assert event.wait(0)
    assert event.is_set()


def test_cleared_it_waits_again() -> None:
    event = Interrupt()
    event.set()
    event.set()
    event.clear()
    assert not event.is_set()
    assert not event.wait(0.01)
