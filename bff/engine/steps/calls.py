"""One call of a step: its request is sent to the service, its reply is judged and read.

    request  →  `DirectCalls.begin`  →  the reply  →  a part of the step's value

`many_calls` beside it collects the parts.

A reply is read in the callback that brings it. A heavy body is read on the thread, and a task waits
for that. Knows nothing of steps that wait for each other; see `bff.engine.run`.
"""

import logging
from functools import partial
from typing import Final, NamedTuple

from msgspec import Struct, structs

from bff.deadline import Deadline, DeadlinePassed
from bff.engine.answers import Handle, OnAnswer, answer_to
from bff.engine.counts import EngineCounts
from bff.engine.heavy_work import HeavyShare
from bff.engine.payload.texts import weigh_reply
from bff.engine.ports import ServiceCall, Services, UpstreamReply
from bff.engine.steps.bodies import (
    TOO_HEAVY,
    ReadBody,
    judge,
    mend_body,
    read_body,
    read_reply,
    too_large,
)
from bff.engine.steps.failures import is_undeclared_refusal
from bff.engine.steps.reply_headers import with_headers
from bff.engine.steps.requests import StepRequest
from bff.engine.values.freshness import UNLIMITED, Freshness, read_freshness
from bff.engine.values.limits import Budget, Limits
from bff.engine.values.outcomes import Failed, Reason, Value
from bff.engine.values.results import Caller
from bff.engine.values.trace import Trace
from bff.plan.model.steps import Step
from bff.telemetry.logs.repeats import Complaints

_log = logging.getLogger(__name__)

_TOGETHER: Final = "the replies of one run are too large together"


class StepPart(Struct, frozen=True):
    """The result of one call: a part of its step's value, the weight of the body that was read for
    it, and how long it may be used again. `text` is the JSON text that was read, where that isn't
    the reply's body."""

    value: Value | Failed
    weight: int = 0
    freshness: Freshness = UNLIMITED
    text: bytes | None = None


class HeavyBody(NamedTuple):
    """A body that is still to be read, on the thread. `weight` was taken from `budget`."""

    step: Step
    reply: UpstreamReply
    decodes_first: bool
    weight: int
    most: int
    budget: Budget
    freshness: Freshness
    counts: EngineCounts

    async def read(self, heavy: HeavyShare) -> StepPart:
        """The part that it makes."""
        try:
            read = await heavy.run(read_reply, self.step, self.reply, self.decodes_first, self.most)
        except DeadlinePassed as error:
            read = ReadBody(Failed(Reason.DEADLINE, self.reply.status, detail=str(error)))
        weight = max(self.weight, read.weight)
        if not self.budget.take(weight - self.weight):
            return StepPart(
                too_large(self.step, self.reply, _TOGETHER), self.weight, self.freshness
            )
        value = with_headers(self.step.reply_headers, self.reply, read.value)
        if isinstance(value, Failed):
            self.counts.fail(self.step, value)
        return StepPart(value, weight, self.freshness, read.text)


