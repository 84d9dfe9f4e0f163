"""A run under way, and those who wait for it. One event loop's; knows neither keys nor stores."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from bff.cache.results import CacheResult


class Flight:
    """A run under way. One that nobody waits for is forgotten and cancelled where `forget` says
    how; without it, it finishes."""

    __slots__ = ("_forget", "_task", "_waiting")

    def __init__(self, task: asyncio.Task[CacheResult], forget: Callable[[], None] | None) -> None:
        self._task = task
        self._forget = forget
        self._waiting = 0

    async def lands_within(self, patience: float | None) -> bool:
        """Whether it is over within so many seconds."""
        self._waiting += 1
        try:
            # Not `shield`, which reports the flight's error as unhandled when its caller has gone.
            await asyncio.wait((self._task,), timeout=patience)
        finally:
            self._waiting -= 1
            if self._forget is not None and not (self._waiting or self._task.done()):
                self._forget()
                self._task.cancel()
        return self._task.done()

    def outcome(self, *, leads: bool) -> CacheResult:
        """What it came to. Raises what it raised."""
        served = self._task.result()
        return replace(served, how="collapsed") if not leads and served.how == "miss" else served
