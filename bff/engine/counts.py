"""Counts what the engine makes of replies, by the project's names."""

from bff.engine.values.outcomes import Failed, Reason, Value
from bff.plan.model.steps import Step
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.service_definitions import EQUAL_CALLS, SCHEMA_BREAKS


class EngineCounts:
    """The counts of one process's engines."""

    def __init__(self, metrics: Metrics) -> None:
        self._schema_breaks = metrics.counter(SCHEMA_BREAKS)
        self._equal_calls = metrics.counter(EQUAL_CALLS)

    def read(self, step: Step, value: Value | Failed) -> None:
        """A reply was read, by a step."""
        if isinstance(value, Failed) and value.reason is Reason.INVALID:
            self._schema_breaks.at(step.operation.service, step.operation.name)[0] += 1

    def share(self, step: Step) -> None:
        """A step has the reply to an equal call."""
        self._equal_calls.at(step.operation.service)[0] += 1
