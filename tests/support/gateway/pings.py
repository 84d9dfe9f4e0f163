"""Asks the same thing again and again while something else goes on, to see whether anybody is kept
waiting.

    with Pings(lambda: screen.get("/quick")) as pings:
        screen.get("/heavy")
    assert pings.longest_seconds < 1

The next ping goes out as soon as the last one is answered, so that together they cover the whole
time: whatever holds the event loop meanwhile is in one of them.

Where what holds others up is a computation, its own time is what has a bound:

    hold_nobody_up(lambda: screen.get("/heavy"), lambda: screen.get("/quick"), seconds=0.4)
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Answer


def hold_nobody_up(
    work: Callable[[], object], ask: Callable[[], Answer], *, seconds: float
) -> None:
    """Fails where a ping waits while this process computes for longer. A busy machine takes longer
    for what the work computes, and computes no more for it."""
    with Pings(ask) as pings:
        work()
    assert max(pings.computed_seconds) < seconds


class Pings:
    """Begins with the context, whose body runs once the first ping is answered. Leaving it waits
    for a last ping that began after the body's end, and fails where a ping was not answered 200."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self.seconds: list[float] = []  # how long each took
        self.computed_seconds: list[float] = []  # what the process computed meanwhile
        self._ask = ask
        self._wrong: list[object] = []
        self._over = threading.Event()
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pings", daemon=True)

    @property
    def longest_seconds(self) -> float:
        return max(self.seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._first.wait(WAIT_BUDGET_SECONDS), "the first ping was not answered"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(WAIT_BUDGET_SECONDS)
        if error is None:
            assert not self._thread.is_alive(), "the last ping was not answered"
            assert not self._wrong, f"a ping came to {self._wrong[0]}"

    def _run(self) -> None:
        last = False
        while not last and not self._wrong:
            last = self._over.is_set()
            began, computed = time.monotonic(), time.process_time()
            try:
                answer = self._ask()
                if answer.status != 200:
                    self._wrong.append(answer)
            except Exception as error:
                self._wrong.append(error)
            self.seconds.append(time.monotonic() - began)
            self.computed_seconds.append(time.process_time() - computed)
            self._first.set()
