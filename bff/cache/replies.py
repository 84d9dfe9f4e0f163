"""The keeper of upstream replies: the engine's `ReplyCache` over the same layers as payloads."""

import time
from collections.abc import Callable

from bff.cache.cache import Cache
from bff.cache.results import Job, RunResult
from bff.deadline import Deadline
from bff.engine.ports import CachedReply, Call, UpstreamReply
from bff.engine.values.freshness import UNLIMITED, Freshness
from bff.engine.values.wait_budget import WaitBudget
from bff.plan.model.caching import CachePolicy


class CachedReplies:
    """Keeps replies in `cache`; `clock` gives seconds since the epoch, as the cache's own does."""

    def __init__(self, cache: Cache, clock: Callable[[], float] = time.time) -> None:
        self._cache = cache
        self._clock = clock

    async def get(
        self, key: str, policy: CachePolicy, call: Call, deadline: Deadline, patience: WaitBudget
    ) -> CachedReply:
        """See `ReplyCache.get`."""

        async def run(deadline: Deadline) -> RunResult:
            called = await call(deadline)
            if called.failed and isinstance(called.reply, UpstreamReply):  # it may stay a while
                called = called._replace(reply=called.reply._replace(body=b""))
            return RunResult(
                called, called.body, tags=called.tags, freshness=called.freshness,
                failed=called.failed,
            )  # fmt: skip

        served = await self._cache.get(Job("a reply", key, policy, run, deadline, patience))
        entry, called = served.entry, served.outcome
        if entry is None:
            return CachedReply(None, UNLIMITED, called)
        left = max(0.0, entry.seconds_left(self._clock()))
        freshness = Freshness(left, may_be_stale=entry.may_be_stale, observed_at=entry.observed_at)
        is_made = served.how in ("miss", "collapsed") and called is not None
        return CachedReply(None if is_made else entry.body, freshness, called)
