"""What the cache may do with what a run came to."""

from bff.cache.results import RunResult
from bff.engine.steps.failures import is_trouble
from bff.engine.values.results import CompositionFailure, Produced
from bff.plan.model.caching import Scope


def keepable(made: Produced | CompositionFailure, scope: Scope) -> RunResult:
    """The outcome as the cache takes it: complete, degraded, trouble that may pass, or an answer
    that is a failure. What an upstream calls private is kept for one caller alone."""
    if isinstance(made, CompositionFailure):
        return RunResult(made, failed=is_trouble(made.status))
    flaw = made.degraded or None
    if made.tags is None or (made.freshness.is_private and scope == "public"):
        return RunResult(made, failed=flaw is not None)
    return RunResult(
        made, made.body, made.views, made.tags, made.freshness, failed=flaw is not None, flaw=flaw
    )
