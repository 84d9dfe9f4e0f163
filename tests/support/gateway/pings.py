"""Asks the same thing again and again while something else goes on, to see whether anybody is kept
waiting.

    with Pings(lambda: screen.get("/quick")) as pings:
        screen.get("/heavy")
    assert pings.longest_seconds < 1

The next ping goes out as soon as the last one is answered, so that together they cover the whole
time: whatever holds the event loop meanwhile is in one of them.

A bound near what is measured on an idle machine takes several measurements:

    hold_nobody_up(lambda: screen.get("/heavy"), lambda: screen.get("/quick"), seconds=0.4)
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Answer

_MEASUREMENTS = 5


def hold_nobody_up(
    work: Callable[[], object], ask: Callable[[], Answer], *, seconds: float
) -> None:
    """Fails where the work makes a ping wait for longer, each time that it is done. What the work
    holds it holds every time; what else a busy machine does is not always in the way."""
    waits: list[float] = []
    while len(waits) < _MEASUREMENTS:
        with Pings(ask) as pings:
            work()
        waits.append(pings.longest_seconds)
        if waits[-1] < seconds:
            return
    told = ", ".join(f"{wait:.2f} s" for wait in waits)
    raise AssertionError(f"a ping waited for {told} in {len(waits)} runs, and {seconds} s may be")


class Pings:
    """Begins with the context, whose body runs once the first ping is answered. Leaving it waits
    for a last ping that began after the body's end, and fails where a ping was not answered 200."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self.seconds: list[float] = []  # how long each took
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
            began = time.monotonic()
            try:
                answer = self._ask()
                if answer.status != 200:
                    self._wrong.append(answer)
            except Exception as error:
                self._wrong.append(error)
            self.seconds.append(time.monotonic() - began)
            self._first.set()
