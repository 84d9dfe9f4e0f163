"""The meters of one process: what they hold survives releases of the project."""

import asyncio
import weakref
from typing import assert_never

from bff.limits.leases import LeasedMeter
from bff.limits.local import ClosedMeter, LocalMeter, OpenMeter
from bff.limits.ports import Meter
from bff.plan.model.limits import Limit
from bff.redis.store import SharedStore


class Meters:
    """One meter for each limit that some release uses. For the loop that it is made on. `workers`
    share a limit that this process counts by itself."""

    def __init__(self, store: SharedStore | None, workers: int) -> None:
        self._store = store
        self._workers = workers
        self._loop = asyncio.get_running_loop()
        self._meters: weakref.WeakValueDictionary[str, Meter] = weakref.WeakValueDictionary()

    def of(self, limit: Limit) -> Meter:
        """The meter of the limit: the one that counts for it already, where there is one."""
        meter = self._meters.get(limit.digest)
        if meter is None:
            meter = self._meters[limit.digest] = self._meter(limit)
        return meter

    async def close(self) -> None:
        """Give back what the meters hold."""
        await asyncio.gather(*(meter.close() for meter in self._meters.values()))

    def _meter(self, limit: Limit) -> Meter:
        otherwise = self._without_redis(limit)
        if self._store is None:
            return otherwise
        if limit.counting == "sliding":
            # Here, since it takes 50 ms and most projects have none.
            from bff.limits.windows import WindowMeter

            return WindowMeter(limit, self._store, otherwise)
        return LeasedMeter(limit, self._store, otherwise, self._loop)

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