class DirectCalls:
    """Sends steps' requests and reads the replies. One per event loop; shared by all its runs."""

    def __init__(
        self, services: Services, limits: Limits, counts: EngineCounts, complaints: Complaints
    ) -> None:
        self.limits = limits
        self.counts = counts
        self._complaints = complaints
        self._services = services

    def begin(
        self,
        step: Step,
        request: StepRequest,
        seconds_left: float,
        arriving: Budget | None,
        trace: Trace | None,
        caller: Caller | None,
        on_answer: OnAnswer[UpstreamReply],
    ) -> Handle:
        """Send a request; the answer is the reply, whatever its status, within the step's time and
        the seconds that are left until the deadline. `arriving` is None where other runs may share
        the reply: it has the bound of one reply alone then."""
        operation = step.operation
        call = ServiceCall(
            operation.service,
            operation.method,
            request.target,
            request.headers,
            request.body,
            arriving,
            not operation.writes,
            operation,
            step.name,
            caller,
            trace,
        )
        if step.credentials and not step.credentials.isdisjoint(request.values):
            on_answer = partial(_to_caller, on_answer)
        timeout = step.timeout_seconds
        if timeout < seconds_left:
            return self._services.fetch(call, timeout, on_answer)
        return self._services.fetch(call, seconds_left, partial(_by_deadline, on_answer))

    def read(
        self, step: Step, reply: UpstreamReply | Failed, budget: Budget
    ) -> StepPart | HeavyBody:
        """The part that a reply makes, or the body that has to be read for it. `budget` is that of
        the run's replies, and counts their weight."""
        if isinstance(reply, Failed):
            return StepPart(reply)
        return self._read(step, reply, step.operation.decodes_first, budget)

    def _read(
        self, step: Step, reply: UpstreamReply, decodes_first: bool, budget: Budget
    ) -> StepPart | HeavyBody:
        freshness = read_freshness(reply.headers)
        judged = judge(step, reply)
        if judged is not None:
            judged = with_headers(step.reply_headers, reply, judged)
            if isinstance(judged, Failed):
                self._note_refusal(step, judged)
                self.counts.fail(step, judged)
            return StepPart(judged, 0, freshness)
        most, counts = self.limits.reply_bytes, self.counts
        weight = weigh_reply(reply.body, most)
        if weight > most:
            return StepPart(too_large(step, reply, TOO_HEAVY), 0, freshness)
        if not budget.take(weight):
            return StepPart(too_large(step, reply, _TOGETHER), 0, freshness)
        if decodes_first or weight > self.limits.off_loop_bytes:
            return HeavyBody(step, reply, decodes_first, weight, most, budget, freshness, counts)
        value, text = read_body(step, reply), None
        if isinstance(value, Failed):
            self._note_refusal(step, value)
            value, _, text = mend_body(step, reply, value, most)
        if step.reply_headers:
            value = with_headers(step.reply_headers, reply, value)
        if isinstance(value, Failed):
            counts.fail(step, value)
        return StepPart(value, weight, freshness, text)

    def _note_refusal(self, step: Step, failed: Failed) -> None:
        if is_undeclared_refusal(step, failed):
            what = f"refuses the gateway's credentials, or wants some: {failed.judged_status}"
            self._complaints.error(_log, f"{step.operation.name} {what}")

    async def reply_to(
        self,
        step: Step,
        request: StepRequest,
        deadline: Deadline,
        trace: Trace | None,
        caller: Caller | None,
    ) -> UpstreamReply | Failed:
        """Send a request whose reply others may share, by the deadline, and return that."""
        left = deadline.seconds_left()
        if left <= 0:
            return Failed(Reason.DEADLINE, was_sent=False)
        return await answer_to(partial(self.begin, step, request, left, None, trace, caller))

    async def part_of(
        self, step: Step, reply: UpstreamReply | Failed, budget: Budget, heavy: HeavyShare
    ) -> StepPart:
        """The part that a reply makes."""
        part = self.read(step, reply, budget)
        return part if isinstance(part, StepPart) else await part.read(heavy)

    async def part_of_stored(
        self, step: Step, reply: UpstreamReply, budget: Budget, heavy: HeavyShare
    ) -> StepPart:
        """The part that a stored reply makes, whose body is the JSON text that was read."""
        part = self._read(step, reply, False, budget)
        return part if isinstance(part, StepPart) else await part.read(heavy)


def _to_caller(
    on_answer: OnAnswer[UpstreamReply], reply: UpstreamReply | Failed | Exception
) -> None:
    """Answer for a call that had the caller's own credential."""
    on_answer(structs.replace(reply, to_caller=True) if isinstance(reply, UpstreamReply) else reply)


def _by_deadline(
    on_answer: OnAnswer[UpstreamReply], reply: UpstreamReply | Failed | Exception
) -> None:
    """Answer for a call that had no longer than the run."""
    if isinstance(reply, Failed) and reply.reason is Reason.TIMEOUT:
        reply = Failed(Reason.DEADLINE, detail=reply.detail, was_sent=reply.was_sent)
    on_answer(reply)
