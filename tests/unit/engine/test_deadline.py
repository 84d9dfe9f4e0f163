"""The deadline ends waiting, not the reply."""

import asyncio

import pytest

from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.steps import Fallback, Optional
from tests.support.fake_time import run_in_fake_time
from tests.support.plan.engine_runs import run, run_over
from tests.support.plan.plans import compose, for_each, step
from tests.support.upstream.scripted_transport import (
    ScriptedTransport,
    after,
    json_reply,
    never,
    reply,
)

OK = json_reply({"id": 1})


def elapsed(composition, scripts):
    async def main():
        loop = asyncio.get_running_loop()
        result = await run_over(ScriptedTransport(scripts), composition)
        return result, loop.time() - 1000

    return run_in_fake_time(main())


def test_optional_steps_that_are_pending_at_the_deadline_are_null_and_the_payload_goes_out():
    composition = compose(
        step("a", "GET /a"),
        step("b", "GET /b", on_failure=Optional()),
        step("c", "GET /c", on_failure=Fallback({"id": 0}, {"id": 0})),
    )
    ended = run(composition, {"GET /a": OK, "GET /b": never, "GET /c": never})
    assert ended.payload == {"a": {"id": 1}, "b": None, "c": {"id": 0}}
    assert ended.degraded == [("b", "deadline"), ("c", "deadline")]
    assert ended.transport.cancelled == ["GET /b", "GET /c"]


@pytest.mark.parametrize(("deadline", "waited"), [(0.4, 0.38), (5.0, 4.95)])
def test_some_of_the_deadline_is_kept_back_for_merging(deadline, waited):
    composition = compose(step("a", "GET /a", on_failure=Optional()), deadline=deadline)
    assert elapsed(composition, {"GET /a": never})[1] == pytest.approx(waited)


def test_required_step_pending_at_the_deadline_is_504():
    composition = compose(
        step("x", "GET /x", on_failure=Optional()),
        step("a", "GET /a"),
        step("b", "GET /b"),
        deadline=1,
    )
    failure = run(composition, dict.fromkeys(["GET /x", "GET /a", "GET /b"], never)).failure
    assert (failure.status, failure.step, failure.reason) == (504, "a", "deadline")
    assert [each.step for each in failure.failures] == ["x", "a", "b"]


def test_step_in_flight_speaks_before_one_that_was_waiting_for_it():
    composition = compose(step("b", "GET /b", {"x": "a.id"}), step("a", "GET /a"), deadline=1)
    failure = run(composition, {"GET /a": never}).failure
    assert failure.step == "a"


def test_required_step_that_waits_for_an_optional_one_speaks_when_it_was_never_begun():
    composition = compose(
        step("a", "GET /a", on_failure=Optional()), step("b", "GET /b", after=["a"]), deadline=1
    )
    failure = run(composition, {"GET /a": never}).failure
    assert (failure.status, failure.step) == (504, "b")


def test_steps_not_begun_at_the_deadline_are_never_called():
    composition = compose(
        step("a", "GET /a", on_failure=Optional()),
        step("b", "GET /b", {"x": "a.id"}, on_failure=Optional()),
        deadline=1,
    )
    ended = run(composition, {"GET /a": never})
    assert ended.payload == {"a": None, "b": None}
    assert ended.targets == ["GET /a"]
    assert [each.step for each in ended.result.timings] == ["a"]


def test_iterating_step_sends_nothing_after_the_deadline():
    composition = compose(
        step("a", "GET /a", {"n": "n"}, for_each=for_each("params.ns", "n", concurrency=1),
             on_failure=Optional()),
        deadline=1,
    )  # fmt: skip
    ended = run(composition, {"GET /a": after(0.4, OK)}, {"ns": [1, 2, 3, 4]})
    assert ended.degraded == [("a", "deadline")]
    assert ended.targets == ["GET /a?n=1", "GET /a?n=2", "GET /a?n=3"]


def test_nothing_is_sent_when_the_loop_was_held_beyond_the_deadline():
    async def main():
        loop = asyncio.get_running_loop()

        async def hold(_):
            loop.jump(3)  # as a long computation would
            return OK

        transport = ScriptedTransport({"GET /a": hold})
        composition = compose(step("a", "GET /a"), step("b", "GET /b", {"x": "a.id"}), deadline=2)
        result = await run_over(transport, composition)
        assert (result.status, result.step, result.reason) == (504, "b", "deadline")
        assert transport.targets() == ["GET /a"]

    run_in_fake_time(main())


def test_timeout_of_the_step_itself_is_told_apart_from_the_deadline():
    composition = compose(
        step("a", "GET /a", timeout=0.5, on_failure=Optional()),
        step("b", "GET /b", timeout=9.0, on_failure=Optional()),
        deadline=5,
    )
    timed_out = Failed(Reason.TIMEOUT)
    ended = run(composition, {"GET /a": after(0.5, timed_out), "GET /b": timed_out})
    assert ended.degraded == [("a", "timeout"), ("b", "deadline")]


def test_run_that_is_done_early_does_not_wait_for_the_deadline():
    composition = compose(step("a", "GET /a"), deadline=5)
    assert elapsed(composition, {"GET /a": after(1, OK)})[1] == 1
    assert elapsed(composition, {"GET /a": after(1, reply(404))})[1] == 1
