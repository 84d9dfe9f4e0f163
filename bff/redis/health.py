"""What is known of a store's health, and what the log says of it."""

import logging
import time
from collections.abc import Callable

from redis.exceptions import ResponseError

from bff.breaker import Breaker

FAILURES = 5
LONGEST_PAUSE_SECONDS = 4.0

_log = logging.getLogger(__name__)


def store_breaker(clock: Callable[[], float] = time.monotonic) -> Breaker:
    """The breaker before a store."""
    return Breaker(
        failures=FAILURES,
        first_pause_seconds=0.25,
        longest_pause_seconds=LONGEST_PAUSE_SECONDS,
        clock=clock,
    )


class StoreHealth:
    """The breaker of a store, and the log lines where it opens and closes. `name` is the store's,
    for people. `disconnect` is called to break off what still waits when the breaker opens or
    closes, `recovered` when the store answers again. For one event loop."""

    def __init__(
        self,
        name: str,
        breaker: Breaker,
        disconnect: Callable[[], None] = lambda: None,
        recovered: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._breaker = breaker
        self._disconnect = disconnect
        self._recovered = recovered
        self._reported: set[str] = set()
        self.admits = breaker.admits

    def note_answer(self) -> None:
        """The store answered."""
        was_open = self._breaker.is_open
        self._breaker.note_success()
        if was_open:
            _log.warning("%s answers again", self._name)
            self._disconnect()  # from what still waits since before
            self._recovered()

    def note_trouble(self, error: BaseException) -> None:
        """The store did not answer in time, or refused."""
        if isinstance(error, ResponseError):  # it answers: full, read-only, a key of another type
            self.note_answer()
            self.report_once(f"{self._name} refuses", str(error))
            return
        was_open = self._breaker.is_open
        if not self._breaker.note_failure():
            return
        # Threads that read from a server that drips would wait on, since no single wait is too
        # long. One that connects a moment later is freed at the next probe, whatever comes of it.
        self._disconnect()
        if not was_open:
            _log.warning(
                "%s fails (%s: %s); the gateway goes on without it, and tries again now and then",
                self._name,
                type(error).__name__,
                error,
            )

    def report_once(self, what: str, more: str) -> None:
        """Log a warning, once in a process for each `what`."""
        if what not in self._reported:
            self._reported.add(what)
            _log.warning("%s: %s (reported once)", what, more)
