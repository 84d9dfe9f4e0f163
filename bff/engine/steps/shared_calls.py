"""Calls whose replies are shared between steps, compositions and callers, where a project says so.

What is kept is the upstream's body, and only one that fits its schema; it is read anew by every
step that uses it, each in its own way. Under which keys: `bff.engine.steps.reply_keys`.
"""

from dataclasses import replace

from bff.deadline import Deadline
from bff.engine.heavy_work import HeavyShare
from bff.engine.ports import CallResult, ReplyCache, UpstreamReply
from bff.engine.steps.calls import Caller, Part
from bff.engine.steps.failures import may_pass
from bff.engine.steps.requests import Rendered
from bff.engine.values.freshness import least
from bff.engine.values.outcomes import Failed, Value
from bff.engine.values.wait_budget import WaitBudget
from bff.errors import EvaluationError
from bff.plan.model.caching import ReplyCaching, evaluate_tags
from bff.plan.model.composition import Step

_KEPT_STATUS = 200


class SharedCalls:
    """Calls through a `ReplyCache`. One per event loop; shared by all runs on it."""

    def __init__(self, caller: Caller, replies: ReplyCache) -> None:
        self._caller = caller
        self._replies = replies

    async def call(
        self,
        step: Step,
        caching: ReplyCaching,
        key: str,
        rendered: Rendered,
        deadline: Deadline,
        patience: WaitBudget,
        heavy: HeavyShare,
    ) -> Part:
        """What the call comes to, or a reply that is there already under `key`; where the call
        fails, and an earlier reply is good enough, that is the failure's `stand_in`."""
        own: Part | None = None

        async def call(deadline: Deadline) -> CallResult:
            nonlocal own
            reply = await self._caller.send(step, rendered, deadline)
            own = await self._caller.read(step, reply, heavy)
            return _called(step, caching, rendered, reply, own)

        kept = await self._replies.get(key, caching.policy, call, deadline, patience)
        if kept.called is not None and own is None:
            own = await self._caller.read(step, kept.called.reply, heavy)
        if kept.body is None:
            if own is None:
                raise AssertionError("neither a kept reply nor a call")
            return own._replace(freshness=least((own.freshness, kept.freshness)))
        if own is not None and not isinstance(own.value, Failed):
            return own
        stored = UpstreamReply(_KEPT_STATUS, (), kept.body)
        earlier = await self._caller.read(step, stored, heavy)
        if own is None:
            return earlier._replace(freshness=kept.freshness)
        if isinstance(own.value, Failed) and isinstance(earlier.value, Value):
            return Part(replace(own.value, stand_in=earlier.value), earlier.weight)
        return own


def _called(
    step: Step, caching: ReplyCaching, rendered: Rendered, reply: UpstreamReply | Failed, own: Part
) -> CallResult:
    """What others may know of a call of one's own."""
    value, freshness = own.value, own.freshness
    failed = isinstance(value, Failed) and may_pass(value)
    body, tags, untagged = None, frozenset[str](), ""
    if (
        isinstance(reply, UpstreamReply)
        and isinstance(value, Value)
        and 200 <= reply.status < 300
        and reply.status not in step.statuses
        and not freshness.is_private
    ):
        body = reply.body
        try:
            tags = _tags(step, caching, rendered, body)
        except (EvaluationError, ValueError) as error:
            body = None  # what can't be named can't be purged
            untagged = (
                str(error) if isinstance(error, EvaluationError) else "its tags can't be read"
            )
    return CallResult(reply, body, tags, freshness, failed, untagged)


def _tags(step: Step, caching: ReplyCaching, rendered: Rendered, body: bytes) -> frozenset[str]:
    root = {"params": rendered.values}
    if caching.needs_json:
        root["reply"], _ = step.operation.returns.read(body, json=True, text=False)
    return evaluate_tags(caching.tags, root)
