"""One run of a composition over its params: the calls that its progress asks for.

Rules, beside those of `bff.engine.progress`:
1. A plain step costs no task: its call begins in the callback that made it ready, and its reply is
   read in the callback that brings it. What has to wait in between (heavy work, replies that are
   shared) is a task behind the same handle.
2. Of a step, as many requests are in flight as its plan allows; the next is sent in the callback
   that brings a part. A part that fails ends the step, and its other calls at once; an optional
   one is missing, and where it reads at the deadline too. Equal calls are made once.
3. A failure ends the run after the callbacks that the loop has ready by then. Nothing is sent after
   the failure, nor before a failure of a step that is ready at the same time.
4. The run waits until shortly before its deadline. The time that is left is reserved for merging
   and answering. Where the loop was held for so long that the timer is late, nothing is sent any
   more.
5. In a composition that writes, what the client sent, and whether services can learn who calls,
   is checked for all steps before the first request is sent.
6. When `settle_all` ends, in whatever way, the run's calls are cancelled, which closes their
   connections at once.
7. An exception in one of the run's callbacks is a bug: it ends the run, and `settle_all` raises it.

All state is the event loop's. The thread for heavy work only reads it.
"""

import asyncio
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Final, TypeVarTuple

from bff.deadline import Deadline, DeadlinePassed, WaitBudget
from bff.engine.answers import Handle, TaskCall
from bff.engine.heavy_work import HeavyShare, HeavyWork
from bff.engine.ports import UpstreamReply
from bff.engine.prepared import PreparedComposition
from bff.engine.progress import Progress
from bff.engine.steps.calls import DirectCalls, StepPart
from bff.engine.steps.equal_calls import EqualCalls
from bff.engine.steps.inputs import CallPlan, plan_calls, refused_inputs
from bff.engine.steps.many_calls import ManyCalls, StepCalls
from bff.engine.steps.page_calls import PageCalls
from bff.engine.steps.requests import StepRequest
from bff.engine.steps.shared_calls import SharedCalls
from bff.engine.values.freshness import UNLIMITED, Freshness
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Failed, Reason, Skipped, Value
from bff.engine.values.results import Inputs

Answers = TypeVarTuple("Answers")

# A twentieth of the deadline is reserved for merging, and at most this.
_MOST_RESERVED_SECONDS: Final = 0.05


def _ends_run_by_bug(
    callback: Callable[["Run", *Answers], None],
) -> Callable[["Run", *Answers], None]:
    """A callback of the loop's that keeps rule 7."""

    @wraps(callback)
    def guarded(run: "Run", *answers: *Answers) -> None:
        try:
            callback(run, *answers)
        except Exception as error:
            run._end_by_bug(error)

    return guarded


