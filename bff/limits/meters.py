"""The meters of one process: what they hold survives releases of the project."""

import asyncio
import weakref
from functools import partial
from typing import assert_never

from bff.limits.leases import LeasedMeter
from bff.limits.local import ClosedMeter, FallbackMeter, LocalMeter, OpenMeter
from bff.limits.ports import Meter
from bff.plan.model.limits import Limit
from bff.redis.store import SharedStore
from bff.telemetry.metrics.definitions.limits import LIMIT_CALLERS, LIMIT_FALLBACKS, LIMIT_LEASES
from bff.telemetry.metrics.families import Metrics


class Meters:
    """One meter for each limit that some release uses. For the loop that it is made on. `workers`
    share a limit that this process counts by itself. What Redis is asked, and what it is away for,
    is counted in `metrics`."""

    def __init__(self, store: SharedStore | None, workers: int, metrics: Metrics) -> None:
        self._store = store
        self._workers = workers
        self._leases = metrics.counter(LIMIT_LEASES)
        self._fallbacks = metrics.counter(LIMIT_FALLBACKS)
        self._callers = metrics.gauge(LIMIT_CALLERS)
        self._loop = asyncio.get_running_loop()
        self._meters: weakref.WeakValueDictionary[tuple[str, str], Meter]
        self._meters = weakref.WeakValueDictionary()  # by the limit's title and digest

    def of(self, limit: Limit) -> Meter:
        """The meter of the limit: the one that counts for it already, where there is one."""
        key = (limit.title, limit.digest)
        meter = self._meters.get(key)
        if meter is None:
            meter = self._meters[key] = self._meter(limit)
        self._callers.watch((limit.title,), partial(self._remembered, limit.title))
        return meter

    async def close(self) -> None:
        """Give back what the meters hold."""
        await asyncio.gather(*(meter.close() for meter in self._meters.values()))

    def _meter(self, limit: Limit) -> Meter:
        otherwise = self._without_redis(limit)
        if self._store is None:
            return otherwise
        otherwise = FallbackMeter(otherwise, self._fallbacks.at(limit.title))
        asked = self._leases.at(limit.title)
        if limit.counting == "sliding":
            # Here, since it takes 50 ms and most projects have none.
            from bff.limits.windows import WindowMeter

            return WindowMeter(limit, self._store, otherwise, asked)
        return LeasedMeter(limit, self._store, otherwise, asked, self._loop)

    def _remembered(self, title: str) -> int:
        """How many callers the limit remembers; of another release too, while that ends."""
        return sum(len(meter) for (each, _), meter in self._meters.items() if each == title)

    def _without_redis(self, limit: Limit) -> Meter:
        match limit.without_redis:
            case "open":
                return OpenMeter()
            case "closed":
                return ClosedMeter()
            case "local":
                return LocalMeter(limit, self._workers)
            case _:
                assert_never(limit.without_redis)
