"""Watches what delays a process: its event loop, by a timer, and Python's garbage collector.

How late a timer comes is how long all other ready work waits at that moment.
"""

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from bff.telemetry.metrics.definitions.process import COLLECTIONS, LONGEST_LOOP_LAG, LOOP_LAG
from bff.telemetry.metrics.families import Cell, Metrics

LOOK_SECONDS: Final = 0.25
_LOOKS_REMEMBERED: Final = 60  # 15 s


class ProcessWatch:
    """Watches from its construction, on the loop, until `stop`. `clock` gives seconds from any
    start. It takes some 10 µs of each second, and 0.5 µs of a collection."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        metrics: Metrics,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._lags = metrics.histogram(LOOP_LAG)
        self._lag_cell: Cell = self._lags.at()
        self._latest: deque[float] = deque([0.0], _LOOKS_REMEMBERED)
        metrics.gauge(LONGEST_LOOP_LAG).watch((), lambda: max(self._latest))
        self._collections = metrics.histogram(COLLECTIONS)
        self._collected_since = clock()
        self._looked_at = clock()
        self._timer = loop.call_later(LOOK_SECONDS, self._look)
        gc.callbacks.append(self._note_collection)

    def stop(self) -> None:
        """Stop watching."""
        self._timer.cancel()
        self.abandon()

    def abandon(self) -> None:
        """Stop watching in a forked child, which has no loop."""
        if self._note_collection in gc.callbacks:
            gc.callbacks.remove(self._note_collection)

    def _look(self) -> None:
        now = self._clock()
        lag = max(0.0, now - self._looked_at - LOOK_SECONDS)
        self._lags.observe(self._lag_cell, lag)
        self._latest.append(lag)
        self._looked_at = now
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def _note_collection(self, phase: str, info: Mapping[str, Any]) -> None:
        """See `gc.callbacks`. A collection begins and ends on one thread, which holds the GIL."""
        if phase == "start":
            self._collected_since = self._clock()
        else:
            cell = self._collections.at(str(info["generation"]))
            self._collections.observe(cell, self._clock() - self._collected_since)
