"""One run of a composition over its params: the calls that its progress asks for.

Rules, beside those of `bff.engine.progress`:
1. A plain step costs no task: its call begins in the callback that made it ready, and its reply is
   read in the callback that brings it. What has to wait in between (heavy work, replies that are
   shared) is a task behind the same handle.
2. Of a step, as many requests are in flight as its plan allows; the next is sent in the callback
   that brings a part. A part that fails ends the step, and its other calls at once.
3. A failure ends the run after the callbacks that the loop has ready by then. Nothing is sent after
   the failure, nor before a failure of a step that is ready at the same time.
4. The run waits until shortly before its deadline. The time that is left is reserved for merging
   and answering. Where the loop was held for so long that the timer is late, nothing is sent any
   more.
5. In a composition that writes, what the client sent is checked for all steps before the first
   request is sent.
6. When `settle_all` ends, in whatever way, the run's calls are cancelled, which closes their
   connections at once.
7. An exception in one of the run's callbacks is a bug: it ends the run, and `settle_all` raises it.

All state is the event loop's. The thread for heavy work only reads it.
"""

import asyncio
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, Final, ParamSpec

from bff.deadline import Deadline, DeadlinePassed, WaitBudget
from bff.engine.answers import Handle, OnAnswer, TaskCall
from bff.engine.heavy_work import HeavyWork
from bff.engine.prepared import PreparedComposition, PreparedStep
from bff.engine.progress import Progress
from bff.engine.steps.calls import DirectCall, DirectCalls, StepCalls, StepPart
from bff.engine.steps.inputs import CallPlan, plan_calls, refused_params
from bff.engine.steps.requests import StepRequest
from bff.engine.steps.shared_calls import SharedCalls
from bff.engine.values.freshness import UNLIMITED, Freshness
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Failed, Reason, Skipped, Value
from bff.engine.values.results import Inputs

P = ParamSpec("P")

# A twentieth of the deadline is reserved for merging, and at most this.
_MOST_RESERVED_SECONDS: Final = 0.05


