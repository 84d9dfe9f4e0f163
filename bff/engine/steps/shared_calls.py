"""Calls whose replies steps, compositions and callers share, where a project declares it.

The JSON text of the upstream's body is stored, and only one that fits its schema. Every step that
uses it reads it again, in its own way. A reply depends on the request as it goes on the wire and on
nothing else, so the request is the key, whoever the caller is. The same request stored for another
time, or under other tags, has another key.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import astuple, replace
from typing import Any

from msgspec import structs
from pydantic_core import to_json

from bff.deadline import Deadline, WaitBudget
from bff.engine.heavy_work import HeavyShare
from bff.engine.ports import CallResult, ReplyCache, UpstreamReply
from bff.engine.steps.calls import DirectCalls, StepPart
from bff.engine.steps.failures import ends_by_status, may_pass
from bff.engine.steps.reply_headers import stored_reply, stored_text
from bff.engine.steps.requests import StepRequest
from bff.engine.values.freshness import least
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import NULL, Failed, Reason, Value
from bff.engine.values.results import Caller
from bff.engine.values.trace import Trace
from bff.errors import EvaluationError
from bff.plan.model.caching import ReplyCaching, evaluate_tags
from bff.plan.model.service import Operation
from bff.plan.model.steps import Step

_DIGEST_BYTES = 20


class SharedCalls:
    """Calls through a `ReplyCache`. One per event loop; shared by all its runs."""

    def __init__(self, calls: DirectCalls, replies: ReplyCache) -> None:
        self._calls = calls
        self._replies = replies

    async def call(
        self,
        step: Step,
        caching: ReplyCaching,
        key: str,
        request: StepRequest,
        deadline: Deadline,
        wait_budget: WaitBudget,
        heavy: HeavyShare,
        budget: Budget,
        trace: Trace | None,
        caller: Caller | None,
        on_send: Callable[[], None],
    ) -> StepPart:
        """The part that the stored reply under `key`, or else the call, makes; `on_send` hears of
        the call. Where it fails and an earlier reply is good enough, that is the failure's
        `stand_in`."""
        own: StepPart | None = None

        async def send(trace: Trace | None, deadline: Deadline) -> CallResult:
            nonlocal own
            reply = await self._calls.reply_to(step, request, deadline, trace, caller)
            own = await self._calls.part_of(step, reply, budget, heavy)
            return _result(step, caching, request, reply, own)

        async def send_own(deadline: Deadline) -> CallResult:
            on_send()
            return await send(trace, deadline)

        async def refresh(deadline: Deadline) -> CallResult:
            anew, error = None if trace is None else trace.of_refresh(), "cancelled"
            try:
                called = await send(anew, deadline)
                error = _error_of(called, own)
            except Exception:
                error = "bug"
                raise
            finally:
                if anew is not None:
                    anew.end_refresh(error)
            return called

        cached = await self._replies.get(
            step.operation,
            key,
            caching.policy,
            send_own,
            refresh,
            deadline,
            wait_budget,
        )
        if cached.result is not None and own is None:
            own = await self._calls.part_of(step, cached.result.reply, budget, heavy)
        if cached.body is None:
            if own is None:
                raise AssertionError("neither a stored reply nor a call")
            return structs.replace(own, freshness=least((own.freshness, cached.freshness)))
        if own is not None and not isinstance(own.value, Failed):
            return own
        stored = stored_reply(cached.body)
        earlier = await self._calls.part_of_stored(step, stored, budget, heavy)
        if own is None:
            return structs.replace(earlier, freshness=cached.freshness)
        if not isinstance(own.value, Failed) or ends_by_status(step, own.value):
            return own
        if isinstance(earlier.value, Value):
            return StepPart(replace(own.value, stand_in=earlier.value), earlier.weight)
        return own


class ReplyKeyRecipe:
    """Makes the keys of one operation's replies, 40 hexadecimal digits each. What doesn't depend on
    the request is computed once. Immutable."""

    __slots__ = ("_by_identity", "_claims", "_start")

    def __init__(self, operation: Operation, caching: ReplyCaching, namespace: str) -> None:
        self._by_identity = caching.scope == "identity"
        self._claims = _disclosed_claims(operation)
        tags = [each.source for each in caching.tags]
        common = to_json([namespace, operation.digest, tags, astuple(caching.policy)])
        self._start = hashlib.blake2b(common + b"\0", digest_size=_DIGEST_BYTES)

    def __call__(self, request: StepRequest, identity_key: str, claims: Mapping[str, Any]) -> str:
        """The key of a request's reply; `identity_key` counts where a reply belongs to one caller,
        and those of the `claims` that the service learns, since some are in no identity's key."""
        owner: Any = identity_key if self._by_identity else None
        if self._claims is not None:
            owner = [owner, self._claims(claims)]
        digest = self._start.copy()
        digest.update(to_json([request.target, request.headers, owner]))
        digest.update(b"\0" if request.body is None else b"\1" + request.body)
        return digest.hexdigest()


def _disclosed_claims(operation: Operation) -> Callable[[Mapping[str, Any]], Any] | None:
    """What finds the claims that the operation's service learns; None where it learns none."""
    disclosure = operation.disclosure
    if disclosure is None or not disclosure.headers:
        return None
    reads = {path for header in disclosure.headers for path in header.template.reads}
    if any(len(path) == 1 for path in reads):
        return dict
    names = sorted({path[1] for path in reads})
    return lambda claims: [claims.get(name) for name in names]


def _error_of(called: CallResult, own: StepPart | None) -> str:
    """The word of the reason why a refresh failed; "" where it did not."""
    if not called.failed or own is None or not isinstance(own.value, Failed):
        return ""
    return own.value.reason.word


def _result(
    step: Step,
    caching: ReplyCaching,
    request: StepRequest,
    reply: UpstreamReply | Failed,
    own: StepPart,
) -> CallResult:
    """The result of a call, for everyone who shares it."""
    value, freshness = own.value, own.freshness
    failed = isinstance(value, Failed) and may_pass(value)
    if isinstance(value, Failed) and value.reason is Reason.REPORTED and failed:
        reply = value if value.reported_status is None else reply
    body, tags, untagged = None, frozenset[str](), ""
    if (
        isinstance(reply, UpstreamReply)
        and isinstance(value, Value)
        and value is not NULL  # what a status means is no value of the reply's
        and 200 <= reply.status < 300
        and not freshness.is_private
    ):
        text = _json_text(step, reply, own)
        body = stored_text(step.operation.reply_headers, reply, text)
        try:
            tags = _tags(step, caching, request, text)
        except EvaluationError as error:  # without its tags it could not be purged
            body, untagged = None, str(error)
        except ValueError:
            body, untagged = None, "its tags can't be read"
    return CallResult(reply, body, tags, freshness, failed, untagged)


def _json_text(step: Step, reply: UpstreamReply, own: StepPart) -> bytes:
    """The text that the reply was read as."""
    if step.operation.reply_format == "none":
        return b"null"
    return reply.body if own.text is None else own.text


def _tags(step: Step, caching: ReplyCaching, request: StepRequest, body: bytes) -> frozenset[str]:
    root = {"params": request.values}
    if caching.needs_json:
        root["reply"], *_ = step.operation.returns.read_sound(body, json=True, text=False)
    return evaluate_tags(caching.tags, root)
