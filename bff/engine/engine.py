"""Running compositions: the engine's front door.

    plan + params → Run (steps, calls, deadline) → joins and merge → payload or failure

Upstream trouble ends in one of the two. What is raised is a bug, or the caller's cancellation.
Reads no files, stores nothing, knows no web framework. Next: `bff.engine.run` for the rules of a
run, `bff.engine.steps.inputs` for what a step sends, `bff.engine.steps.bodies` for what a reply
becomes.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bff.deadline import DeadlinePassed
from bff.engine.counts import EngineCounts
from bff.engine.heavy_work import HeavyWork
from bff.engine.payload.joins import Bounds
from bff.engine.payload.merge import merge
from bff.engine.payload.replies import error_members
from bff.engine.ports import ReplyCache, Services
from bff.engine.prepared import PreparedComposition, prepare
from bff.engine.progress import Progress
from bff.engine.run import Run
from bff.engine.steps.calls import DirectCalls
from bff.engine.steps.failures import (
    challenge,
    client_status,
    degradation,
    explain,
    write_states,
)
from bff.engine.steps.shared_calls import SharedCalls
from bff.engine.values.freshness import UNLIMITED, least
from bff.engine.values.limits import Limits
from bff.engine.values.outcomes import Failed, Reason, has_own_value, reason_of
from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    CompositionResult,
    CutRun,
    Degradation,
    Inputs,
    RunEnd,
    WriteState,
)
from bff.engine.values.trace import Trace
from bff.errors import EvaluationError
from bff.plan.model.caching import EVERYTHING, PurgedTags, bounded_tags
from bff.plan.model.composition import Composition
from bff.plan.model.expressions import Root
from bff.plan.model.steps import ErrorReply, Step
from bff.telemetry.logs.repeats import Complaints
from bff.telemetry.metrics.families import Metrics

# Called once for each run, on the loop, however it ends. Raises nothing, and is quick.
RunObserver = Callable[[Composition, RunEnd], None]

_MAY_HAVE_WRITTEN: Final = frozenset[WriteState]({"done", "unknown"})


class Engine:
    """Runs the compositions of one compiled project.

    Belongs to one event loop, like its services; any number of runs go on at once. `clock` gives
    seconds for timings alone: deadlines go by the loop's clock. `observers` see the end of each
    run: of one that many requests wait for, and of one that nobody waits for.
    """

    def __init__(
        self,
        services: Services,
        heavy_work: HeavyWork,
        *,
        replies: ReplyCache | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.perf_counter,
        metrics: Metrics | None = None,
        observers: Sequence[RunObserver] = (),
        complaints: Complaints | None = None,
    ) -> None:
        self.limits = limits or Limits()
        counts = EngineCounts(metrics or Metrics())
        self._calls = DirectCalls(services, self.limits, counts, complaints or Complaints())
        self._shared = None if replies is None else SharedCalls(self._calls, replies)
        self._heavy_work = heavy_work
        self._clock = clock
        self._observers = observers

    def prepare(self, composition: Composition) -> PreparedComposition:
        """The composition in the form that `run` takes. Make it once and hold it."""
        return prepare(composition)

    async def run(self, prepared: PreparedComposition, inputs: Inputs) -> CompositionResult:
        """Run every step by the deadline, and merge. A cancellation cancels every call."""
        run = Run(prepared, inputs, self._calls, self._shared, self._heavy_work, self._clock)
        composition, trace = prepared.composition, inputs.trace
        if trace is not None:
            trace.begin_run(composition.name, run.progress.started_at)
        try:
            result = await self._result_of(run, composition)
        except (Exception, asyncio.CancelledError) as error:
            is_cancelled = isinstance(error, asyncio.CancelledError)
            cut = CutRun("cancelled" if is_cancelled else "bug", run.progress.timings())
            self._note(cut, composition, trace)
            raise
        self._note(result, composition, trace)
        return result

    def _note(self, end: RunEnd, composition: Composition, trace: Trace | None) -> None:
        """A run has ended."""
        if trace is not None:
            trace.end_run(end)
        for observe in self._observers:
            observe(composition, end)

    async def _result_of(self, run: Run, composition: Composition) -> CompositionResult:
        progress = run.progress
        await run.settle_all()
        degraded = _degradations(composition, progress) if progress.in_trouble else ()
        if progress.failed_by is not None:
            failed = progress.outcomes[progress.failed_by]
            assert isinstance(failed, Failed)  # noqa: S101  (what `failed_by` means)
            step = composition.steps[progress.failed_by]
            failure = _failure(composition, progress, degraded, failed, step)
            reply = step.statuses.get(failed.judged_status or 0)
            if isinstance(reply, ErrorReply) and reply.members:
                return await self._with_members(failure, run, reply, failed.error)
            return failure
        bounds = Bounds(run.read_weight, self.limits.payload_bytes)
        try:
            if run.read_weight <= self.limits.off_loop_bytes:
                merged = merge(composition, progress.root, progress.texts, degraded, bounds)
            else:
                merged = await run.heavy.run(
                    merge, composition, progress.root, progress.texts, degraded, bounds
                )
        except EvaluationError as error:
            failed = Failed(reason_of(error), detail=str(error))
            return _failure(composition, progress, degraded, failed)
        except DeadlinePassed as error:
            failed = Failed(Reason.DEADLINE, detail=str(error))
            return _failure(composition, progress, degraded, failed)
        return CompositionPayload(
            merged.body,
            merged.views,
            degraded,
            progress.timings(),
            merged.ambiguous_matches,
            least(run.freshness) if run.freshness else UNLIMITED,
            merged.tags,
            _purges(composition, progress, merged.root),
            merged.untagged,
            merged.head,
        )

    async def _with_members(
        self, failure: CompositionFailure, run: Run, reply: ErrorReply, error: Any
    ) -> CompositionFailure:
        """The failure with the declared members of its problem document."""
        root = run.progress.root
        if run.read_weight <= self.limits.off_loop_bytes:
            return replace(failure, members=error_members(reply, root, error))
        try:
            members = await run.heavy.run(error_members, reply, root, error)
        except DeadlinePassed:
            members = dict.fromkeys(reply.members)
        return replace(failure, members=members)


def _degradations(composition: Composition, progress: Progress) -> tuple[Degradation, ...]:
    """The failures that were known when the run ended, in declared order."""
    return tuple(
        each
        for step, outcome in zip(composition.steps, progress.outcomes, strict=True)
        if outcome is not None
        and (progress.failed_by is None or progress.was_begun(step.index))
        and (each := degradation(step, outcome)) is not None
    )


def _failure(
    composition: Composition,
    progress: Progress,
    failures: tuple[Degradation, ...],
    failed: Failed,
    step: Step | None = None,
) -> CompositionFailure:
    """The failure of a required step, or of the response where there is none."""
    reason = failed.reason
    status, retry_after = client_status(step, failed) if step else (reason.client_status, None)
    return CompositionFailure(
        status,
        None if step is None else step.name,
        reason.word,
        explain(failed),
        reason.proxy_error,
        retry_after,
        failures,
        progress.timings(),
        _write_states(composition, progress),
        failed.detail,
        _purges(composition, progress, progress.root),
        failed.refused,
        challenge=challenge(failed, status),
    )


def _write_states(composition: Composition, progress: Progress) -> Mapping[str, WriteState] | None:
    if not composition.writes:
        return None
    return write_states(composition.steps, progress.outcomes, progress.calls_sent())


def _purges(composition: Composition, progress: Progress, seen: Root) -> PurgedTags:
    """The tags of what a run that wrote, or may have written, makes out of date: everything, where
    they are too many, or can't all be known."""
    states = _write_states(composition, progress) if composition.purges else None
    if states is None or not _MAY_HAVE_WRITTEN & set(states.values()):
        return ()
    unknown = _unknown_values(composition, progress, states)
    root = {**dict.fromkeys(step.name for step in composition.steps), **seen}
    found: set[str] = set()
    for each in composition.purges:
        if not each.roots.isdisjoint(unknown):
            return EVERYTHING
        try:
            found.update(each.evaluate(root))
        except EvaluationError:
            return EVERYTHING
    return bounded_tags(found)


def _unknown_values(
    composition: Composition, progress: Progress, states: Mapping[str, WriteState]
) -> set[str]:
    """The steps that have no value of their own although there may be one. A write that was not
    made has none, so that it makes nothing out of date."""
    return {
        step.name
        for step, outcome in zip(composition.steps, progress.outcomes, strict=True)
        if not has_own_value(outcome)
        and (not step.operation.writes or states[step.name] in _MAY_HAVE_WRITTEN)
    }
