"""The time of connections: looked at when it is due, in order, and no more once it is forgotten."""

import asyncio
import socket
import time

import pytest
import uvloop

from bff.timers import SpeedWatch, TimerWheel
from tests.support.fake_time import run_in_fake_time

TICK_SECONDS = 0.25


class Timed:
    """Notes when it is looked at, and is looked at again after `again` seconds."""

    def __init__(self, again: float | None = None) -> None:
        self.slot: int | None = None
        self.looked_at: list[float] = []
        self._again = again

    def check(self, now: float) -> float | None:
        self.looked_at.append(now)
        return None if self._again is None else now + self._again


def test_what_is_due_is_looked_at_up_to_two_ticks_late_and_never_early() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        wheel = TimerWheel(loop, TICK_SECONDS)
        began = loop.time()
        delays = (0.0, 0.1, 0.25, 1.0, 10.0, 75.3)
        timed = {delay: Timed() for delay in delays}
        for delay, each in timed.items():
            wheel.schedule(each, began + delay)
        await asyncio.sleep(80)
        wheel.stop()
        for delay, each in timed.items():
            assert len(each.looked_at) == 1
            assert delay <= each.looked_at[0] - began <= delay + 0.5

    run_in_fake_time(scene())


def test_earlier_time_wins_and_a_later_one_is_no_news() -> None:
    async def scene() -> None:
        wheel = TimerWheel(asyncio.get_running_loop(), TICK_SECONDS)
        timed = Timed()
        for delay in (10, 5, 7):
            wheel.schedule(timed, wheel.now + delay)
        began = wheel.now
        await asyncio.sleep(20)
        wheel.stop()
        assert [round(at - began) for at in timed.looked_at] == [5]

    run_in_fake_time(scene())


def test_what_asks_for_another_look_gets_it_and_what_is_forgotten_gets_none() -> None:
    async def scene() -> None:
        wheel = TimerWheel(asyncio.get_running_loop(), TICK_SECONDS)
        steady, forgotten = Timed(again=2), Timed(again=2)
        wheel.schedule(steady, wheel.now + 2)
        wheel.schedule(forgotten, wheel.now + 2)
        await asyncio.sleep(3)
        wheel.forget(forgotten)
        await asyncio.sleep(8)
        wheel.stop()
        assert (len(steady.looked_at), len(forgotten.looked_at)) == (
            4,
            1,
        )  # each 2 s and a tick later

    run_in_fake_time(scene())


@pytest.mark.parametrize(
    ("counts", "is_slow"),
    [([100, 200, 300], False), ([100, 150], True), ([99], True), ([100, 200, 299], True)],
)
def test_speed_is_what_came_in_each_window(counts: list[int], is_slow: bool) -> None:
    watch = SpeedWatch(window_seconds=10, bytes_per_second=10)
    assert watch.begin(0, 0) == 10
    assert watch.look(5, 0) == 10
    looks = [watch.look(10 * (number + 1), count) for number, count in enumerate(counts)]
    assert (looks[-1] is None) is is_slow


def test_watch_that_was_stopped_begins_anew() -> None:
    watch = SpeedWatch(window_seconds=10, bytes_per_second=10)
    watch.begin(0, 0)
    watch.stop()
    assert watch.look(100, 5) == 110


def test_what_came_while_the_loop_was_held_is_read_before_anything_is_late() -> None:
    """uvloop calls timers first: the end of a request that waits in its socket would come after."""
    order: list[str] = []

    class Late(Timed):
        def check(self, now: float) -> float | None:
            order.append("late")
            return super().check(now)

    async def scene(ours: socket.socket, theirs: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        wheel, timed = TimerWheel(loop, 0.02), Late()

        def read() -> None:
            order.append(ours.recv(1).decode())
            if order == ["h"]:
                theirs.send(b"x")
                time.sleep(0.2)  # it holds the loop

        loop.add_reader(ours, read)
        wheel.schedule(timed, loop.time() + 0.05)
        theirs.send(b"h")
        async with asyncio.timeout(10):
            while not timed.looked_at:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        wheel.stop()
        loop.remove_reader(ours)

    ours, theirs = socket.socketpair()
    with ours, theirs:
        uvloop.run(scene(ours, theirs))
    assert order == ["h", "x", "late"]
