"""Counts runs and their steps: each run once, by its end."""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import assert_never

from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    CutRun,
    Degradation,
    RunEnd,
)
from bff.plan.model.composition import Composition
from bff.telemetry.metrics.definitions.cache import DEGRADATIONS, DROPPED_ELEMENTS
from bff.telemetry.metrics.definitions.definition import HTTP_SECONDS
from bff.telemetry.metrics.definitions.screens import RUNS, STEP_CALLS, STEPS
from bff.telemetry.metrics.families import Metrics


class RunCounts:
    """Counts the runs of one process, on its loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._runs = metrics.counter(RUNS)
        self._steps = metrics.histogram(STEPS)
        self._calls = metrics.counter(STEP_CALLS)
        self._degradations = metrics.counter(DEGRADATIONS)
        self._dropped = metrics.counter(DROPPED_ELEMENTS)

    def count(self, composition: Composition, end: RunEnd) -> None:
        """Count a run of the composition. See `RunObserver`."""
        name = composition.name
        failures: Sequence[Degradation] = ()
        refused_by: Collection[str | None] = ()
        match end:
            case CompositionPayload(degraded=failures):
                outcome = "degraded" if failures else "ok"
            case CompositionFailure() if end.status < 500:
                outcome, refused_by = "refused", _refused_by(end)  # and nothing is degraded
            case CompositionFailure(step=failed_by, reason=reason, failures=failures):
                outcome = "failed"
                if failed_by is None:
                    self._degradations.at(name, "", reason)[0] += 1
            case CutRun(by="cancelled"):
                outcome = "cancelled"
            case CutRun():
                outcome = "failed"
                self._degradations.at(name, "", end.by)[0] += 1
            case _:
                assert_never(end)
        self._runs.at(name, outcome)[0] += 1
        for step, _, duration_ms, calls, step_outcome, dropped in end.timings:
            seconds = duration_ms / 1000
            came_to = "refused" if step in refused_by else step_outcome
            durations = self._steps.at(name, step, came_to)
            durations[bisect_left(HTTP_SECONDS, seconds)] += 1
            durations[-1] += seconds
            self._calls.at(name, step)[0] += calls
            if dropped is not None:
                self._dropped.at(name, step)[0] += dropped.elements
        for each in failures:
            self._degradations.at(name, each.step, each.reason)[0] += 1


def _refused_by(end: CompositionFailure) -> set[str | None]:
    """The step that ended the screen, and those whose services answered with a 4xx meanwhile: of
    what does not exist, they have nothing either."""
    also = (each.step for each in end.failures if (each.received_status or 0) // 100 == 4)
    return {end.step, *also}
