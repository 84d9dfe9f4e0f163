"""What the engine counts of the replies that it reads, and of the calls that it spares."""

import asyncio

import pytest

from bff.engine.engine import RunObserver
from bff.engine.ports import UpstreamReply
from bff.engine.values.limits import Limits
from bff.engine.values.results import CompositionFailure, CutRun, Inputs, RunEnd
from bff.plan.model.steps import Optional
from bff.telemetry.metrics.definitions.services import EQUAL_CALLS, SCHEMA_BREAKS
from bff.telemetry.metrics.families import Metrics
from tests.support.fake_time import run_in_fake_time
from tests.support.plan.engine_runs import run, run_over
from tests.support.plan.plans import compose, constant, operation, step
from tests.support.upstream.scripted_transport import (
    Script,
    ScriptedTransport,
    json_reply,
    never,
    reply,
)

NUMBER = operation("GET /x", returns=int)


def test_reply_that_breaks_its_schema_counts_once_by_its_operation() -> None:
    metrics = Metrics()
    composition = compose(step("a", NUMBER, on_failure=Optional()))
    for script in (json_reply("text"), json_reply(1), reply(503)):
        run(composition, {"GET /x": script}, metrics=metrics)
    label = (NUMBER.service, NUMBER.name)
    assert metrics.counter(SCHEMA_BREAKS).series == {label: [1]}


def test_heavy_reply_that_breaks_its_schema_counts_as_well() -> None:
    metrics = Metrics()
    composition = compose(step("a", NUMBER, on_failure=Optional(), timeout=60), deadline=60)

    async def read() -> None:  # in real time, since a thread reads it
        transport = ScriptedTransport({"GET /x": json_reply("x")})
        limits = Limits(off_loop_bytes=0)
        await run_over(transport, composition, Inputs({}), limits=limits, metrics=metrics)

    asyncio.run(read())
    assert [cell[0] for cell in metrics.counter(SCHEMA_BREAKS).series.values()] == [1]


def test_calls_that_are_spared_count_by_their_service() -> None:
    metrics = Metrics()
    same = [step(name, "GET /users/{id}", {"id": constant(1)}) for name in ("a", "b", "c")]
    ended = run(compose(*same), {"GET /users/1": json_reply({"id": 1})}, metrics=metrics)
    assert len(ended.targets) == 1
    (count,) = metrics.counter(EQUAL_CALLS).series.values()
    assert count == [2]


THREE = compose(
    step("done", "GET /done"),
    step("slow", "GET /slow"),
    step("after", "GET /{id}", {"id": "slow"}),
)


def seen_of(scripts: dict[str, Script], *, cancels: bool) -> list[RunEnd]:
    """What an observer sees of a run of THREE, which raises."""
    ends: list[RunEnd] = []
    observers: list[RunObserver] = [lambda composition, end: ends.append(end)]

    async def main() -> None:
        transport = ScriptedTransport(scripts)
        running = asyncio.create_task(run_over(transport, THREE, observers=observers))
        await asyncio.sleep(1)
        if cancels:
            running.cancel()
        with pytest.raises(asyncio.CancelledError if cancels else ZeroDivisionError):
            await running

    run_in_fake_time(main())
    return ends


def test_run_that_is_cancelled_ends_once_with_what_its_steps_had_come_to() -> None:
    (end,) = seen_of({"GET /done": json_reply(1), "GET /slow": never}, cancels=True)
    assert isinstance(end, CutRun)
    assert end.by == "cancelled"
    assert [(each.step, each.outcome, each.calls) for each in end.timings] == [
        ("done", "ok", 1),
        ("slow", "cancelled", 1),
    ]


def test_run_that_a_bug_ends_ends_once_for_those_who_count() -> None:
    async def fails(_: object) -> UpstreamReply:
        raise ZeroDivisionError

    (end,) = seen_of({"GET /done": json_reply(1), "GET /slow": fails}, cancels=False)
    assert isinstance(end, CutRun)
    assert (end.by, [each.outcome for each in end.timings]) == ("bug", ["ok", "cancelled"])


def test_run_that_fails_ends_once_with_its_failure() -> None:
    ends: list[RunEnd] = []
    observers: list[RunObserver] = [lambda composition, end: ends.append(end)]
    ended = run(compose(step("a", NUMBER)), {"GET /x": reply(503)}, observers=observers)
    assert ends == [ended.failure]
    assert isinstance(ended.failure, CompositionFailure)
