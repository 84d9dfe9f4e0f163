"""Running compositions: the engine's front door.

    plan + params → Run (steps, calls, deadline) → joins and merge → Produced | CompositionFailure

Upstream trouble ends in one of the two; what is raised is a bug, or the caller's cancellation.
Reads no files, keeps no cache, knows no web framework. Next: `bff.engine.run` for the rules of a
run, `bff.engine.steps.inputs` for what a step sends, `bff.engine.steps.bodies` for what a reply
becomes.
"""

import time
from collections.abc import Callable, Mapping

from bff.deadline import DeadlinePassed
from bff.engine.heavy_work import HeavyWork
from bff.engine.payload.joins import Bounds
from bff.engine.payload.merge import merge
from bff.engine.ports import ReplyCache, Services
from bff.engine.prepared import PreparedComposition, prepare
from bff.engine.run import Run
from bff.engine.steps.calls import Caller
from bff.engine.steps.failures import client_status, degradation, said, write_states
from bff.engine.steps.shared_calls import SharedCalls
from bff.engine.values.freshness import UNLIMITED, least
from bff.engine.values.outcomes import Failed, Reason, reason_of
from bff.engine.values.results import (
    CompositionFailure,
    Degradation,
    Inputs,
    Limits,
    Produced,
    WriteState,
)
from bff.errors import EvaluationError, TooManyTagsError
from bff.plan.model.caching import EVERYTHING, PurgedTags, bounded_tags
from bff.plan.model.composition import Composition, Root


class Engine:
    """Runs the compositions of one compiled project.

    Belongs to one event loop, like its services; any number of runs go on at once. `clock` gives
    seconds, for timings alone: deadlines go by the loop's clock.
    """

    def __init__(
        self,
        services: Services,
        heavy_work: HeavyWork,
        *,
        replies: ReplyCache | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._caller = Caller(services, limits or Limits())
        self._shared = None if replies is None else SharedCalls(self._caller, replies)
        self._heavy_work = heavy_work
        self._clock = clock
        self.limits = self._caller.limits

    def prepare(self, composition: Composition) -> PreparedComposition:
        """The composition in the form that `run` takes; to be made once and held."""
        return prepare(composition)

    async def run(
        self, prepared: PreparedComposition, inputs: Inputs
    ) -> Produced | CompositionFailure:
        """Run every step by the deadline, and merge. Cancelling cancels every call."""
        composition = prepared.composition
        run = Run(prepared, inputs, self._caller, self._shared, self._heavy_work, self._clock)
        await run.settle_all()
        told = _told(composition, run) if run.in_trouble else ()
        if run.failed_by is not None:
            return _failure(composition, run, run.failed_by, told)
        bounds = Bounds(run.read_weight, self.limits.payload_bytes)
        try:
            if run.read_weight <= self._caller.limits.off_loop_bytes:
                merged = merge(composition, run.root, run.texts, told, bounds)
            else:
                merged = await run.heavy.run(merge, composition, run.root, run.texts, told, bounds)
        except EvaluationError as error:
            return _unmergeable(composition, run, told, reason_of(error), str(error))
        except DeadlinePassed as error:
            return _unmergeable(composition, run, told, Reason.DEADLINE, str(error))
        return Produced(
            merged.body,
            merged.views,
            told,
            run.timings(),
            merged.ambiguous_matches,
            least(run.freshness) if run.freshness else UNLIMITED,
            merged.tags,
            _purges(composition, run, merged.root),
            merged.untagged,
        )


def _told(composition: Composition, run: Run) -> tuple[Degradation, ...]:
    """The failures that were known when the run ended, in declared order."""
    return tuple(
        each
        for step, outcome in zip(composition.steps, run.outcomes, strict=True)
        if outcome is not None
        and (run.failed_by is None or run.was_begun(step.index))
        and (each := degradation(step, outcome)) is not None
    )


def _failure(
    composition: Composition, run: Run, index: int, told: tuple[Degradation, ...]
) -> CompositionFailure:
    step, failed = composition.steps[index], run.outcomes[index]
    assert isinstance(failed, Failed)  # noqa: S101  (what `failed_by` means)
    status, retry_after = client_status(step, failed)
    return CompositionFailure(
        status,
        step.name,
        failed.reason.word,
        said(failed),
        failed.reason.proxy_error,
        retry_after,
        told,
        run.timings(),
        _write_states(composition, run),
        failed.detail,
        _purges(composition, run, run.root),
        failed.refused,
    )


def _unmergeable(
    composition: Composition,
    run: Run,
    told: tuple[Degradation, ...],
    reason: Reason,
    detail: str,
) -> CompositionFailure:
    return CompositionFailure(
        reason.client_status,
        None,
        reason.word,
        reason.said,
        reason.proxy_error,
        None,
        told,
        run.timings(),
        _write_states(composition, run),
        detail,
        _purges(composition, run, run.root),
    )


def _write_states(composition: Composition, run: Run) -> Mapping[str, WriteState] | None:
    if not composition.writes:
        return None
    return write_states(composition.steps, run.outcomes, run.calls_sent())


def _purges(composition: Composition, run: Run, seen: Root) -> PurgedTags:
    """What a run that wrote anything, or may have, makes out of date: everything, where that is
    more than can be named. What steps that failed would have named is left out: it can't be
    known."""
    states = _write_states(composition, run) if composition.purges else None
    if states is None or not {"done", "unknown"} & set(states.values()):
        return ()
    root = {**dict.fromkeys(step.name for step in composition.steps), **seen}
    found: set[str] = set()
    for each in composition.purges:
        try:
            found.update(each.evaluate(root))
        except TooManyTagsError:
            return EVERYTHING
        except EvaluationError:
            continue
    return bounded_tags(found)
