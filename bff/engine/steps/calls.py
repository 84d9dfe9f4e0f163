"""A step's calls: requests sent to its service, replies judged and read, parts collected.

Knows nothing of steps that wait for each other; see `bff.engine.run`.
"""

import asyncio
from dataclasses import replace
from typing import NamedTuple

from bff.deadline import Deadline, DeadlinePassed
from bff.engine.heavy_work import HeavyShare
from bff.engine.payload.texts import weigh_reply
from bff.engine.ports import ServiceCall, Services, UpstreamReply
from bff.engine.steps.bodies import EMPTY_LIST, NULL, combine, judge, read_body
from bff.engine.steps.inputs import CallPlan
from bff.engine.steps.requests import StepRequest
from bff.engine.values.freshness import UNLIMITED, Freshness, read_freshness
from bff.engine.values.limits import Budget, Limits
from bff.engine.values.outcomes import Failed, Reason, Value, reason_of
from bff.errors import EvaluationError
from bff.plan.model.steps import Step


class StepPart(NamedTuple):
    """The result of one call: a part of its step's value, the weight of the body that was read for
    it, and how long it may be used again."""

    value: Value | Failed
    weight: int = 0
    freshness: Freshness = UNLIMITED


class DirectCalls:
    """Sends steps' requests and reads the replies. One per event loop; shared by all its runs."""

    def __init__(self, services: Services, limits: Limits) -> None:
        self.limits = limits
        self._services = services

    async def send(
        self,
        step: Step,
        request: StepRequest,
        deadline: Deadline,
        arriving: Budget | None = None,
    ) -> UpstreamReply | Failed:
        """The reply, whatever its status, within the step's time and by the deadline. `arriving` is
        None where other runs may share the reply: it has the bound of one reply alone then."""
        left = deadline.seconds_left()
        if left <= 0:
            return Failed(Reason.DEADLINE, was_sent=False)
        operation = step.operation
        call = ServiceCall(
            operation.service,
            operation.method,
            request.target,
            request.headers,
            request.body,
            arriving,
        )
        timeout = step.timeout_seconds
        reply = await self._services.fetch(call, timeout if timeout < left else left)
        if isinstance(reply, Failed) and reply.reason is Reason.TIMEOUT and left <= timeout:
            return Failed(Reason.DEADLINE, detail=reply.detail, was_sent=reply.was_sent)
        return reply

    async def read(
        self, step: Step, reply: UpstreamReply | Failed, heavy: HeavyShare, budget: Budget
    ) -> StepPart:
        """The part that a reply makes; a heavy body is read on the thread. `budget` is that of the
        run's replies, and counts their weight."""
        if isinstance(reply, Failed):
            return StepPart(reply)
        freshness = read_freshness(reply.headers)
        judged = judge(step, reply)
        if judged is not None:
            return StepPart(judged, 0, freshness)
        body, status = reply.body, reply.status
        weight = weigh_reply(body, self.limits.reply_bytes)
        if weight > self.limits.reply_bytes:
            detail = "more objects and lists than its size allows"
            return StepPart(Failed(Reason.TOO_LARGE, status, detail=detail), 0, freshness)
        if not budget.take(weight):
            detail = "the replies of one run are too large together"
            return StepPart(Failed(Reason.TOO_LARGE, status, detail=detail), 0, freshness)
        if weight <= self.limits.off_loop_bytes:
            return StepPart(read_body(step, body, status), weight, freshness)
        try:
            read = await heavy.run(read_body, step, body, status)
        except DeadlinePassed as error:
            read = Failed(Reason.DEADLINE, status, detail=str(error))
        return StepPart(read, weight, freshness)


class StepCalls:
    """A step in flight: its requests, the parts of its value, the tasks that send the requests.

    A task takes the next request when it has the part of its last one. So there are as many tasks
    as requests may be in flight; a plain step has one.
    """

    __slots__ = ("missing", "next", "parts", "replaced", "requests", "tasks")

    def __init__(self, plan: CallPlan) -> None:
        self.requests = plan.requests
        self.next = 0  # the count of requests sent
        self.missing = len(plan.requests)
        self.parts = [NULL] * plan.parts
        for place in plan.empty:
            self.parts[place] = EMPTY_LIST
        self.replaced: Failed | None = None  # the last failed part that an earlier value replaced
        self.tasks: list[asyncio.Task[None]] = []

    def abandon(self) -> None:
        """Cancel the other tasks: one part failed, and with it the step."""
        if len(self.tasks) > 1:
            current = asyncio.current_task()
            for task in self.tasks:
                if task is not current:
                    task.cancel()

    def combined(self, step: Step) -> Value | Failed:
        """The step's value, once no part is missing."""
        try:
            value = combine(step, self.parts)
        except EvaluationError as error:
            return Failed(reason_of(error), detail=str(error))
        return value if self.replaced is None else replace(self.replaced, stand_in=value)
