"""A step's calls: requests sent to its service, replies judged and read, parts collected.

    request  →  `DirectCalls.begin`  →  the reply  →  a part of the step's value

A reply is read in the callback that brings it. A heavy body is read on the thread, and a task waits
for that. Knows nothing of steps that wait for each other; see `bff.engine.run`.
"""

import asyncio
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from bff.deadline import Deadline, DeadlinePassed
from bff.engine.answers import Handle, OnAnswer, TaskCall, answer_to
from bff.engine.heavy_work import HeavyShare
from bff.engine.payload.texts import weigh_reply
from bff.engine.ports import ServiceCall, Services, UpstreamReply
from bff.engine.steps.bodies import EMPTY_LIST, NULL, combine, judge, read_body, too_large
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


class HeavyBody(NamedTuple):
    """A body that is still to be read, on the thread."""

    step: Step
    reply: UpstreamReply
    weight: int
    freshness: Freshness

    async def read(self, heavy: HeavyShare) -> StepPart:
        """The part that it makes."""
        try:
            value = await heavy.run(read_body, self.step, self.reply)
        except DeadlinePassed as error:
            value = Failed(Reason.DEADLINE, self.reply.status, detail=str(error))
        return StepPart(value, self.weight, self.freshness)


class DirectCalls:
    """Sends steps' requests and reads the replies. One per event loop; shared by all its runs."""

    def __init__(self, services: Services, limits: Limits) -> None:
        self.limits = limits
        self._services = services

    def begin(
        self,
        step: Step,
        request: StepRequest,
        deadline: Deadline,
        arriving: Budget | None,
        on_answer: OnAnswer[UpstreamReply],
    ) -> Handle:
        """Send a request; the answer is the reply, whatever its status, within the step's time and
        by the deadline. `arriving` is None where other runs may share the reply: it has the bound
        of one reply alone then."""
        left = deadline.seconds_left()
        if left <= 0:
            late = Failed(Reason.DEADLINE, was_sent=False)
            return asyncio.get_running_loop().call_soon(on_answer, late)
        operation = step.operation
        call = ServiceCall(
            operation.service,
            operation.method,
            request.target,
            request.headers,
            request.body,
            arriving,
            not operation.writes,
        )
        timeout = step.timeout_seconds
        if timeout < left:
            return self._services.fetch(call, timeout, on_answer)
        return self._services.fetch(call, left, partial(_by_deadline, on_answer))

    def read(
        self, step: Step, reply: UpstreamReply | Failed, budget: Budget
    ) -> StepPart | HeavyBody:
        """The part that a reply makes, or the body that has to be read for it. `budget` is that of
        the run's replies, and counts their weight."""
        if isinstance(reply, Failed):
            return StepPart(reply)
        freshness = read_freshness(reply.headers)
        judged = judge(step, reply)
        if judged is not None:
            return StepPart(judged, 0, freshness)
        weight = weigh_reply(reply.body, self.limits.reply_bytes)
        if weight > self.limits.reply_bytes:
            detail = "more objects and lists than its size allows"
            return StepPart(too_large(step, reply, detail), 0, freshness)
        if not budget.take(weight):
            detail = "the replies of one run are too large together"
            return StepPart(too_large(step, reply, detail), 0, freshness)
        if weight > self.limits.off_loop_bytes:
            return HeavyBody(step, reply, weight, freshness)
        return StepPart(read_body(step, reply), weight, freshness)

    async def reply_to(
        self, step: Step, request: StepRequest, deadline: Deadline
    ) -> UpstreamReply | Failed:
        """Send a request whose reply others may share, and return that."""
        return await answer_to(partial(self.begin, step, request, deadline, None))

    async def part_of(
        self, step: Step, reply: UpstreamReply | Failed, budget: Budget, heavy: HeavyShare
    ) -> StepPart:
        """The part that a reply makes."""
        part = self.read(step, reply, budget)
        return part if isinstance(part, StepPart) else await part.read(heavy)


class DirectCall:
    """One call, from its request to the part that its reply makes; the handle of both."""

    __slots__ = ("_budget", "_calls", "_handle", "_heavy", "_on_part", "_step")

    def __init__(
        self,
        calls: DirectCalls,
        step: Step,
        request: StepRequest,
        deadline: Deadline,
        arriving: Budget,
        budget: Budget,
        heavy: HeavyShare,
        on_part: OnAnswer[StepPart],
    ) -> None:
        self._calls = calls
        self._step = step
        self._budget = budget
        self._heavy = heavy
        self._on_part = on_part
        self._handle: Handle = calls.begin(step, request, deadline, arriving, self._read)

    def cancel(self) -> None:
        """See `Handle.cancel`."""
        self._handle.cancel()

    def _read(self, reply: UpstreamReply | Failed | Exception) -> None:
        part: StepPart | HeavyBody | Exception
        if isinstance(reply, Exception):
            part = reply
        else:
            try:
                part = self._calls.read(self._step, reply, self._budget)
            except Exception as error:  # a bug
                part = error
        if isinstance(part, HeavyBody):
            self._handle = TaskCall(part.read(self._heavy), self._on_part)
        else:
            self._on_part(part)


class StepCalls:
    """A step in flight: its requests, the parts of its value, the calls under way by their places
    among the parts. A plain step has one call."""

    __slots__ = ("at_once", "missing", "next", "parts", "replaced", "requests", "under_way")

    def __init__(self, plan: CallPlan) -> None:
        self.requests = plan.requests
        self.at_once = plan.at_once
        self.next = 0  # the count of requests sent
        self.missing = len(plan.requests)
        self.parts = [NULL] * plan.parts
        for place in plan.empty:
            self.parts[place] = EMPTY_LIST
        self.replaced: Failed | None = None  # the last failed part that an earlier value replaced
        self.under_way: dict[int, Handle] = {}

    def cancel(self) -> None:
        """End the calls that are under way."""
        under_way, self.under_way = self.under_way, {}
        for handle in under_way.values():
            handle.cancel()

    def combined(self, step: Step) -> Value | Failed:
        """The step's value, once no part is missing."""
        try:
            value = combine(step, self.parts)
        except EvaluationError as error:
            return Failed(reason_of(error), detail=str(error))
        return value if self.replaced is None else replace(self.replaced, stand_in=value)


def _by_deadline(
    on_answer: OnAnswer[UpstreamReply], reply: UpstreamReply | Failed | Exception
) -> None:
    """Answer for a call that had no longer than the run."""
    if isinstance(reply, Failed) and reply.reason is Reason.TIMEOUT:
        reply = Failed(Reason.DEADLINE, detail=reply.detail, was_sent=reply.was_sent)
    on_answer(reply)
