"""A step in flight: what is to be sent for it, and what has come."""

import asyncio
from dataclasses import replace

from bff.engine.steps.bodies import EMPTY_LIST, NULL, combine
from bff.engine.steps.inputs import Calls
from bff.engine.steps.requests import Rendered
from bff.engine.values.outcomes import Failed, Value, reason_of
from bff.errors import EvaluationError
from bff.plan.model.composition import Step


class StepJob:
    """A step in flight: its requests, the parts of its value, the tasks that send the requests.

    Each task takes the next request when it has its last one's part, so there are as many tasks
    as requests may be in flight; a plain step has one.
    """

    __slots__ = ("missing", "next", "papered_over", "parts", "requests", "tasks")

    def __init__(self, calls: Calls) -> None:
        self.requests: tuple[tuple[int, Rendered], ...] = calls.requests
        self.next = 0  # so many were sent
        self.missing = len(calls.requests)
        self.parts = [NULL] * calls.parts
        for place in calls.empty:
            self.parts[place] = EMPTY_LIST
        self.papered_over: Failed | None = None  # the last part that an earlier value stands for
        self.tasks: list[asyncio.Task[None]] = []

    def abandon(self) -> None:
        """One part failed, and with it the step: the other tasks' replies are of no use."""
        if len(self.tasks) > 1:
            current = asyncio.current_task()
            for task in self.tasks:
                if task is not current:
                    task.cancel()

    def combined(self, step: Step) -> Value | Failed:
        """The step's value, when no part is missing any more."""
        try:
            value = combine(step, self.parts)
        except EvaluationError as error:
            return Failed(reason_of(error), detail=str(error))
        return value if self.papered_over is None else replace(self.papered_over, stand_in=value)
