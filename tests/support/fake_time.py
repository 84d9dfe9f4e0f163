"""Time that takes no time: a clock that the test turns, and an event loop whose clock jumps.

The loop's clock jumps to the next timer when there is nothing else to do. Deadlines and timeouts
then take no time and no luck. The loop is not for tests that use threads or sockets: its clock
would run ahead of them.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Clock:
    """Stands still between a test's turns."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """Starts at 1000 seconds."""

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        """Let the clock go on."""
        self._now += seconds


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, loop: FakeTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise AssertionError("every task waits for something that will never happen")
        if timeout > 0:
            self._loop.jump(timeout)
        return super().select(0)


def run_in_fake_time(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on such a loop; fails when a task is left running."""
    with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
        return runner.run(_without_leaks(main))


async def _without_leaks(main: Coroutine[Any, Any, T]) -> T:
    result = await main
    for _ in range(3):  # what was cancelled just now ends in the loop's next turns
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks are left running: {left}"
    return result