def _ends_run_by_bug(
    callback: Callable[Concatenate["Run", P], None],
) -> Callable[Concatenate["Run", P], None]:
    """A callback of the loop's that keeps rule 7."""

    @wraps(callback)
    def guarded(run: "Run", /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(run, *args, **kwargs)
        except Exception as error:
            run._end_by_bug(error)

    return guarded


class Run:
    """One run, for one use on one loop."""

    __slots__ = ("_arriving", "_calls", "_checking", "_deadline", "_done", "_heavy_steps",
                 "_identity_key", "_in_flight", "_loop", "_prepared", "_replies", "_requests",
                 "_reserved", "_shared", "_wait_budget", "_waiting", "freshness", "heavy",
                 "progress", "read_weight")  # fmt: skip

    def __init__(
        self,
        prepared: PreparedComposition,
        inputs: Inputs,
        calls: DirectCalls,
        shared: SharedCalls | None,
        heavy_work: HeavyWork,
        clock: Callable[[], float],
    ) -> None:
        root: dict[str, Any] = {"params": inputs.params, "claims": inputs.claims}
        self.progress = Progress(prepared, root, clock)
        self.read_weight = inputs.weight  # of all the bodies that were read
        self.freshness: list[Freshness] = []  # of the replies whose upstreams limit it
        self._prepared = prepared
        self._identity_key = inputs.identity_key
        self._wait_budget = inputs.wait_budget or WaitBudget()
        self._calls = calls
        self._shared = shared
        self._requests = Budget(calls.limits.requests_bytes, "the run's requests")
        self._arriving = Budget(calls.limits.replies_bytes, "the run's replies")
        self._replies = Budget(calls.limits.replies_bytes, "the run's replies")
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._in_flight: dict[int, StepCalls] = {}  # by step
        self._heavy_steps: list[Handle] = []  # what the thread decides on for a step
        seconds = prepared.composition.deadline_seconds
        self._reserved = min(seconds / 20, _MOST_RESERVED_SECONDS)
        self._deadline = inputs.deadline or Deadline.after(seconds, self._loop.time)
        self._waiting = self._deadline.earlier(self._reserved)
        self.heavy = heavy_work.share(self._deadline)

    async def settle_all(self) -> None:
        """Run until every step is settled, or one has taken the composition down. Raises what is a
        bug."""
        timer = self._loop.call_at(self._waiting.ends_at, self._end_waiting)
        try:
            self._check_own_params()
            if not self._done.done():
                await self._done
            self._done.result()
        finally:
            timer.cancel()
            self.progress.is_over = True
            for calls in self._in_flight.values():
                calls.cancel()
            for handle in self._heavy_steps:
                handle.cancel()

    # -------------------------------------------------------------------- beginning a step

    @_ends_run_by_bug
    def _check_own_params(self) -> None:
        """Begin with rule 5."""
        own = self._prepared.own_params
        if not own:
            self._advance()
            return
        budget = Budget(self._requests.most, "the run's requests")
        root = self.progress.root
        if self.read_weight <= self._calls.limits.off_loop_bytes:
            self._take_check(refused_params(own, root, budget))
        else:
            work = self.heavy.run(refused_params, own, root, budget)
            self._heavy_steps.append(TaskCall(work, self._take_check))

    @_ends_run_by_bug
    def _take_check(self, refused: tuple[int, Failed] | Failed | Exception | None) -> None:
        match refused:
            case DeadlinePassed() | Failed():
                self.progress.settle(self._prepared.own_params[0].step.index, _unsent(refused))
            case Exception():
                raise refused
            case (index, failed):
                self.progress.settle(index, failed)
        self._advance()

    def _advance(self) -> None:
        """Begin every step that is ready: decide on all of them, then send. Steps that need no call
        may make others ready."""
        progress = self.progress
        planned: list[int] = []
        while (index := progress.begin_next()) is not None:
            prepared = self._prepared.steps[index]
            step, render = prepared.step, prepared.render
            inputs = (step, render, progress.root, progress.tainted, self._requests)
            if self.read_weight > self._calls.limits.off_loop_bytes:
                work = self.heavy.run(plan_calls, *inputs)
                self._heavy_steps.append(TaskCall(work, partial(self._take_plan, index)))
            elif self._begin(index, plan_calls(*inputs)):
                planned.append(index)
        for index in planned:
            self._send_first(index)
        if progress.is_over and not self._done.done():
            self._done.set_result(None)  # what the loop has ready runs before `settle_all` goes on

    @_ends_run_by_bug
    def _take_plan(self, index: int, plan: CallPlan | Skipped | Failed | Exception) -> None:
        if isinstance(plan, DeadlinePassed):
            plan = _unsent(plan)
        if isinstance(plan, Exception):
            raise plan
        if self._begin(index, plan):
            self._send_first(index)
        self._advance()

    def _begin(self, index: int, plan: CallPlan | Skipped | Failed) -> bool:
        """Settle the step; or, where it has something to send, make it ready for that."""
        if isinstance(plan, CallPlan):
            calls = StepCalls(plan)
            if calls.requests:
                self._in_flight[index] = calls
                return True
            self.progress.settle(index, calls.combined(self._prepared.steps[index].step))
        else:
            self.progress.settle(index, plan)
        return False

    # -------------------------------------------------------------------- a step in flight

    def _send_first(self, index: int) -> None:
        calls = self._in_flight[index]
        for _ in range(calls.at_once):
            self._send_next(index, calls)

    def _send_next(self, index: int, calls: StepCalls) -> None:
        """Send the step's next request, where there is one."""
        if calls.next == len(calls.requests) or self.progress.is_over:
            return
        if self._waiting.seconds_left() <= 0:  # the loop was held, and the timer is late
            self.progress.end_waiting()
            return
        place, request = calls.requests[calls.next]
        calls.next += 1
        self.progress.sent[index] = calls.next
        on_part = partial(self._take_part, index, place)
        calls.under_way[place] = self._call(self._prepared.steps[index], request, on_part)

    def _call(
        self, prepared: PreparedStep, request: StepRequest, on_part: OnAnswer[StepPart]
    ) -> Handle:
        step, keys, heavy, replies = prepared.step, prepared.reply_key, self.heavy, self._replies
        if step.cache is None or keys is None or self._shared is None:
            return DirectCall(
                self._calls, step, request, self._deadline, self._arriving, replies, heavy, on_part
            )
        key = keys(request, self._identity_key)
        # It ends before the waiting does, so that a stored reply can stand in for it.
        deadline = self._waiting.earlier(self._reserved)
        budget = self._wait_budget
        work = self._shared.call(step, step.cache, key, request, deadline, budget, heavy, replies)
        return TaskCall(work, on_part)

    @_ends_run_by_bug
    def _take_part(self, index: int, place: int, part: StepPart | Failed | Exception) -> None:
        if isinstance(part, Exception):
            raise part
        calls = self._in_flight[index]
        calls.under_way.pop(place, None)
        value: Value | Failed
        if isinstance(part, Failed):
            value = part
        else:
            value = part.value
            self.read_weight += part.weight
            if part.freshness is not UNLIMITED:
                self.freshness.append(part.freshness)
        if isinstance(value, Failed):
            if value.stand_in is None:
                calls.cancel()
                self.progress.settle(index, value)
                self._advance()
                return
            calls.replaced, value = value, value.stand_in
        calls.parts[place] = value
        calls.missing -= 1
        if not calls.missing:
            self.progress.settle(index, calls.combined(self._prepared.steps[index].step))
        else:
            self._send_next(index, calls)
        self._advance()

    # -------------------------------------------------------------------- the end

    @_ends_run_by_bug
    def _end_waiting(self) -> None:
        self.progress.end_waiting()
        self._advance()

    def _end_by_bug(self, error: Exception) -> None:
        self.progress.is_over = True
        if not self._done.done():
            self._done.set_exception(error)


def _unsent(late: DeadlinePassed | Failed) -> Failed:
    """The outcome of a step whose request wasn't decided on in time."""
    if isinstance(late, Failed):
        return late
    return Failed(Reason.DEADLINE, detail=str(late), was_sent=False)
