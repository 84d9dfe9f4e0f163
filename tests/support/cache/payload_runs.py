"""Stands for the engine under the cache: runs that are counted and end as the test says."""

import asyncio
from dataclasses import replace

from bff.cache.engine_results import payload_result
from bff.cache.results import RunResult
from bff.deadline import Deadline
from bff.engine.values.freshness import UNLIMITED, Freshness
from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    CompositionResult,
    Degradation,
)

DEGRADATION = Degradation("reviews", "timeout", "http_response_timeout")
FAILURE = CompositionFailure(
    status=502,
    step="user",
    reason="refused",
    explanation="its service refuses connections",
    proxy_error="connection_refused",
    retry_after=None,
    failures=(),
    timings=(),
    write_states=None,
)


NOT_FOUND = replace(FAILURE, status=404, reason="status", explanation="its service answered 404")


def payload(body: bytes = b'{"id":1}', **views: bytes) -> CompositionPayload:
    """A complete payload."""
    return CompositionPayload(body, views, (), ())


def payload_with(
    freshness: Freshness = UNLIMITED, tags: frozenset[str] | None = frozenset()
) -> CompositionPayload:
    """A complete payload, as long as its upstreams say, under these tags."""
    return CompositionPayload(b'{"id":1}', {}, (), (), freshness=freshness, tags=tags)


def degraded(body: bytes = b'{"id":1,"reviews":null}') -> CompositionPayload:
    """A payload in which a failure was papered over."""
    return CompositionPayload(body, {}, (DEGRADATION,), ())


class Runs:
    """Called, it waits for `gate` (open unless closed) and gives the outcome or raises it."""

    def __init__(self, outcome: CompositionResult | Exception | None = None) -> None:
        self.outcome = outcome or payload()
        self.count = 0
        self.seconds_left = 0.0  # as the last one was told
        self.cancelled = 0
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, deadline: Deadline) -> RunResult:
        self.seconds_left = deadline.seconds_left()
        self.count += 1
        self.started.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return payload_result(self.outcome, "public")
