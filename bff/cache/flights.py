"""A run under way, and those that wait for it. One event loop's; knows neither keys nor stores."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from bff.cache.results import CacheResult


class Flight:
    """A run under way. Where nobody waits for it any more, `forget` is called and it is cancelled;
    without `forget` it finishes. `purges_before` is the count of purges noted when it began."""

    __slots__ = ("_forget", "_task", "_waiting", "purges_before")

    def __init__(
        self,
        task: asyncio.Task[CacheResult],
        forget: Callable[[], None] | None,
        purges_before: int,
    ) -> None:
        self.purges_before = purges_before
        self._task = task
        self._forget = forget
        self._waiting = 0

    async def lands_within(self, seconds: float | None) -> bool:
        """Whether it is over within so many seconds."""
        self._waiting += 1
        try:
            # Not `shield`, which reports the flight's error as unhandled when its caller has gone.
            await asyncio.wait((self._task,), timeout=seconds)
        finally:
            self._waiting -= 1
            if self._forget is not None and not (self._waiting or self._task.done()):
                self._forget()
                self._task.cancel()
        return self._task.done()

    def result(self) -> CacheResult:
        """What it came to, for the caller that started it. Raises what it raised."""
        return self._task.result()

    def shared_result(self) -> CacheResult:
        """The same for another caller."""
        result = self._task.result()
        return replace(result, how="collapsed") if result.how == "miss" else result
