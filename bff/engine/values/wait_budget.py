"""How long one request may wait for what is shared, in all: for its payload and for every reply."""

WAIT_BUDGET_SECONDS = 0.075  # 100 ms, less what a busy loop may add


class WaitBudget:
    """A clock that runs down while the request waits for anything that is shared, and only once
    for what it waits for at the same time. For one loop; every `now` is that loop's."""

    __slots__ = ("_left", "_since", "_waiting")

    def __init__(self, seconds: float = WAIT_BUDGET_SECONDS) -> None:
        self._left = seconds
        self._since = 0.0
        self._waiting = 0

    def left(self, now: float) -> float:
        """The seconds that are left."""
        return self._left - (now - self._since if self._waiting else 0.0)

    def begin(self, now: float) -> None:
        """A wait begins."""
        if not self._waiting:
            self._since = now
        self._waiting += 1

    def end(self, now: float) -> None:
        """One ends."""
        self._waiting -= 1
        if not self._waiting:
            self._left -= now - self._since
