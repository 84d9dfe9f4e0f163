"""Logs the faults of runs: slow steps, replies that break their schemas, with the field, and writes
that were cut off.

Each run is seen once, however many requests wait for it. A new fault has a line at once, then one a
minute (`bff.telemetry.logs.repeats`). The line has no value of a reply.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from bff.engine.values.outcomes import Reason
from bff.engine.values.results import CompositionPayload, CutRun, RunEnd
from bff.plan.model.composition import Composition
from bff.telemetry.logs.repeats import Later, Repeats, on_running_loop
from bff.web.logs.log import Log

_INDEX: Final = re.compile(r"(?<![^.])\d+(?![^.])")
_NO_PLACE: Final = re.compile(r"\s")  # a place is a path of names, without blanks
_KIND: Final = re.compile(r"[a-z_]{1,64}")


class RunFault(NamedTuple):
    """One fault. `field` is the place in the reply, "" for the whole reply. `kind` is the kind of
    error that pydantic reports."""

    action: Literal["slow step", "schema break", "write in doubt", "others"]
    composition: str = ""
    step: str = ""
    operation: str = ""
    field: str = ""
    kind: str = ""


OTHERS: Final = RunFault("others")


class RunFaults:
    """The faults of one process's runs, on its loop. A step is slow from `slow_seconds` on; 0: no
    step is."""

    def __init__(self, log: Log, slow_seconds: float, later: Later = on_running_loop) -> None:
        self._log = log
        self._slow_ms = slow_seconds * 1000 or float("inf")
        self._repeats = Repeats[RunFault](self._report, OTHERS, later)

    def note(self, composition: Composition, end: RunEnd) -> None:
        """A run has ended. See `RunObserver`."""
        for timing in end.timings:
            if timing.duration_ms >= self._slow_ms:
                self._note_slow(composition, timing.step, timing.duration_ms)
            if timing.dropped is not None:
                self._note_break(composition, timing.step, timing.dropped.detail)
            if isinstance(end, CutRun) and timing.outcome == "cancelled" and timing.calls:
                self._note_cut(composition, timing.step)
        if isinstance(end, CutRun):
            return
        for failure in end.degraded if isinstance(end, CompositionPayload) else end.failures:
            if failure.reason == Reason.INVALID.word:
                self._note_break(composition, failure.step, failure.detail)

    def close(self) -> None:
        """Report the counts that are not yet reported."""
        self._repeats.close()

    def _note_slow(self, composition: Composition, step: str, duration_ms: float) -> None:
        operation = _operation(composition, step)
        self._repeats.note(RunFault("slow step", composition.name, step, operation), duration_ms)

    def _note_break(self, composition: Composition, step: str, detail: str) -> None:
        operation = _operation(composition, step)
        for field, kind in sorted(set(schema_breaks(detail))):
            fault = RunFault("schema break", composition.name, step, operation, field, kind)
            self._repeats.note(fault)

    def _note_cut(self, composition: Composition, name: str) -> None:
        """A step that had sent its call was cut off. If it is a write, it may be done or not."""
        step = next(each for each in composition.steps if each.name == name)
        if step.operation.writes:
            operation = step.operation.name
            self._repeats.note(RunFault("write in doubt", composition.name, name, operation))

    def _report(self, fault: RunFault, count: int, duration_ms: float) -> None:
        self._log.event(
            "warning",
            "bff.fault",
            _message(fault, duration_ms),
            {
                "event.action": fault.action,
                "event.duration": int(duration_ms * 1e6) if duration_ms else None,
                "error.type": fault.kind or None,
                "bff.composition": fault.composition or None,
                "bff.step": fault.step or None,
                "bff.operation": fault.operation or None,
                "bff.field": fault.field or None,
                "bff.count": count,
            },
        )


def schema_breaks(detail: str) -> Iterator[tuple[str, str]]:
    """The places and kinds in a failure's detail (see `SchemaReader`), without the indices of
    elements: `2 of 5 failed: items.3.price: missing; name: string_type; and 4 more`."""
    for part in detail.split("; "):
        *before, last = part.split(": ")
        if "not JSON" in before:
            yield "", "not_json"
        elif _KIND.fullmatch(last):
            place = before[-1] if before and not _NO_PLACE.search(before[-1]) else ""
            yield _INDEX.sub("[]", place).replace(".[]", "[]"), last
        elif not re.fullmatch(r"and \d+ more", part):
            yield "", "other"


def _operation(composition: Composition, name: str) -> str:
    return next((each.operation.name for each in composition.steps if each.name == name), "")


def _message(fault: RunFault, duration_ms: float) -> str:
    match fault.action:
        case "slow step":
            return f"{fault.composition}: the step {fault.step} took {duration_ms:.0f} ms"
        case "schema break":
            place = f" at {fault.field}" if fault.field else ""
            return f"{fault.operation} breaks its schema{place}: {fault.kind}"
        case "write in doubt":
            return (
                f"{fault.composition}: the write {fault.step} was cut off, and may be done or not"
            )
        case "others":
            return "other faults of runs, beyond those counted by themselves"
