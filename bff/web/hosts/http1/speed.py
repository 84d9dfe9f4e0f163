"""How fast something goes, over windows of time."""


class SpeedWatch:
    """Whether what is counted grows as fast as it must, on average over a window, while it is
    watched."""

    __slots__ = ("_count", "_since", "_window_bytes", "_window_seconds")

    def __init__(self, window_seconds: float, bytes_per_second: int) -> None:
        self._window_seconds = window_seconds
        self._window_bytes = bytes_per_second * window_seconds
        self._since: float | None = None
        self._count = 0

    def begin(self, now: float, count: int) -> float:
        """A window begins with this count; return when it ends."""
        self._since, self._count = now, count
        return now + self._window_seconds

    def stop(self) -> None:
        """Nothing is to come for now."""
        self._since = None

    def look(self, now: float, count: int) -> float | None:
        """When to look again; None where a whole window has passed in which too little came."""
        if self._since is None:
            return self.begin(now, count)
        if now - self._since < self._window_seconds:
            return self._since + self._window_seconds
        if count - self._count < self._window_bytes:
            return None
        return self.begin(now, count)
