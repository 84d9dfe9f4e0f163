"""Counts broken schemas and equal calls, by the names of services and operations."""

from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.steps import Step
from bff.telemetry.metrics.definitions.services import EQUAL_CALLS, SCHEMA_BREAKS
from bff.telemetry.metrics.families import Metrics


class EngineCounts:
    """The counts of one process's engines."""

    def __init__(self, metrics: Metrics) -> None:
        self._schema_breaks = metrics.counter(SCHEMA_BREAKS)
        self._equal_calls = metrics.counter(EQUAL_CALLS)

    def fail(self, step: Step, failed: Failed) -> None:
        """A reply failed its step, or a part of the step."""
        if failed.reason is Reason.INVALID:
            self._schema_breaks.at(step.operation.service, step.operation.name)[0] += 1

    def share(self, step: Step) -> None:
        """A step got the reply to an equal call."""
        self._equal_calls.at(step.operation.service)[0] += 1
