"""The one thread for heavy work: whose turn it is, when it is not waited for, when it ends."""

import asyncio
import threading
import time

import pytest

from bff.deadline import Deadline, DeadlinePassed
from bff.engine.heavy_work import MOST_WAITING, HeavyWork
from bff.telemetry.metrics.definitions.process import (
    HEAVY_DURATIONS,
    HEAVY_REFUSALS,
    HEAVY_WAITING,
    HEAVY_WAITS,
)
from bff.telemetry.metrics.families import Metrics


class Thread:
    """Heavy work on a running loop, and a gate that holds whatever `block` runs."""

    def __init__(self):
        self.metrics = Metrics()
        self.heavy_work = HeavyWork(self.metrics)
        self.began = threading.Event()
        self.gate = threading.Event()
        self.done = []

    def share(self, seconds=10.0):
        return self.heavy_work.share(Deadline.after(seconds, asyncio.get_running_loop().time))

    def block(self):
        self.began.set()
        assert self.gate.wait(10)

    def counted(self):
        """How many pieces wait, have waited, are done and were refused."""
        self.metrics.read_all()
        waited, done = (
            sum(self.metrics.histogram(each).at()[:-1]) for each in (HEAVY_WAITS, HEAVY_DURATIONS)
        )
        waiting, refused = self.metrics.gauge(HEAVY_WAITING), self.metrics.counter(HEAVY_REFUSALS)
        return waiting.at()[0], waited, done, refused.at()[0]

    async def blocked(self):
        task = asyncio.create_task(self.share().run(self.block))
        await asyncio.to_thread(self.began.wait, 10)
        return task

    def note(self, name):
        self.done.append(name)


def on_a_loop(test):
    async def main():
        thread = Thread()
        try:
            await test(thread)
        finally:
            thread.gate.set()
            thread.heavy_work.close()

    asyncio.run(main())


def heavy_threads():
    return [each for each in threading.enumerate() if each.name == "bff-heavy-work"]


def test_work_gives_its_result_and_raises_its_error():
    async def test(thread):
        assert await thread.share().run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await thread.share().run(divmod, 7, 0)
        assert thread.counted() == (0, 2, 2, 0)

    on_a_loop(test)


def test_requests_take_turns_however_much_work_one_of_them_has():
    async def test(thread):
        blocking = await thread.blocked()
        many, one = thread.share(), thread.share()
        works = [many.run(thread.note, f"many {number}") for number in range(3)]
        tasks = [asyncio.create_task(each) for each in (*works, one.run(thread.note, "one"))]
        await asyncio.sleep(0)  # each task has asked for its turn
        thread.gate.set()
        await asyncio.gather(blocking, *tasks)
        assert thread.done == ["many 0", "one", "many 1", "many 2"]

    on_a_loop(test)


def test_work_that_waits_for_its_turn_at_the_deadline_is_never_begun():
    async def test(thread):
        blocking = await thread.blocked()
        with pytest.raises(DeadlinePassed):
            await thread.share(0.02).run(thread.note, "late")
        thread.gate.set()
        await blocking
        await thread.share().run(thread.note, "next")
        assert thread.done == ["next"]
        assert thread.counted() == (0, 3, 2, 0)  # its wait counts, which was the longest

    on_a_loop(test)


def test_deadline_ends_the_waiting_for_work_that_goes_on():
    async def test(thread):
        began = time.monotonic()
        with pytest.raises(DeadlinePassed):
            await thread.share(0.5).run(thread.block)
        assert time.monotonic() - began < 5
        assert thread.began.is_set()

    on_a_loop(test)


def test_work_beyond_the_bound_of_the_queue_is_refused_at_once():
    async def test(thread):
        blocking = await thread.blocked()
        waiting = [
            asyncio.create_task(thread.share().run(thread.note, number))
            for number in range(MOST_WAITING)
        ]
        await asyncio.sleep(0)
        with pytest.raises(DeadlinePassed, match="too much work is waiting"):
            await thread.share().run(thread.note, "refused")
        assert thread.counted() == (MOST_WAITING, 1, 0, 1)
        thread.gate.set()
        await asyncio.gather(blocking, *waiting)
        assert thread.counted() == (0, MOST_WAITING + 1, MOST_WAITING + 1, 1)
        assert thread.done == list(range(MOST_WAITING))

    on_a_loop(test)


def test_closing_ends_the_thread_and_cancels_what_waits():
    others = heavy_threads()

    async def test(thread):
        blocking = await thread.blocked()
        waiting = asyncio.create_task(thread.share().run(thread.note, "waiting"))
        await asyncio.sleep(0)
        threads = [each for each in heavy_threads() if each not in others]
        assert threads
        thread.heavy_work.close()
        thread.gate.set()
        await blocking
        with pytest.raises(asyncio.CancelledError):
            await waiting
        for each in threads:
            await asyncio.to_thread(each.join, 10)
            assert not each.is_alive()
        assert thread.done == []

    on_a_loop(test)


def test_unused_heavy_work_has_no_thread():
    before = heavy_threads()
    HeavyWork().close()
    assert heavy_threads() == before
