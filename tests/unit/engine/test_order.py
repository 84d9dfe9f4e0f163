"""Which step begins when, and that nothing is left behind."""

import asyncio
from dataclasses import replace

import pytest

from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.steps import Optional
from tests.support.fake_time import run_in_fake_time
from tests.support.plan.engine_runs import run, run_over
from tests.support.plan.operations import AdapterSchema
from tests.support.plan.plans import compose, operation, param, step
from tests.support.upstream.scripted_transport import (
    ScriptedTransport,
    after,
    json_reply,
    never,
    reply,
)

OK = json_reply({"id": 1})


def test_after_orders_steps_that_share_no_value():
    composition = compose(step("b", "GET /b", after=["a"]), step("a", "GET /a"))
    ended = run(composition, {"GET /a": after(1, OK), "GET /b": OK})
    assert ended.targets == ["GET /a", "GET /b"]
    assert ended.transport.began_at == [1000, 1001]


def test_steps_that_become_ready_together_begin_in_declared_order():
    composition = compose(
        step("c", "GET /c", {"x": "first.id"}),
        step("a", "GET /a", {"x": "first.id"}),
        step("first", "GET /first"),
        step("b", "GET /b", {"x": "first.id"}),
    )
    scripts = dict.fromkeys(["GET /a", "GET /b", "GET /c", "GET /first"], OK)
    ended = run(composition, scripts)
    assert ended.targets == ["GET /first", "GET /c?x=1", "GET /a?x=1", "GET /b?x=1"]


def test_long_chain_of_skipped_steps_ends():
    names = [f"s{number}" for number in range(500)]
    skipped = [
        step(name, "GET /x/{id}", {"id": "params.nothing" if before is None else f"{before}.id"})
        for before, name in zip([None, *names], names, strict=False)
    ]
    ended = run(compose(*skipped, response="s499"), {})
    assert ended.payload is None
    assert ended.degraded == []


def test_composition_without_steps_is_its_response():
    assert run(compose(response="params.id"), {}, {"id": 7}).payload == 7


def test_cancelled_run_cancels_every_call():
    async def main():
        transport = ScriptedTransport({"GET /a": never, "GET /b": never})
        composition = compose(
            step("a", "GET /a", on_failure=Optional()), step("b", "GET /b"), deadline=60
        )
        running = asyncio.create_task(run_over(transport, composition))
        await transport.wait_for_calls(2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert transport.cancelled == ["GET /a", "GET /b"]
        assert transport.in_flight == 0

    run_in_fake_time(main())


def test_bug_in_a_transport_is_raised_and_cancels_the_rest():
    async def main():
        async def broken(_):
            raise RuntimeError("a bug")

        transport = ScriptedTransport({"GET /a": never, "GET /b": broken})
        composition = compose(step("a", "GET /a"), step("b", "GET /b", on_failure=Optional()))
        with pytest.raises(RuntimeError, match="a bug"):
            await run_over(transport, composition)
        assert transport.cancelled == ["GET /a"]

    run_in_fake_time(main())


def test_bug_in_a_callback_is_raised_and_cancels_the_rest():
    class Broken(AdapterSchema):
        def validate(self, body):
            raise RuntimeError("a bug")

    async def main():
        transport = ScriptedTransport({"GET /a": never, "GET /b": after(1, OK)})
        broken = replace(operation("GET /b"), returns=Broken(dict[str, int]))
        composition = compose(step("a", "GET /a"), step("b", broken, on_failure=Optional()))
        with pytest.raises(RuntimeError, match="a bug"):
            await run_over(transport, composition)
        assert transport.cancelled == ["GET /a"]
        assert asyncio.get_running_loop().time() == 1001

    run_in_fake_time(main())


def test_call_that_is_cancelled_from_elsewhere_does_not_leave_the_run_waiting():
    async def main():
        async def cancelled(_):
            raise asyncio.CancelledError

        transport = ScriptedTransport({"GET /a": cancelled})
        composition = compose(step("a", "GET /a"), deadline=60)
        result = await run_over(transport, composition)
        assert (result.status, result.reason) == (502, "disconnected")
        assert asyncio.get_running_loop().time() == 1000

    run_in_fake_time(main())


def test_call_that_will_not_be_cancelled_does_not_hold_the_reply():
    async def main():
        stubborn_ended = asyncio.Event()

        async def stubborn(_):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await stubborn_ended.wait()
            return OK

        transport = ScriptedTransport({"GET /a": stubborn, "GET /b": reply(404)})
        composition = compose(step("a", "GET /a"), step("b", "GET /b"), deadline=60)
        result = await run_over(transport, composition)
        assert result.status == 404
        assert asyncio.get_running_loop().time() == 1000
        stubborn_ended.set()

    run_in_fake_time(main())


def test_timings_tell_when_each_step_began_how_long_it_took_and_how_it_ended():
    async def main():
        transport = ScriptedTransport({"GET /a": after(0.25, OK), "GET /b": Failed(Reason.REFUSED)})
        composition = compose(
            step("a", "GET /a"),
            step("b", "GET /b", {"x": "a.id"}, on_failure=Optional()),
            step("c", "GET /c/{id}", {"id": "b.id"}),
        )
        loop = asyncio.get_running_loop()
        made = await run_over(transport, composition, clock=loop.time)
        return [
            (each.step, each.started_ms, each.duration_ms, each.calls, each.outcome)
            for each in made.timings
        ]

    assert run_in_fake_time(main()) == [
        ("a", 0, 250, 1, "ok"),
        ("b", 250, 0, 1, "failed"),
        ("c", 250, 0, 0, "skipped"),
    ]


def test_timings_of_a_failed_run_tell_what_was_cancelled():
    composition = compose(
        step("a", "GET /a"), step("b", "GET /b"), step("c", "GET /c", {"x": "a.id"})
    )
    ended = run(composition, {"GET /a": never, "GET /b": reply(404)})
    assert [(each.step, each.outcome) for each in ended.failure.timings] == [
        ("a", "cancelled"),
        ("b", "failed"),
    ]


def test_each_call_gets_the_step_timeout_or_what_is_left_of_the_deadline():
    composition = compose(
        step("a", "GET /a", timeout=1.0),
        step("b", "GET /b", {"x": "a.id"}, timeout=1.0, params=[param("x")]),
        deadline=1.5,
    )
    ended = run(composition, {"GET /a": after(0.9, OK), "GET /b": OK})
    assert ended.transport.timeouts == [1.0, pytest.approx(0.6)]
    assert ended.transport.byte_caps == [4 * 1024 * 1024] * 2
