"""What stands in for Redis: token buckets of one worker, or everybody is admitted, or nobody.

Rules:
1. A worker has its share of a limit: rate and burst, by the number of workers.
2. A table holds `MOST_BUCKETS` at most. Where it is full of buckets that are not, newcomers share
   one bucket: what is forgotten is what has filled up again, never what was used.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from bff.limits.bucket import exceeded
from bff.limits.ports import UNAVAILABLE, UNCOUNTED, Admitted, Exceeded, Meter, Verdict
from bff.plan.model.limits import Limit
from bff.telemetry.metrics.families import Cell

MOST_BUCKETS: Final = 32_768
_LOOKED_AT: Final = 4  # oldest buckets, for each newcomer to a full table
_SHARED: Final = ""


class OpenMeter:
    """Admits everybody, and counts nothing."""

    def take(self, key: str) -> Verdict:
        """Admit."""
        return UNCOUNTED

    def used_up(self, key: str) -> Exceeded | None:
        """Nothing is known of anybody."""
        return None

    def __len__(self) -> int:
        return 0

    def give_back(self, key: str) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""


class ClosedMeter(OpenMeter):
    """Admits nobody."""

    def take(self, key: str) -> Verdict:
        """Refuse."""
        return UNAVAILABLE


class FallbackMeter:
    """Another meter, for as long as Redis is away: what it decides is counted in `decided`."""

    def __init__(self, meter: Meter, decided: Cell) -> None:
        self._meter = meter
        self._decided = decided
        self.used_up = meter.used_up
        self.give_back = meter.give_back
        self.close = meter.close

    def __len__(self) -> int:
        return len(self._meter)

    def take(self, key: str) -> Verdict | Awaitable[Verdict]:
        """See `Meter.take`."""
        self._decided[0] += 1
        return self._meter.take(key)


class LocalMeter:
    """Counts for one limit in this worker, one of `workers`. Safe between threads."""

    def __init__(
        self,
        limit: Limit,
        workers: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        most_buckets: int = MOST_BUCKETS,
    ) -> None:
        self._rate = limit.rate / workers
        self._burst = max(1.0, limit.burst / workers)
        self._clock = clock
        self._most_buckets = most_buckets
        self._lock = threading.Lock()
        # Tokens, and when they were counted. A plain dictionary takes longer to find its oldest key
        # the more were taken out.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str) -> Verdict:
        """Count a request."""
        with self._lock:
            now = self._clock()
            if key not in self._buckets and not self._has_room(now):
                key = _SHARED
            tokens = self._tokens(key, now)
            if tokens < 1:
                return exceeded((1 - tokens) / self._rate)
            self._buckets[key] = (tokens - 1, now)
        return Admitted(int(tokens - 1), max(1, int(1 / self._rate)))

    def used_up(self, key: str) -> Exceeded | None:
        """See `Meter.used_up`."""
        with self._lock:
            tokens = self._tokens(key, self._clock())
        return exceeded((1 - tokens) / self._rate) if tokens < 1 else None

    def give_back(self, key: str) -> None:
        """Give a token back."""
        with self._lock:
            now = self._clock()
            if key in self._buckets:
                self._buckets[key] = (min(self._burst, self._tokens(key, now) + 1), now)

    async def close(self) -> None:
        """Nothing."""

    def _tokens(self, key: str, now: float) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._burst
        tokens, at = bucket
        return min(self._burst, tokens + (now - at) * self._rate)

    def _has_room(self, now: float) -> bool:
        buckets = self._buckets
        if len(buckets) < self._most_buckets:
            return True
        for _ in range(_LOOKED_AT):
            oldest = next(iter(buckets))
            if oldest != _SHARED and self._tokens(oldest, now) >= self._burst:
                del buckets[oldest]
                return True
            buckets.move_to_end(oldest)  # another is looked at next time
        return False
