"""What came of a request to a composition, for metrics, traces and the log."""

from typing import Literal, NamedTuple

from bff.engine.values.results import Degradation, StepTiming

CacheState = Literal["hit", "stale", "miss", "collapsed", "stale_if_error", "bypass"]
Outcome = Literal["ok", "degraded", "failed"]


class Account(NamedTuple):
    """What came of a request. `view` is a name of the project's, "fields" where the client named
    fields, "" for the whole payload. `timings` and `failures` are those of a run that was made for
    it; a payload out of the cache has the failures that degraded it, and no timings.
    `ambiguous` counts the keys that the sources of joins repeat, by the join's path."""

    view: str
    cache: CacheState
    outcome: Outcome
    timings: tuple[StepTiming, ...] = ()
    failures: tuple[Degradation, ...] = ()
    ambiguous: tuple[tuple[str, int], ...] = ()
