"""Calls of one run that are equal on the wire: sent once, and read by every step that makes them.

Rules:
1. Whoever makes a call first sends it. Whoever makes an equal one gets the same reply: with the
   first, while it is under way, or else in the next turn of the loop.
2. A failure is a reply like any other: nothing is sent once more for it.
3. A call is cancelled when nobody waits for its reply any more. An equal one is then sent anew.
4. Calls with other timeouts are others, so that nobody waits for longer than declared.

For one run that reads, on one event loop. What can't be equal, by the plan, doesn't come here.
"""

import asyncio
from collections.abc import Callable, Hashable
from typing import Final

from bff.engine.answers import Handle, OnAnswer
from bff.engine.counts import EngineCounts
from bff.engine.ports import UpstreamReply
from bff.engine.steps.requests import StepRequest
from bff.engine.values.outcomes import Failed
from bff.plan.model.service import Operation
from bff.plan.model.steps import Step

Answer = UpstreamReply | Failed | Exception
Send = Callable[[OnAnswer[UpstreamReply]], Handle]

_PARAM: Final = None  # in a shape, a place that any value may take


def request_shape(operation: Operation) -> Hashable:
    """What two operations have in common where their requests can be equal."""
    path = tuple(part if isinstance(part, str) else _PARAM for part in operation.path)
    return operation.service, operation.method, path


class EqualCalls:
    """The calls of a run, by what goes on the wire."""

    __slots__ = ("_calls", "_counts")

    def __init__(self, counts: EngineCounts) -> None:
        self._counts = counts
        self._calls: dict[Hashable, _EqualCall] = {}

    def begin(
        self, step: Step, request: StepRequest, send: Send, on_answer: OnAnswer[UpstreamReply]
    ) -> tuple[Handle, bool]:
        """Make a call; return its handle, and whether it was sent by this."""
        operation = step.operation
        key = (
            operation.service,
            operation.method,
            step.timeout_seconds,
            request.target,
            request.headers,
            request.body,
        )
        known = self._calls.get(key)
        if known is not None and not known.is_cancelled:
            self._counts.share(step)
            return known.join(on_answer), False
        self._calls[key] = call = _EqualCall()
        handle = call.join(on_answer)
        call.sent_as(send(call.take))
        return handle, True


class _EqualCall:
    """One call, and those who wait for its reply."""

    __slots__ = ("_answer", "_handle", "_waiting", "is_cancelled")

    def __init__(self) -> None:
        self.is_cancelled = False
        self._answer: Answer | None = None
        self._handle: Handle | None = None
        self._waiting: dict[_Waiter, OnAnswer[UpstreamReply]] = {}

    def sent_as(self, handle: Handle) -> None:
        self._handle = handle

    def join(self, on_answer: OnAnswer[UpstreamReply]) -> Handle:
        if self._answer is not None:
            return asyncio.get_running_loop().call_soon(on_answer, self._answer)
        waiter = _Waiter(self)
        self._waiting[waiter] = on_answer
        return waiter

    def take(self, answer: Answer) -> None:
        self._answer, self._handle = answer, None  # the handle may hold this: a cycle
        while self._waiting:  # each may cancel others
            on_answer = self._waiting.pop(next(iter(self._waiting)))
            on_answer(answer)

    def leave(self, waiter: "_Waiter") -> None:
        left = self._waiting.pop(waiter, None)
        if left is not None and not self._waiting and self._answer is None:
            self.is_cancelled = True
            if self._handle is not None:
                self._handle.cancel()


class _Waiter:
    """The handle of one who waits for a reply."""

    __slots__ = ("_call",)

    def __init__(self, call: _EqualCall) -> None:
        self._call = call

    def cancel(self) -> None:
        """See `Handle.cancel`."""
        self._call.leave(self)
