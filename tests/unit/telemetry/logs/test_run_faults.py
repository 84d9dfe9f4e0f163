"""Slow steps and broken schemas of runs, as the log has them."""

from typing import Any

import pytest

from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    CutRun,
    Degradation,
    RunEnd,
    StepTiming,
)
from bff.plan.model.service import Dropped
from bff.web.logs.log import Log
from bff.web.telemetry.run_faults import RunFaults, schema_breaks
from tests.support.plan.plans import compose, step
from tests.support.telemetry.log_streams import Recorder
from tests.unit.telemetry.logs.test_repeats import Clock

SCREEN = compose(step("user", "GET /users/1"), step("orders", "GET /orders"))


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("first_name: missing", {("first_name", "missing")}),
        ("items.3.price: missing", {("items[].price", "missing")}),
        ("0.price: missing; 12.price: missing; and 7 more", {("[].price", "missing")}),
        ("a.0: int_type; a.0.1: int_type", {("a[]", "int_type"), ("a[][]", "int_type")}),
        ("2 of 5 failed: items.3.price: missing", {("items[].price", "missing")}),
        ("the body of the error: code: string_type", {("code", "string_type")}),
        ("written as another type than declared: x.*: missing", {("x.*", "missing")}),
        ("model_type", {("", "model_type")}),
        ("v2.name: missing", {("v2.name", "missing")}),
        ("not JSON: EOF while parsing a value at line 1 column 0", {("", "not_json")}),
        ("a validator raised KeyError", {("", "other")}),
        ("", {("", "other")}),
    ],
)
def test_place_of_a_break_has_no_index_and_no_value(
    detail: str, expected: set[tuple[str, str]]
) -> None:
    assert set(schema_breaks(detail)) == expected


def lines_of(*runs: RunEnd, slow: float = 1.0) -> list[Any]:
    stream = Recorder()
    log = Log("info", stream)
    faults = RunFaults(log, slow, Clock().later)
    for made in runs:
        faults.note(SCREEN, made)
    faults.close()
    log.flush()
    return stream.lines()


def payload(*timings: StepTiming, degraded: tuple[Degradation, ...] = ()) -> CompositionPayload:
    return CompositionPayload(b"{}", {}, degraded, timings)


def test_step_that_nobody_waits_for_any_longer_is_slow_as_well() -> None:
    (line,) = lines_of(CutRun("cancelled", (StepTiming("user", 0.0, 5000.0, 1, "cancelled"),)))
    assert (line["event.action"], line["bff.step"]) == ("slow step", "user")


def test_write_that_was_sent_and_cut_off_is_in_doubt() -> None:
    """What had an answer is not, nor what was not sent, nor what only reads."""
    buying = compose(
        step("user", "GET /users/1"), step("pay", "POST /pay"), step("ship", "POST /x")
    )
    timings = (
        StepTiming("user", 0.0, 1.0, 1, "cancelled"),
        StepTiming("pay", 0.0, 1.0, 1, "cancelled"),
        StepTiming("ship", 0.0, 1.0, 0, "cancelled"),
    )
    done = (StepTiming("pay", 0.0, 1.0, 1, "ok"),)
    stream = Recorder()
    log = Log("info", stream)
    faults = RunFaults(log, 60.0, Clock().later)
    for end in (CutRun("cancelled", timings), CutRun("cancelled", done)):
        faults.note(buying, end)
    log.flush()
    (line,) = stream.lines()
    assert (line["event.action"], line["bff.step"]) == ("write in doubt", "pay")
    assert line["message"] == f"{buying.name}: the write pay was cut off, and may be done or not"


def test_slowest_of_a_minute_is_the_one_that_is_reported() -> None:
    runs = [payload(StepTiming("user", 0.0, ms, 1, "ok")) for ms in (999.9, 1000.0, 5000.0, 3000.0)]
    first, later = lines_of(*runs)
    assert (first["event.duration"], first["bff.count"]) == (1_000_000_000, 1)
    assert (later["event.duration"], later["bff.count"]) == (5_000_000_000, 2)
    assert later["message"] == f"{SCREEN.name}: the step user took 5000 ms"
    assert later["event.kind"] == "alert"


def test_no_step_is_slow_where_that_is_off() -> None:
    assert lines_of(payload(StepTiming("user", 0.0, 1e9, 1, "ok")), slow=0.0) == []


def test_elements_that_are_left_out_break_their_schema_too() -> None:
    dropped = Dropped(3, "0.price: missing; and 2 more")
    (line,) = lines_of(payload(StepTiming("orders", 0.0, 1.0, 1, "ok", dropped)))
    assert (line["bff.step"], line["bff.field"]) == ("orders", "[].price")


def test_break_that_fails_the_composition_is_reported_and_other_failures_are_not() -> None:
    broken = Degradation("user", "invalid", "http_protocol_error", 200, "name: string_type")
    late = Degradation("orders", "timeout", "http_response_timeout")
    failure = CompositionFailure(
        502, "user", "invalid", "it breaks", "http_protocol_error", None, (broken, late), (), None
    )
    (line,) = lines_of(failure)
    assert (line["bff.step"], line["bff.field"], line["error.type"]) == (
        "user", "name", "string_type",
    )  # fmt: skip