class Run:
    """One run, for one use on one loop."""

    __slots__ = ("_arriving", "_calls", "_deadline", "_done", "_equal", "_heavy", "_heavy_steps",
                 "_heavy_work", "_in_flight", "_inputs", "_loop", "_prepared", "_replies",
                 "_requests", "_reserved", "_shared", "_wait_budget", "_waits_until", "freshness",
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
        self._inputs = inputs
        self._wait_budget = inputs.wait_budget or WaitBudget()
        self._calls = calls
        self._shared = shared
        self._requests = Budget(calls.limits.requests_bytes, "the run's requests")
        self._arriving = Budget(calls.limits.replies_bytes, "the run's replies")
        self._replies = Budget(calls.limits.replies_bytes, "the run's replies")
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._in_flight: dict[int, Handle] = {}  # by step
        self._heavy_steps: list[Handle] = []  # what the thread decides on for a step
        seconds = prepared.composition.deadline_seconds
        self._reserved = min(seconds / 20, _MOST_RESERVED_SECONDS)
        self._deadline = inputs.deadline or Deadline.after(seconds, self._loop.time)
        self._waits_until = self._deadline.ends_at - self._reserved
        self._heavy_work = heavy_work
        self._heavy: HeavyShare | None = None
        self._equal: EqualCalls | None = None

    @property
    def heavy(self) -> HeavyShare:
        """The run's share of the thread; most runs need none."""
        self._heavy = self._heavy or self._heavy_work.share(self._deadline)
        return self._heavy

    async def settle_all(self) -> None:
        """Run until every step is settled, or one has taken the composition down. Raises what is a
        bug."""
        timer = self._loop.call_at(self._waits_until, self._end_waiting)
        try:
            self._check_own_inputs()
            if not self._done.done():
                await self._done
            self._done.result()
        finally:
            timer.cancel()
            self.progress.is_over = True
            for handle in (*self._in_flight.values(), *self._heavy_steps):
                handle.cancel()

    # -------------------------------------------------------------------- beginning a step

    def _check_own_inputs(self) -> None:
        """Begin with rule 5."""
        own = self._prepared.own_inputs
        if not own:
            self._advance()
            return
        budget = Budget(self._requests.most, "the run's requests")
        root, caller = self.progress.root, self._inputs.caller
        if self.read_weight <= self._calls.limits.off_loop_bytes:
            self._take_check(refused_inputs(own, root, budget, caller))
        else:
            work = self.heavy.run(refused_inputs, own, root, budget, caller)
            self._heavy_steps.append(TaskCall(work, self._take_check))

    @_ends_run_by_bug
    def _take_check(self, refused: tuple[int, Failed] | Failed | Exception | None) -> None:
        match refused:
            case DeadlinePassed() | Failed():
                self.progress.settle(self._prepared.own_inputs[0].step.index, _unsent(refused))
            case Exception():
                raise refused
            case (index, failed):
                self.progress.settle(index, failed)
        self._advance()

    def _advance(self) -> None:
        """Begin every step that is ready: decide on all of them, then send. Steps that need no call
        may make others ready."""
        progress, root, weight = self.progress, self.progress.root, self.read_weight
        planned: list[tuple[int, StepRequest | ManyCalls]] = []
        while progress.ready and not progress.is_over:
            index = progress.begin_next()
            prepared = self._prepared.steps[index]
            inputs = (prepared.step, prepared.render, root, progress.tainted, self._requests)
            if weight > self._calls.limits.off_loop_bytes:
                work = self.heavy.run(plan_calls, *inputs)
                self._heavy_steps.append(TaskCall(work, partial(self._take_plan, index)))
            elif (what := self._begin(index, plan_calls(*inputs))) is not None:
                planned.append((index, what))
        for index, what in planned:
            self._send_first(index, what)
        if progress.is_over and not self._done.done():
            self._done.set_result(None)  # what the loop has ready runs before `settle_all` goes on

    @_ends_run_by_bug
    def _take_plan(
        self, index: int, plan: StepRequest | CallPlan | Value | Skipped | Failed | Exception
    ) -> None:
        if isinstance(plan, DeadlinePassed):
            plan = _unsent(plan)
        if isinstance(plan, Exception):
            raise plan
        if (what := self._begin(index, plan)) is not None:
            self._send_first(index, what)
        self._advance()

    def _begin(
        self, index: int, plan: StepRequest | CallPlan | Value | Skipped | Failed
    ) -> StepRequest | ManyCalls | None:
        """What the step has to send; or settle it, where that is nothing."""
        if isinstance(plan, StepRequest):
            prepared = self._prepared.steps[index]
            if (pages := prepared.step.pages) is None:
                return plan
            return PageCalls(prepared.step, pages, plan, prepared.render, self._requests)
        if isinstance(plan, CallPlan):
            calls = StepCalls(self._prepared.steps[index].step, plan)
            if plan.requests:
                return calls
            plan = calls.combined()
        self.progress.settle(index, plan)
        return None

    # -------------------------------------------------------------------- a step in flight

    def _send_first(self, index: int, what: StepRequest | ManyCalls) -> None:
        if isinstance(what, ManyCalls):
            self._in_flight[index] = what
            for _ in range(what.at_once):
                self._send_next(index, what)
        elif (handle := self._send(index, 0, what)) is not None:
            self._in_flight[index] = handle

    def _send_next(self, index: int, calls: ManyCalls) -> None:
        """Send the next request of a step of many calls, where there is one."""
        if (following := calls.next_request()) is not None:
            place, request = following
            if (handle := self._send(index, place, request)) is not None:
                calls.hold(place, handle)

    def _send(self, index: int, place: int, request: StepRequest) -> Handle | None:
        """Send a request, unless the run is over."""
        progress, prepared = self.progress, self._prepared.steps[index]
        trace, caller = self._inputs.trace, self._inputs.caller
        if progress.is_over:
            return None
        left = self._waits_until - self._loop.time()
        if left <= 0:  # the loop was held, and the timer is late
            self._settle_late()
            return None
        step, keys = prepared.step, prepared.reply_key
        if step.cache is None or keys is None or self._shared is None:
            on_reply = partial(self._take_reply, index, place)
            left, arriving = left + self._reserved, self._arriving
            if prepared.may_be_equal:
                send = partial(self._calls.begin, step, request, left, arriving, trace, caller)
                equal = self._equal = self._equal or EqualCalls(self._calls.counts)
                handle, is_sent = equal.begin(step, request, send, on_reply)
                progress.sent[index] += is_sent
                return handle
            progress.sent[index] += 1
            return self._calls.begin(step, request, left, arriving, trace, caller, on_reply)
        key = keys(request, self._inputs.identity_key, self._inputs.claims)
        # It ends before the waiting does, so that a stored reply can stand in for it.
        deadline = self._deadline.earlier(2 * self._reserved)
        budget, heavy, replies = self._wait_budget, self.heavy, self._replies
        on_send = partial(progress.note_sent, index)
        work = self._shared.call(
            step, step.cache, key, request, deadline, budget, heavy, replies, trace, caller, on_send
        )
        return TaskCall(work, partial(self._take_part, index, place))

    @_ends_run_by_bug
    def _take_reply(
        self, index: int, place: int, reply: UpstreamReply | Failed | Exception
    ) -> None:
        if isinstance(reply, Exception):
            raise reply
        part = self._calls.read(self._prepared.steps[index].step, reply, self._replies)
        if isinstance(part, StepPart):
            self._settle_part(index, place, part)
            return
        reading = TaskCall(part.read(self.heavy), partial(self._take_part, index, place))
        calls = self._in_flight[index]
        if isinstance(calls, ManyCalls):
            calls.hold(place, reading)
        else:
            self._in_flight[index] = reading

    @_ends_run_by_bug
    def _take_part(self, index: int, place: int, part: StepPart | Failed | Exception) -> None:
        if isinstance(part, Exception):
            raise part
        self._settle_part(index, place, StepPart(part) if isinstance(part, Failed) else part)

    def _settle_part(self, index: int, place: int, part: StepPart) -> None:
        outcome: Value | Failed | None = part.value
        self.read_weight += part.weight
        if part.freshness is not UNLIMITED:
            self.freshness.append(part.freshness)
        calls = self._in_flight[index]
        if isinstance(calls, ManyCalls):
            outcome = calls.take(place, part.value)
        if outcome is not None:
            del self._in_flight[index]
            self.progress.settle(index, outcome)
        elif isinstance(calls, ManyCalls):
            self._send_next(index, calls)
        if self.progress.ready or self.progress.is_over:
            self._advance()

    # -------------------------------------------------------------------- the end

    @_ends_run_by_bug
    def _end_waiting(self) -> None:
        self._settle_late()
        self._advance()

    def _settle_late(self) -> None:
        """The deadline. Of a step whose parts are optional, those that are there stay."""
        for index, calls in list(self._in_flight.items()):
            if isinstance(calls, ManyCalls) and (outcome := calls.cut_short(_LATE)) is not None:
                self.progress.settle(index, outcome)
        self.progress.end_waiting()

    def _end_by_bug(self, error: Exception) -> None:
        self.progress.is_over = True
        if not self._done.done():
            self._done.set_exception(error)


_LATE: Final = Failed(Reason.DEADLINE)


def _unsent(late: DeadlinePassed | Failed) -> Failed:
    """The outcome of a step whose request wasn't decided on in time."""
    if isinstance(late, Failed):
        return late
    return Failed(Reason.DEADLINE, detail=str(late), was_sent=False)
