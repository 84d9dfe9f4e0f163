"""The calls of a step that makes several: which is next, and the value of their parts."""

from abc import abstractmethod
from dataclasses import replace

from bff.engine.answers import Handle
from bff.engine.steps.bodies import combine
from bff.engine.steps.failures import ends_by_status
from bff.engine.steps.inputs import CallPlan
from bff.engine.steps.requests import StepRequest
from bff.engine.values.outcomes import EMPTY_LIST, NULL, Failed, Value, reason_of
from bff.errors import EvaluationError
from bff.plan.model.steps import Step


class ManyCalls:
    """A step of many calls in flight, at most `at_once` of them at a time."""

    __slots__ = ("at_once",)

    at_once: int

    @abstractmethod
    def next_request(self) -> tuple[int, StepRequest] | None:
        """The next request to send, with its place; None where there is none yet."""

    @abstractmethod
    def hold(self, place: int, handle: Handle) -> None:
        """The call for this place is under way."""

    @abstractmethod
    def take(self, place: int, part: Value | Failed) -> Value | Failed | None:
        """Take the part of this place; return the step's outcome, once there is one."""

    @abstractmethod
    def cancel(self) -> None:
        """End the calls that are under way."""

    def cut_short(self, _: Failed) -> Value | Failed | None:
        """The step's outcome where what is missing is late; None where that fails the whole."""
        return None


class StepCalls(ManyCalls):
    """A step's chunks or elements in flight: their requests, the parts of its value, and the calls
    under way by their places among the parts."""

    __slots__ = (
        "_missing", "_next", "_parts", "_replaced", "_requests", "_step", "_under_way",
    )  # fmt: skip

    def __init__(self, step: Step, plan: CallPlan) -> None:
        self.at_once = plan.at_once
        self._step = step
        self._requests = plan.requests
        self._next = 0
        self._missing = {place for place, _ in plan.requests}
        self._parts = [NULL] * plan.parts
        for place in plan.empty:
            self._parts[place] = EMPTY_LIST
        self._replaced = dict(plan.refused)  # the failed parts, in place of which something stands
        self._under_way: dict[int, Handle] = {}

    def next_request(self) -> tuple[int, StepRequest] | None:
        """See `ManyCalls.next_request`."""
        if self._next == len(self._requests):
            return None
        self._next += 1
        return self._requests[self._next - 1]

    def hold(self, place: int, handle: Handle) -> None:
        """See `ManyCalls.hold`."""
        self._under_way[place] = handle

    def take(self, place: int, part: Value | Failed) -> Value | Failed | None:
        """See `ManyCalls.take`."""
        self._under_way.pop(place, None)
        if isinstance(part, Failed):
            if part.stand_in is None and not self._may_lack(part):
                self.cancel()
                return part
            self._replaced[place], part = part, part.stand_in or NULL
        self._parts[place] = part
        self._missing.discard(place)
        return None if self._missing else self.combined()

    def cancel(self) -> None:
        """See `ManyCalls.cancel`."""
        under_way, self._under_way = self._under_way, {}
        for handle in under_way.values():
            handle.cancel()

    def combined(self) -> Value | Failed:
        """The step's value, once no part is missing. Of several failed parts the first in place is
        reported, whichever came first."""
        try:
            value = combine(self._step, self._parts)
        except EvaluationError as error:
            return Failed(reason_of(error), detail=str(error))
        if not self._replaced:
            return value
        first = self._replaced[min(self._replaced)]
        lacking = sum(failed.stand_in is None for failed in self._replaced.values())
        detail = first.detail
        if lacking:
            detail = f"{lacking} of {len(self._parts)} failed: {detail}"
        return replace(first, stand_in=value, detail=detail, lacks_parts=lacking > 0)

    def cut_short(self, late: Failed) -> Value | Failed | None:
        """See `ManyCalls.cut_short`."""
        if self._step.operation.writes or not self._may_lack(late):
            return None  # of writes the reply says which are in doubt, and which were not started
        self.cancel()
        self._replaced |= dict.fromkeys(self._missing, late)
        return self.combined()

    def _may_lack(self, failed: Failed) -> bool:
        return self._step.has_optional_parts and not ends_by_status(self._step, failed)
