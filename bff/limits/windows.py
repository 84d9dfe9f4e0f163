"""Counting in sliding windows, by the `limits` library over our own way to Redis.

The library brings the arithmetic and its scripts; timeouts, connections and the breaker are those
of `SharedStore`. A hit is two scripts, the second of which asks what is left.
"""

import time
from collections.abc import Awaitable
from typing import Any, Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.aio.storage.redis import RedisStorage
from limits.aio.storage.redis.bridge import RedisBridge
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from bff.limits.bucket import exceeded, redis_key
from bff.limits.ports import Admitted, Exceeded, Meter, Verdict
from bff.plan.model.limits import Limit
from bff.redis.store import Script, SharedStore, StoreDown
from bff.telemetry.metrics.families import Cell

_HIT: Final = Script(RedisBridge.SCRIPT_ACQUIRE_SLIDING_WINDOW.decode())
_STATE: Final = Script(RedisBridge.SCRIPT_SLIDING_WINDOW.decode())


class WindowMeter:
    """Counts for one limit; `otherwise` counts when Redis is away. `asked` counts how often Redis
    is asked."""

    def __init__(self, limit: Limit, store: SharedStore, otherwise: Meter, asked: Cell) -> None:
        self._limit = limit
        self._item: RateLimitItem = RateLimitItemPerSecond(limit.count, limit.per_seconds)
        self._windows = SlidingWindowCounterRateLimiter(_Windows(store))
        self._otherwise = otherwise
        self._asked = asked

    async def take(self, key: str) -> Verdict:
        """See `Meter.take`."""
        name = redis_key(self._limit, key)
        self._asked[0] += 1
        try:
            is_admitted = await self._windows.hit(self._item, name)
            stats = await self._windows.get_window_stats(self._item, name)
        except StoreDown:
            verdict = self._otherwise.take(key)
            return await verdict if isinstance(verdict, Awaitable) else verdict
        refused = exceeded(stats.reset_time - time.time())
        return Admitted(stats.remaining, refused.seconds) if is_admitted else refused

    def used_up(self, key: str) -> Exceeded | None:
        """Nothing is known without asking."""
        return None

    def __len__(self) -> int:
        return 0

    def give_back(self, key: str) -> None:
        """Nothing: a window has no way back."""

    async def close(self) -> None:
        """Nothing."""


class _Windows(RedisStorage):
    """The library's storage, whose scripts run by our store. It names the keys, both in one slot of
    a cluster."""

    STORAGE_SCHEME: list[str] = []  # noqa: RUF012  (the library's, which keeps a list of schemes)

    def __init__(self, store: SharedStore) -> None:
        Storage.__init__(self)
        bridge: Any = _Scripts(store)
        self.bridge = bridge


class _Scripts:
    """The part of the library's bridge that sliding windows use."""

    base_exceptions = (StoreDown,)

    def __init__(self, store: SharedStore) -> None:
        self._store = store

    async def acquire_sliding_window_entry(
        self, previous_key: str, current_key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        args = (limit, expiry, amount)
        return bool(await self._store.run(_HIT, (previous_key, current_key), args))

    async def get_sliding_window(
        self, previous_key: str, current_key: str, expiry: int
    ) -> tuple[int, float, int, float]:
        answer = await self._store.run(_STATE, (previous_key, current_key), (expiry,))
        before, before_ms, now, now_ms = (max(0, int(each or 0)) for each in answer)
        return before, before_ms / 1000, now, now_ms / 1000
