"""What the engine counts of the replies that it reads, and of the calls that it spares."""

import asyncio

from bff.engine.values.limits import Limits
from bff.engine.values.results import Inputs
from bff.plan.model.steps import Optional
from bff.telemetry.metrics.definitions.services import EQUAL_CALLS, SCHEMA_BREAKS
from bff.telemetry.metrics.families import Metrics
from tests.support.plan.engine_runs import run, run_over
from tests.support.plan.plans import compose, constant, operation, step
from tests.support.upstream.scripted_transport import ScriptedTransport, json_reply, reply

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
