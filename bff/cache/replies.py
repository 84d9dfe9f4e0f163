"""The keeper of upstream replies: the engine's `ReplyCache` over the same layers as payloads."""

import time
from collections.abc import Callable

from bff.cache.jobs import Job, Made
from bff.cache.layers import Cache
from bff.engine.ports import Call, KeptReply
from bff.plan.cache_nodes import CachePolicy


class CachedReplies:
    """Keeps replies in `cache`; `clock` gives seconds since the epoch, as the cache's own does."""

    def __init__(self, cache: Cache, clock: Callable[[], float] = time.time) -> None:
        self._cache = cache
        self._clock = clock

    async def get(self, key: str, policy: CachePolicy, call: Call, seconds: float) -> KeptReply:
        """The reply under `key`, or what `call` comes to, within `seconds`."""

        async def run(left: float) -> Made:
            called = await call(left)
            return Made(
                called, called.body, tags=called.tags, freshness=called.freshness,
                failed=called.failed,
            )  # fmt: skip

        served = await self._cache.get(Job("a reply", key, policy, run, seconds))
        entry, called = served.entry, served.outcome
        if entry is None or (served.how not in ("hit", "stale", "error") and called is not None):
            return KeptReply(None, 0.0, called)
        return KeptReply(entry.body, max(0.0, entry.seconds_left(self._clock())), called)
