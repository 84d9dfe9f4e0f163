"""What is counted of a run by its result, where no host is needed."""

import pytest

from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    CutRun,
    Degradation,
    RunEnd,
    StepTiming,
)
from bff.telemetry.metrics.definitions.cache import DEGRADATIONS
from bff.telemetry.metrics.definitions.screens import RUNS, STEP_CALLS, STEPS
from bff.telemetry.metrics.families import Metrics
from bff.web.telemetry.run_counts import RunCounts
from tests.support.plan.plans import compose, step
from tests.support.telemetry.counted import counted

SCREEN = compose(step("user", "GET /users/1"), step("orders", "GET /orders"))
RUN = f"{RUNS.name} composition={SCREEN.name} outcome="
OF_USER = f"composition={SCREEN.name} step=user"


def numbers_of(end: RunEnd) -> dict[str, float]:
    metrics = Metrics()
    RunCounts(metrics).count(SCREEN, end)
    return counted(metrics, RUNS, STEPS, STEP_CALLS, DEGRADATIONS)


def test_step_that_calls_for_each_element_counts_every_call() -> None:
    made = CompositionPayload(b"{}", {}, (), (StepTiming("user", 0.0, 1.0, 3, "ok"),))
    assert numbers_of(made) == {
        f"{RUN}ok": 1,
        f"{STEPS.name} {OF_USER} outcome=ok": 1,
        f"{STEP_CALLS.name} {OF_USER}": 3,
    }


def test_payload_that_fails_as_a_whole_has_a_reason_and_no_step() -> None:
    made = CompositionFailure(502, None, "payload_bytes", "", "", None, (), (), None)
    assert numbers_of(made) == {
        f"{RUN}failed": 1,
        f"{DEGRADATIONS.name} composition={SCREEN.name} reason=payload_bytes": 1,
    }


def test_payload_that_fails_by_a_step_counts_that_step_alone() -> None:
    failed = (Degradation("user", "timeout", "http_response_timeout"),)
    made = CompositionFailure(504, "user", "timeout", "", "", None, failed, (), None)
    assert numbers_of(made) == {
        f"{RUN}failed": 1,
        f"{DEGRADATIONS.name} {OF_USER} reason=timeout": 1,
    }


@pytest.mark.parametrize(
    ("status", "outcome"), [(404, "refused"), (503, "failed"), (None, "failed")]
)
def test_payload_that_a_step_refuses_is_no_fault_of_steps_that_get_a_4xx(
    status: int | None, outcome: str
) -> None:
    """A 404 that the client gets is the client's; a 503 beside it is a fault of the service."""
    failures = (
        Degradation("user", "status", "http_response_status", 404),
        Degradation("orders", "status", "http_response_status", status),
    )
    timings = (
        StepTiming("user", 0.0, 1.0, 1, "failed"),
        StepTiming("orders", 0.0, 0.5, 1, "failed"),
    )
    made = CompositionFailure(404, "user", "status", "", "", None, failures, timings, None)
    of_orders = f"composition={SCREEN.name} step=orders"
    assert numbers_of(made) == {
        f"{RUN}refused": 1,
        f"{STEPS.name} {OF_USER} outcome=refused": 1,
        f"{STEP_CALLS.name} {OF_USER}": 1,
        f"{STEPS.name} {of_orders} outcome={outcome}": 1,
        f"{STEP_CALLS.name} {of_orders}": 1,
    }


def test_run_that_is_cancelled_counts_with_the_steps_that_had_begun() -> None:
    timings = (
        StepTiming("user", 0.0, 1.0, 1, "ok"),
        StepTiming("orders", 0.0, 9.0, 2, "cancelled"),
    )
    of_orders = f"composition={SCREEN.name} step=orders"
    assert numbers_of(CutRun("cancelled", timings)) == {
        f"{RUN}cancelled": 1,
        f"{STEPS.name} {OF_USER} outcome=ok": 1,
        f"{STEP_CALLS.name} {OF_USER}": 1,
        f"{STEPS.name} {of_orders} outcome=cancelled": 1,
        f"{STEP_CALLS.name} {of_orders}": 2,
    }


def test_run_that_a_bug_ends_has_failed_as_its_reply_has() -> None:
    assert numbers_of(CutRun("bug", ())) == {
        f"{RUN}failed": 1,
        f"{DEGRADATIONS.name} composition={SCREEN.name} reason=bug": 1,
    }
