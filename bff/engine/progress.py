"""What is settled of a run, what became of it, and which steps may begin. Sends nothing.

Rules:
1. A step is ready the moment every step that it waits for is settled, in declared order among those
   that become ready together. There are no stages.
2. A step is settled once, by its first outcome. Its JSON form and text are in place before any
   step that waits for it is ready.
3. The first failure that takes the composition down ends the run. Of failures that come before
   anybody has acted on that, the first in declared order counts.
4. At the deadline every unsettled step becomes `Failed(DEADLINE)`. Steps in flight count before
   those that were waiting for them.

For one run, on one event loop. The thread for heavy work only reads it.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any, Final

from bff.engine.prepared import PreparedComposition
from bff.engine.steps.failures import takes_composition_down
from bff.engine.values.outcomes import NULL, Failed, Outcome, Reason, Skipped, Value
from bff.engine.values.results import StepOutcome, StepTiming
from bff.plan.model.expressions import HEADERS

_STEP_OUTCOMES: Final[Mapping[type[Outcome | None], StepOutcome]] = {
    Value: "ok",
    Skipped: "skipped",
    Failed: "failed",
    NoneType: "cancelled",
}


class Progress:
    """The steps of one run. `clock` gives seconds for timings alone. `sent` counts the requests of
    each step that were sent; `ready` has the steps that may begin."""

    __slots__ = ("_began_at", "_clock", "_ended_at", "_steps",
                 "_unsettled", "_waits", "failed_by", "in_trouble", "is_over", "outcomes", "ready",
                 "root", "sent", "started_at", "tainted", "texts")  # fmt: skip

    def __init__(
        self, prepared: PreparedComposition, root: dict[str, Any], clock: Callable[[], float]
    ) -> None:
        count = len(prepared.steps)
        self.root = root  # the values that expressions see
        self.outcomes: list[Outcome | None] = [None] * count
        self.texts: list[bytes | None] = [None] * count
        self.tainted: set[str] = set()
        self.failed_by: int | None = None  # the step that took the composition down
        self.in_trouble = False  # some step has no value of its own
        self.is_over = not count  # nothing may be sent any more
        self.sent = [0] * count
        self.ready = deque(prepared.first)
        self._steps = prepared.steps
        self._clock = clock
        self._waits = list(prepared.waits)
        self._unsettled = count
        self._began_at: list[float | None] = [None] * count
        self._ended_at: list[float | None] = [None] * count
        self.started_at = clock()

    def begin_next(self) -> int:
        """The next of the steps that are ready, which begins with that."""
        index = self.ready.popleft()
        self._began_at[index] = self._clock()
        return index

    def settle(self, index: int, outcome: Outcome) -> None:
        """Take a step's outcome, unless it has one."""
        if self.outcomes[index] is not None:
            return
        prepared = self._steps[index]
        name = prepared.step.name
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
                    self.tainted.add(name)
            case Failed():
                if takes_composition_down(prepared.step, outcome):
                    self._fail(index)
                    return
                if outcome.stand_in is None or outcome.lacks_parts:
                    self.tainted.add(name)
                value = outcome.stand_in or prepared.when_failed
        self.root[name] = value.json
        self.texts[index] = value.text
        if prepared.step.reply_headers:
            found = value.headers or {each.name: None for each in prepared.step.reply_headers}
            self.root.setdefault(HEADERS, {})[name] = found
        self._unsettled -= 1
        if not self._unsettled:
            self.is_over = True
        for dependent in prepared.dependents:
            self._waits[dependent] -= 1
            if not self._waits[dependent]:
                self.ready.append(dependent)

    def end_waiting(self) -> None:
        """The deadline (rule 4)."""
        self.is_over = True
        late = [index for index, outcome in enumerate(self.outcomes) if outcome is None]
        for index in late:
            if self._began_at[index] is not None:
                self.settle(index, Failed(Reason.DEADLINE, was_sent=bool(self.sent[index])))
        blamed = self.failed_by
        for index in late:
            self.settle(index, Failed(Reason.DEADLINE, was_sent=False))
        self.failed_by = self.failed_by if blamed is None else blamed

    def note_sent(self, index: int) -> None:
        """A request of the step is sent."""
        self.sent[index] += 1

    def calls_sent(self) -> Sequence[int | None]:
        """By step: the count of requests sent; None where the step did not begin."""
        return [
            None if began is None else sent
            for began, sent in zip(self._began_at, self.sent, strict=True)
        ]

    def was_begun(self, index: int) -> bool:
        """Whether the step began; a step that failed without that failed as the run was over."""
        return index == self.failed_by or self._began_at[index] is not None

    def timings(self) -> tuple[StepTiming, ...]:
        """The times of each step that began, in declared order."""
        now, start = self._clock(), self.started_at
        timings = []
        for index, began in enumerate(self._began_at):
            if began is not None:
                ended, outcome = self._ended_at[index], self.outcomes[index]
                timings.append(
                    StepTiming(
                        self._steps[index].step.name,
                        (began - start) * 1000,
                        ((now if ended is None else ended) - began) * 1000,
                        self.sent[index],
                        _STEP_OUTCOMES[type(outcome)],
                        outcome.dropped if type(outcome) is Value else None,
                    )
                )
        return tuple(timings)

    def _fail(self, index: int) -> None:
        self.is_over = True
        if self.failed_by is None or index < self.failed_by:
            self.failed_by = index
