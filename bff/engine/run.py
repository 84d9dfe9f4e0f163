"""One run of a composition over its params: when each step begins, and when the run is over.

Rules:
1. A step begins the moment every step that it waits for is settled, in declared order among those
   that become ready together. There are no stages.
2. A step is settled once, by its first outcome. Its JSON form and text are in place before any
   step that waits for it begins.
3. The first failure that takes the composition down ends the run, after the callbacks that the
   loop has ready by then: of failures known at one moment, the first in declared order counts.
   Nothing is sent after the failure.
4. At the deadline every unsettled step becomes `Failed(DEADLINE)`. Steps in flight count before
   those that were waiting for them. A little time is reserved for merging and answering.
5. In a composition that writes, what the client sent is checked for all steps before the first
   request is sent.
6. When `settle_all` ends, in whatever way, the run's tasks are over.

All state is the event loop's. The thread for heavy work only reads it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from types import NoneType
from typing import Any, TypeVar

from bff.deadline import Deadline, DeadlinePassed, WaitBudget
from bff.engine.heavy_work import HeavyWork
from bff.engine.prepared import PreparedComposition, PreparedStep
from bff.engine.steps.bodies import NULL
from bff.engine.steps.calls import DirectCalls, StepCalls, StepPart
from bff.engine.steps.failures import takes_composition_down
from bff.engine.steps.inputs import CallPlan, plan_calls, refused_params
from bff.engine.steps.requests import StepRequest
from bff.engine.steps.shared_calls import SharedCalls
from bff.engine.values.freshness import UNLIMITED, Freshness
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Failed, Outcome, Reason, Skipped, Value
from bff.engine.values.results import Inputs, StepOutcome, StepTiming

T = TypeVar("T")

# A twentieth of the deadline is reserved for merging, and at most this.
_MOST_RESERVED_SECONDS = 0.05
# The run waits no longer for cancelled calls to close their connections.
_CLOSING_SECONDS = 0.1
_STEP_OUTCOMES: Mapping[type[Outcome | None], StepOutcome] = {
    Value: "ok",
    Skipped: "skipped",
    Failed: "failed",
    NoneType: "cancelled",
}


class Run:
    """The state of one run, for one use on one loop. Three plain steps cost some 45 µs in all,
    transport and validation not counted."""

    def __init__(
        self,
        prepared: PreparedComposition,
        inputs: Inputs,
        calls: DirectCalls,
        shared: SharedCalls | None,
        heavy_work: HeavyWork,
        clock: Callable[[], float],
    ) -> None:
        count = len(prepared.steps)
        self.outcomes: list[Outcome | None] = [None] * count
        self.root: dict[str, Any] = {"params": inputs.params, "claims": inputs.claims}
        self.texts: list[bytes | None] = [None] * count
        self.failed_by: int | None = None  # the step that took the composition down
        self.in_trouble = False  # some step has no value of its own
        self.read_weight = inputs.weight  # of all the bodies that were read
        self.freshness: list[Freshness] = []  # of the replies whose upstreams limit it
        self._prepared = prepared
        self._identity_key = inputs.identity_key
        self._wait_budget = inputs.wait_budget or WaitBudget()
        self._calls = calls
        self._requests = Budget(calls.limits.requests_bytes, "the run's requests")
        self._arriving = Budget(calls.limits.replies_bytes, "the run's replies")
        self._replies = Budget(calls.limits.replies_bytes, "the run's replies")
        self._shared = shared
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._closing = False  # nothing may be sent any more
        self._ready = deque(prepared.first)
        self._waits = list(prepared.waits)
        self._unsettled = count
        self._tainted: set[str] = set()
        self._in_flight: list[StepCalls | None] = [None] * count
        self._tasks: list[asyncio.Task[None]] = []
        self._began_at: list[float | None] = [None] * count
        self._ended_at: list[float | None] = [None] * count
        self._started_at = clock()
        seconds = prepared.composition.deadline_seconds
        self._reserved = min(seconds / 20, _MOST_RESERVED_SECONDS)
        self._deadline = inputs.deadline or Deadline.after(seconds, self._loop.time)
        self._waiting = self._deadline.earlier(self._reserved)
        self.heavy = heavy_work.share(self._deadline)

    async def settle_all(self) -> None:
        """Run until every step is settled, or `failed_by` is set. Raises what is a bug."""
        timer = self._loop.call_at(self._waiting.ends_at, self._end_waiting)
        try:
            if self._prepared.own_params:
                await self._check_own_params()
            self._advance()
            if self._unsettled:
                await self._done
        finally:
            self._closing = True
            timer.cancel()
            running = [task for task in self._tasks if not task.done()]
            for task in running:
                task.cancel()
            self._forget_tasks()
            if running:
                await asyncio.wait(running, timeout=_CLOSING_SECONDS)

    def calls_sent(self) -> list[int | None]:
        """By step: the count of requests sent; None where the step did not begin."""
        return [
            None if began is None else 0 if calls is None else calls.next
            for began, calls in zip(self._began_at, self._in_flight, strict=True)
        ]

    def was_begun(self, index: int) -> bool:
        """Whether the step began; a step that failed without that failed as the run was over."""
        return index == self.failed_by or self._began_at[index] is not None

    def timings(self) -> tuple[StepTiming, ...]:
        """The times of each step that began, in declared order."""
        now, start = self._clock(), self._started_at
        timings = []
        for index, began in enumerate(self._began_at):
            if began is not None:
                ended, calls = self._ended_at[index], self._in_flight[index]
                timings.append(
                    StepTiming(
                        self._prepared.steps[index].step.name,
                        (began - start) * 1000,
                        ((now if ended is None else ended) - began) * 1000,
                        0 if calls is None else calls.next,
                        _STEP_OUTCOMES[type(self.outcomes[index])],
                    )
                )
        return tuple(timings)

    # -------------------------------------------------------------------- beginning a step

    async def _check_own_params(self) -> None:
        """Fail the run where the client's own params can't be sent (rule 5)."""
        own = self._prepared.own_params
        budget = Budget(self._requests.most, "the run's requests")
        try:
            if self.read_weight > self._calls.limits.off_loop_bytes:
                refused = await self.heavy.run(refused_params, own, self.root, budget)
            else:
                refused = refused_params(own, self.root, budget)
        except DeadlinePassed as error:
            late = Failed(Reason.DEADLINE, detail=str(error), was_sent=False)
            refused = own[0].step.index, late
        if refused is not None:
            self._settle(*refused)

    def _advance(self) -> None:
        """Begin every step that is ready. Steps that need no call may make others ready."""
        while self._ready and not self._closing:
            index = self._ready.popleft()
            prepared = self._prepared.steps[index]
            self._began_at[index] = self._clock()
            if self.read_weight > self._calls.limits.off_loop_bytes:
                self._start(index, self._begin_off_loop, prepared)
            else:
                step, render = prepared.step, prepared.render
                self._send(
                    index, plan_calls(step, render, self.root, self._tainted, self._requests)
                )
        if not self._unsettled:
            self._finish()

    async def _begin_off_loop(self, index: int, prepared: PreparedStep) -> None:
        plan: CallPlan | Skipped | Failed
        try:
            plan = await self.heavy.run(
                plan_calls,
                prepared.step,
                prepared.render,
                self.root,
                self._tainted,
                self._requests,
            )
        except DeadlinePassed as error:
            plan = Failed(Reason.DEADLINE, detail=str(error), was_sent=False)
        self._send(index, plan)
        self._advance()

    def _send(self, index: int, plan: CallPlan | Skipped | Failed) -> None:
        if not isinstance(plan, CallPlan):
            self._settle(index, plan)
            return
        calls = self._in_flight[index] = StepCalls(plan)
        if not calls.requests:
            self._settle(index, calls.combined(self._prepared.steps[index].step))
            return
        for _ in range(plan.at_once):
            calls.tasks.append(self._start(index, self._work, calls))

    def _start(
        self, index: int, work: Callable[[int, T], Awaitable[None]], about: T
    ) -> asyncio.Task[None]:
        task = self._loop.create_task(self._guarded(index, work, about))
        self._tasks.append(task)
        return task

    async def _guarded(
        self, index: int, work: Callable[[int, T], Awaitable[None]], about: T
    ) -> None:
        """End the run when one of its tasks is cancelled from elsewhere, or raises."""
        try:
            await work(index, about)
        except asyncio.CancelledError:
            if not self._closing and self.outcomes[index] is None:
                self._done.cancel()
            raise
        except Exception as error:  # a bug: `settle_all` raises it
            if not self._done.done():
                self._done.set_exception(error)

    def _forget_tasks(self) -> None:
        """Break the cycle of run, tasks and frames, or it waits for the garbage collector."""
        self._tasks.clear()
        for calls in self._in_flight:
            if calls is not None:
                calls.tasks.clear()

    # -------------------------------------------------------------------- a step in flight

    async def _work(self, index: int, calls: StepCalls) -> None:
        """Send the step's requests one after the other, beside its other tasks."""
        prepared = self._prepared.steps[index]
        step = prepared.step
        while calls.next < len(calls.requests) and not self._closing:
            if self._waiting.seconds_left() <= 0:  # the loop was held, and the timer is late
                self._end_waiting()
                return
            place, request = calls.requests[calls.next]
            calls.next += 1
            part = await self._call(prepared, request)
            self.read_weight += part.weight
            if part.freshness is not UNLIMITED:
                self.freshness.append(part.freshness)
            value = part.value
            if isinstance(value, Failed):
                if value.stand_in is None:
                    calls.abandon()
                    self._settle(index, value)
                    self._advance()
                    return
                calls.replaced, value = value, value.stand_in
            calls.parts[place] = value
            calls.missing -= 1
            if not calls.missing:
                self._settle(index, calls.combined(step))
                self._advance()

    async def _call(self, prepared: PreparedStep, request: StepRequest) -> StepPart:
        step, keys = prepared.step, prepared.reply_key
        if step.cache is None or keys is None or self._shared is None:
            reply = await self._calls.send(step, request, self._deadline, self._arriving)
            return await self._calls.read(step, reply, self.heavy, self._replies)
        key = keys(request, self._identity_key)
        # It ends before the waiting does, so that a stored reply can stand in for it.
        deadline = self._waiting.earlier(self._reserved)
        return await self._shared.call(
            step,
            step.cache,
            key,
            request,
            deadline,
            self._wait_budget,
            self.heavy,
            self._replies,
        )

    # -------------------------------------------------------------------- settling

    def _settle(self, index: int, outcome: Outcome) -> None:
        if self.outcomes[index] is not None:
            return
        prepared = self._prepared.steps[index]
        step = prepared.step
        self.outcomes[index] = outcome
        if self._began_at[index] is not None:
            self._ended_at[index] = self._clock()
        value = NULL
        if type(outcome) is not Value:
            self.in_trouble = True
        match outcome:
            case Value():
                value = outcome
            case Skipped(complete=complete):
                if not complete:
                    self._tainted.add(step.name)
            case Failed():
                if takes_composition_down(step, outcome):
                    self._fail(index)
                    return
                if outcome.stand_in is not None:
                    value = outcome.stand_in
                else:
                    self._tainted.add(step.name)
                    value = prepared.when_failed
        self.root[step.name] = value.json
        self.texts[index] = value.text
        self._unsettled -= 1
        for dependent in prepared.dependents:
            self._waits[dependent] -= 1
            if not self._waits[dependent]:
                self._ready.append(dependent)

    def _fail(self, index: int) -> None:
        self._closing = True
        if self.failed_by is None:
            self.failed_by = index
            self._finish()  # what the loop has ready now still runs before `settle_all` goes on
        elif index < self.failed_by:
            self.failed_by = index

    def _end_waiting(self) -> None:
        """The deadline (rule 4)."""
        self._closing = True
        late = [index for index, outcome in enumerate(self.outcomes) if outcome is None]
        begun = [index for index in late if self._began_at[index] is not None]
        sent = self.calls_sent()
        for index in begun:
            self._settle(index, Failed(Reason.DEADLINE, was_sent=bool(sent[index])))
        blamed = self.failed_by
        for index in late:
            self._settle(index, Failed(Reason.DEADLINE, was_sent=False))
        self.failed_by = self.failed_by if blamed is None else blamed
        self._finish()

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)
