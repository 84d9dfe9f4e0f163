"""A call's two halves: the request sent to a service, and the reply judged and read.

Knows nothing of steps that wait for each other; see `bff.engine.run`.
"""

from typing import NamedTuple

from bff.deadline import Deadline, DeadlinePassed
from bff.engine.heavy_work import HeavyShare
from bff.engine.payload.texts import weigh
from bff.engine.ports import ServiceCall, Services, UpstreamReply
from bff.engine.steps.bodies import judge, read_body
from bff.engine.steps.requests import Rendered
from bff.engine.values.freshness import UNLIMITED, Freshness, told_freshness
from bff.engine.values.outcomes import Failed, Reason, Value
from bff.engine.values.results import Limits
from bff.plan.model.composition import Step


class Part(NamedTuple):
    """What a call comes to: a part of its step's value, the weight of what was read for it, and
    for how long it may be used again."""

    value: Value | Failed
    weight: int = 0
    freshness: Freshness = UNLIMITED


class Caller:
    """Sends steps' requests. One per event loop; shared by all runs on it."""

    def __init__(self, services: Services, limits: Limits) -> None:
        self.limits = limits
        self._services = services

    async def send(
        self, step: Step, rendered: Rendered, deadline: Deadline
    ) -> UpstreamReply | Failed:
        """The reply, whatever its status, within the step's time and by the deadline."""
        left = deadline.seconds_left()
        if left <= 0:
            return Failed(Reason.DEADLINE, was_sent=False)
        operation = step.operation
        call = ServiceCall(
            operation.service,
            operation.method,
            rendered.target,
            rendered.headers,
            rendered.body,
        )
        timeout = step.timeout_seconds
        reply = await self._services.fetch(call, timeout if timeout < left else left)
        if isinstance(reply, Failed) and reply.reason is Reason.TIMEOUT and left <= timeout:
            return Failed(Reason.DEADLINE, detail=reply.detail, was_sent=reply.was_sent)
        return reply

    async def read(self, step: Step, reply: UpstreamReply | Failed, heavy: HeavyShare) -> Part:
        """The part that a reply comes to; a heavy body is read on the thread."""
        if isinstance(reply, Failed):
            return Part(reply)
        freshness = UNLIMITED
        if reply.header("cache-control") is not None:  # most say nothing, and headers are lazy
            freshness = told_freshness(reply.headers)
        judged = judge(step, reply)
        if judged is not None:
            return Part(judged, 0, freshness)
        body, status = reply.body, reply.status
        weight = weigh(body, self.limits.reply_bytes)
        if weight <= self.limits.off_loop_bytes:
            return Part(read_body(step, body, status), weight, freshness)
        if weight > self.limits.reply_bytes:
            detail = "more objects and lists than its size allows"
            return Part(Failed(Reason.TOO_LARGE, status, detail=detail), 0, freshness)
        try:
            read = await heavy.run(read_body, step, body, status)
        except DeadlinePassed as error:
            read = Failed(Reason.DEADLINE, status, detail=str(error))
        return Part(read, weight, freshness)
