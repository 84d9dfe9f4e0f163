"""What is counted of limits over a real Redis."""

import pytest

from bff.limits.ports import Meter
from bff.telemetry.metrics.definitions.limits import LIMIT_CALLERS, LIMIT_FALLBACKS, LIMIT_LEASES
from bff.telemetry.metrics.families import Metrics
from tests.support.access.limits import limit, take, with_workers
from tests.support.redis.server import RedisServer
from tests.support.telemetry.counted import counted


@pytest.mark.parametrize("counting", ["leased", "exact", "sliding"])
def test_questions_to_redis_are_counted_and_who_is_remembered(
    server: RedisServer, counting: str
) -> None:
    metrics = Metrics()

    async def test(worker: Meter) -> None:
        for caller in ("ann", "bo"):
            await take(worker, caller)
        metrics.read_all()

    with_workers(server.url, limit(counting=counting), test, metrics=metrics)
    remembered = 0 if counting == "sliding" else 2  # by Redis alone
    assert counted(metrics, LIMIT_LEASES, LIMIT_FALLBACKS, LIMIT_CALLERS) == {
        f"{LIMIT_LEASES.name} limit=address": 2,
        f"{LIMIT_FALLBACKS.name} limit=address": 0,
        f"{LIMIT_CALLERS.name} limit=address": remembered,
    }
