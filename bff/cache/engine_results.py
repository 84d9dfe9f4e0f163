"""What the engine's results become in the cache: payloads, and the replies that steps share."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from bff.cache.cache import Cache
from bff.cache.counts import ReplyCounts
from bff.cache.results import Job, RunResult
from bff.deadline import Deadline, WaitBudget
from bff.engine.ports import CachedReply, CallResult, SendCall, UpstreamReply
from bff.engine.steps.failures import is_trouble
from bff.engine.values.freshness import UNLIMITED, Freshness
from bff.engine.values.results import CompositionFailure, CompositionResult, Degradation
from bff.plan.model.caching import CachePolicy, Scope
from bff.plan.model.payload import PLAIN
from bff.plan.model.service import Operation
from bff.telemetry.metrics.families import Metrics

# A failure that is stored for a second has these parts alone, so that it stays small.
_MOST_DEGRADATIONS = 16
_READ_HEADERS = (b"retry-after", b"content-encoding")
_MOST_HEADER_CHARACTERS = 200


def payload_result(made: CompositionResult, scope: Scope) -> RunResult:
    """The result of a run as the cache takes it: complete, degraded, trouble that may pass, or an
    answer that is a failure. What an upstream calls private is stored for one caller alone."""
    if isinstance(made, CompositionFailure):
        failure = replace(made, failures=_brief(made.failures), timings=(), detail="", members={})
        return RunResult(made, failed=is_trouble(made.status), failure=failure)
    result = RunResult(made, untagged=made.untagged)
    if made.tags is not None and not (made.freshness.is_private and scope == "public"):
        result = RunResult(made, made.body, made.views, made.tags, made.freshness, head=made.head)
    if not made.degraded:
        return result
    flaw = _brief(made.degraded)
    brief = made._replace(
        body=b"", views={}, degraded=flaw, timings=(), tags=frozenset(), head=PLAIN
    )
    return result._replace(failed=True, flaw=flaw, failure=brief)


class CachedReplies:
    """The engine's `ReplyCache`: replies lie in `cache` beside payloads. `clock` returns seconds
    since the epoch, as the cache's own does."""

    def __init__(
        self, cache: Cache, clock: Callable[[], float], metrics: Metrics | None = None
    ) -> None:
        self._counts = ReplyCounts(metrics or Metrics())
        self._cache = cache
        self._clock = clock

    async def get(
        self,
        operation: Operation,
        key: str,
        policy: CachePolicy,
        send: SendCall,
        refresh: SendCall,
        deadline: Deadline,
        wait_budget: WaitBudget,
    ) -> CachedReply:
        """See `ReplyCache.get`."""

        run, anew = partial(_made_by, send), partial(_made_by, refresh)
        job = Job("a reply", key, policy, run, deadline, wait_budget, anew)
        served = await self._cache.get(job)
        self._counts.count(operation, served.how)
        entry, called = served.entry, served.outcome
        if entry is None:
            return CachedReply(None, UNLIMITED, called)
        left = max(0.0, entry.seconds_left(self._clock()))
        freshness = Freshness(left, may_be_stale=entry.may_be_stale, observed_at=entry.observed_at)
        is_made = served.how in ("miss", "collapsed") and called is not None
        return CachedReply(None if is_made else entry.body, freshness, called)


async def _made_by(send: SendCall, deadline: Deadline) -> RunResult:
    called = await send(deadline)
    return RunResult(
        called,
        called.body,
        tags=called.tags,
        freshness=called.freshness,
        failed=called.failed,
        failure=_without_bulk(called),
        untagged=called.untagged,
    )


def _brief(degraded: tuple[Degradation, ...]) -> tuple[Degradation, ...]:
    return tuple(replace(each, detail="") for each in degraded[:_MOST_DEGRADATIONS])


def _without_bulk(called: CallResult) -> CallResult:
    """A call that failed, without its body and the headers that nobody reads."""
    if not (called.failed and isinstance(called.reply, UpstreamReply)):
        return called
    headers = [
        (name, value[:_MOST_HEADER_CHARACTERS].encode("latin-1"))
        for name in _READ_HEADERS
        if (value := called.reply.header(name)) is not None
    ]
    return called._replace(reply=UpstreamReply(called.reply.status, headers, b""))
