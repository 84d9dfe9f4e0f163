"""Running compositions: the engine's front door.

    plan + params → Run (steps, calls, deadline) → joins and merge → Produced | CompositionFailure

Upstream trouble ends in one of the two; what is raised is a bug, or the caller's cancellation.
Reads no files, keeps no cache, knows no web framework. Next: `bff.engine.runs` for the rules of a
run, `bff.engine.inputs` for what a step sends, `bff.engine.bodies` for what a reply becomes.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from bff.engine.calls import Caller
from bff.engine.failures import client_status, degradation, said, write_states
from bff.engine.merge import merge
from bff.engine.outcomes import Failed, Reason
from bff.engine.ports import Transport
from bff.engine.prepared import PreparedComposition, prepare
from bff.engine.results import CompositionFailure, Degradation, Limits, Produced, WriteState
from bff.engine.runs import Run
from bff.errors import EvaluationError
from bff.plan.nodes import Composition
from bff.plan.service_nodes import Service


class Engine:
    """Runs the compositions of one compiled project.

    Belongs to one event loop, like its transport; any number of runs go on at once. `clock` gives
    seconds, for timings alone: deadlines go by the loop's clock.
    """

    def __init__(
        self,
        transport: Transport,
        services: Mapping[str, Service],
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._caller = Caller(transport, services, limits or Limits())
        self._clock = clock
        self.limits = self._caller.limits
        self.in_thread = self._caller.in_thread
        self._prepared: dict[int, PreparedComposition] = {}

    async def run(
        self, composition: Composition, params: Mapping[str, Any], params_weight: int = 0
    ) -> Produced | CompositionFailure:
        """Run every step within the composition's deadline, and merge.

        `params` holds every declared param by name, parsed; `params_weight` says what they weigh
        where that is much (see `bff.engine.bodies`). Cancelling cancels every call.
        """
        # By identity, since plans are compared by value; the preparation keeps the plan alive, so
        # that an id is not given twice.
        prepared = self._prepared.get(id(composition))
        if prepared is None:
            prepared = self._prepared[id(composition)] = prepare(composition)
        run = Run(prepared, params, self._caller, self._clock)
        run.read_weight = params_weight
        await run.settle_all()
        told = tuple(
            each
            for step, outcome in zip(composition.steps, run.outcomes, strict=True)
            if outcome is not None
            and (run.failed_by is None or run.was_begun(step.index))
            and (each := degradation(step, outcome)) is not None
        )
        if run.failed_by is not None:
            return _failure(composition, run, run.failed_by, told)
        try:
            if run.read_weight <= self._caller.limits.off_loop_bytes:
                merged = merge(composition, run.root, run.texts, told)
            else:
                merged = await self._caller.in_thread(merge, composition, run.root, run.texts, told)
        except EvaluationError as error:
            return _unmergeable(composition, run, told, str(error))
        return Produced(merged.body, merged.views, told, run.timings(), merged.ambiguous_matches)


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
        failed.refused,
    )


def _unmergeable(
    composition: Composition, run: Run, told: tuple[Degradation, ...], detail: str
) -> CompositionFailure:
    reason = Reason.EXPRESSION
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
    )


def _write_states(composition: Composition, run: Run) -> Mapping[str, WriteState] | None:
    if not composition.writes:
        return None
    return write_states(composition.steps, run.outcomes, run.calls_sent())
