"""What is counted of runs; see `bff.web.telemetry.runs` for which there are."""

from bisect import bisect_left

from bff.engine.values.results import CompositionPayload
from bff.plan.model.composition import Composition
from bff.telemetry.metrics.definition import HTTP_SECONDS
from bff.telemetry.metrics.definitions import (
    DEGRADATIONS,
    DROPPED_ELEMENTS,
    RUNS,
    STEP_CALLS,
    STEPS,
)
from bff.telemetry.metrics.families import Metrics
from bff.web.telemetry.runs import Made


class RunCounts:
    """Counts the runs of one process, on its loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._runs = metrics.counter(RUNS)
        self._steps = metrics.histogram(STEPS)
        self._calls = metrics.counter(STEP_CALLS)
        self._degradations = metrics.counter(DEGRADATIONS)
        self._dropped = metrics.counter(DROPPED_ELEMENTS)

    def count(self, observed: Composition, made: Made) -> None:
        """Count a run of the composition by its result."""
        composition = observed.name
        if isinstance(made, CompositionPayload):
            failures, outcome = made.degraded, "degraded" if made.degraded else "ok"
        else:
            failures, outcome = made.failures, "failed"
            if made.step is None:
                self._degradations.at(composition, "", made.reason)[0] += 1
        self._runs.at(composition, outcome)[0] += 1
        for step, _, duration_ms, calls, step_outcome, dropped in made.timings:
            seconds = duration_ms / 1000
            durations = self._steps.at(composition, step, step_outcome)
            durations[bisect_left(HTTP_SECONDS, seconds)] += 1
            durations[-1] += seconds
            self._calls.at(composition, step)[0] += calls
            if dropped is not None:
                self._dropped.at(composition, step)[0] += dropped.elements
        for each in failures:
            self._degradations.at(composition, each.step, each.reason)[0] += 1
