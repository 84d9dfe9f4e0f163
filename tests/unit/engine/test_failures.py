"""What a failed step means for the payload, for the status, and for the steps after it."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bff.engine.steps.failures import client_status
from bff.engine.values.outcomes import Failed, Reason
from bff.engine.values.results import Degradation, Inputs
from bff.plan.model.steps import Optional
from tests.support.fake_time import run_in_fake_time
from tests.support.plan.engine_runs import run, run_over
from tests.support.plan.plans import compose, expression, for_each, param, step
from tests.support.upstream.scripted_transport import (
    ScriptedTransport,
    after,
    held,
    json_reply,
    never,
    reply,
)

OK = json_reply({"id": 1})


@pytest.mark.parametrize(
    ("answered", "status", "retry_after"),
    [
        (reply(404), 404, None),
        (reply(410), 410, None),
        (reply(401), 502, None),  # of nobody's credentials
        (reply(403), 502, None),
        (reply(409), 409, None),
        (reply(422), 422, None),
        (reply(429, retry_after="7"), 429, "7"),
        (reply(429), 429, None),
        (
            reply(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"),
            429,
            "Wed, 21 Oct 2026 07:28:00 GMT",
        ),
        (reply(429, retry_after="soon\tish"), 429, None),
        (reply(503, retry_after="7"), 503, "7"),
        (reply(503), 502, None),
        (reply(503, retry_after="-1"), 502, None),
        (reply(503, retry_after="1.5"), 502, None),
        (reply(503, retry_after="x" * 500), 502, None),
        (reply(503, retry_after="9" * 21), 502, None),
        (reply(429, retry_after=f"Wed, 21 Oct {10**20} 07:28:00 GMT"), 429, None),
        (reply(429, retry_after=f"Wed, 21 Oct {10**9} 07:28:00 GMT"), 429, None),
        (reply(504), 504, None),
        (reply(500), 502, None),
        (reply(400), 502, None),
        (reply(418), 502, None),
        (reply(302, location="http://elsewhere.test/"), 502, None),
        (reply(304), 502, None),
        (reply(404, retry_after="7"), 404, None),
        (Failed(Reason.TIMEOUT), 504, None),
        (Failed(Reason.CONNECT_TIMEOUT, was_sent=False), 504, None),
        (Failed(Reason.REFUSED, was_sent=False), 502, None),
        (Failed(Reason.UNRESOLVED, was_sent=False), 502, None),
        (Failed(Reason.DISCONNECTED), 502, None),
        (Failed(Reason.TOO_LARGE), 502, None),
        (reply(200, b"<html>"), 502, None),
    ],
)
def test_required_step_that_fails_gives_its_status(answered, status, retry_after):
    failure = run(compose(step("a", "GET /a")), {"GET /a": answered}).failure
    assert (failure.status, failure.step, failure.retry_after) == (status, "a", retry_after)


def test_failure_tells_its_reason_and_what_else_was_known_to_have_failed():
    composition = compose(
        step("a", "GET /a", on_failure=Optional()),
        step("b", "GET /b", after=["a"]),
        step("c", "GET /c", after=["a"]),
    )
    scripts = {"GET /a": Failed(Reason.REFUSED, detail="port 1"), "GET /b": never}
    failure = run(composition, {**scripts, "GET /c": reply(404)}).failure
    assert (failure.step, failure.reason, failure.proxy_error) == (
        "c",
        "status",
        "http_request_error",
    )
    assert failure.failures == (
        Degradation("a", "refused", "connection_refused", None, "port 1"),
        Degradation("c", "status", "http_request_error", 404),
    )
    assert failure.write_states is None


def test_first_required_step_to_fail_speaks_and_cancels_the_rest():
    composition = compose(
        step("a", "GET /a"), step("b", "GET /b"), step("c", "GET /c", {"x": "b.id"})
    )
    ended = run(composition, {"GET /a": after(2, reply(404)), "GET /b": after(1, reply(409))})
    assert (ended.failure.status, ended.failure.step) == (409, "b")
    assert ended.transport.cancelled == ["GET /a"]
    assert ended.targets == ["GET /a", "GET /b"]


def test_of_failures_known_at_the_same_moment_the_first_in_declared_order_speaks():
    async def main():
        gate = asyncio.Event()
        transport = ScriptedTransport(
            {
                "GET /b": held(gate, reply(409)),
                "GET /c": held(gate, reply(422)),
                "GET /a": held(gate, reply(404)),
            }
        )
        # The waiters of a gate go on in the order that they came in: "b" answers first.
        composition = compose(
            step("a", "GET /a", after=["d"]),
            step("b", "GET /b"),
            step("c", "GET /c"),
            step("d", "GET /d"),
        )
        transport.scripts["GET /d"] = OK
        running = asyncio.create_task(run_over(transport, composition))
        await transport.wait_for_calls(4)
        gate.set()
        return await running

    failure = run_in_fake_time(main())
    assert (failure.step, failure.status) == ("a", 404)
    assert [each.step for each in failure.failures] == ["a", "b", "c"]


def test_nothing_is_begun_or_sent_from_the_failure_on():
    async def main():
        gate = asyncio.Event()
        scripts = {"GET /a": held(gate, reply(404)), "GET /b": held(gate, OK)}
        transport = ScriptedTransport({**scripts, "GET /c": held(gate, OK)})
        composition = compose(
            step("a", "GET /a"),
            step("b", "GET /b"),
            step("c", "GET /c", {"n": "n"}, for_each=for_each("params.ns", "n", concurrency=1)),
            step("d", "GET /d", {"id": "b.id"}),
            step("e", "GET /e/{id}", {"id": "b.none"}),
        )
        running = asyncio.create_task(run_over(transport, composition, Inputs({"ns": [1, 2]})))
        await transport.wait_for_calls(3)
        gate.set()  # the loop runs a, b and c in one go
        return await running, transport

    failure, transport = run_in_fake_time(main())
    assert failure.step == "a"
    assert transport.targets() == ["GET /a", "GET /b", "GET /c?n=1"]
    assert [(each.step, each.outcome) for each in failure.timings] == [
        ("a", "failed"),
        ("b", "ok"),
        ("c", "cancelled"),
    ]


def test_nothing_is_sent_when_a_step_fails_before_any_call():
    composition = compose(step("a", "GET /a"), step("b", "GET /b/{id}", {"id": "params.id"}))
    ended = run(composition, {}, {"id": ".."})
    assert (ended.failure.step, ended.targets) == ("b", [])


def test_step_skipped_because_its_input_failed_is_degraded_and_so_are_those_after_it():
    composition = compose(
        step("c", "GET /c/{id}", {"id": "b.id"}),
        step("b", "GET /b/{id}", {"id": "a.id"}),
        step("a", "GET /a", on_failure=Optional()),
    )
    ended = run(composition, {"GET /a": reply(500)})
    assert ended.payload == {"c": None, "b": None, "a": None}
    assert ended.degraded == [("c", "input_failed"), ("b", "input_failed"), ("a", "status")]
    assert ended.result.degraded[0].proxy_error == "proxy_internal_response"


def test_step_whose_null_is_its_own_is_complete_beside_a_failed_input():
    composition = compose(
        step("a", "GET /a", on_failure=Optional()),
        step("b", "GET /b/{id}", {"id": "params.none", "x": "a.id"}, params=[
            param("x", required=False), param("id", "path")]),
    )  # fmt: skip
    ended = run(composition, {"GET /a": reply(500)})
    assert ended.payload == {"a": None, "b": None}
    assert ended.degraded == [("a", "status")]


@pytest.mark.parametrize(
    ("answered", "status"), [(409, 409), (400, 400), (500, 500), (302, 502), (200, 502)]
)
def test_status_declared_fail_ends_the_composition_even_when_the_step_is_optional(answered, status):
    composition = compose(
        step("a", "GET /a", statuses={answered: "fail"}, on_failure=Optional()),
        step("b", "GET /b"),
    )
    ended = run(composition, {"GET /a": reply(answered, b"{}"), "GET /b": never})
    assert (ended.failure.status, ended.failure.step) == (status, "a")


def test_expression_that_meets_a_wrong_value_fails_its_step():
    composition = compose(
        step("a", "GET /a"),
        step("b", "GET /b", {"x": "sum(a.id)"}, on_failure=Optional()),
        step("c", "GET /c", when=expression("length(a.id)"), on_failure=Optional()),
    )
    ended = run(composition, {"GET /a": OK})
    assert ended.degraded == [("b", "expression"), ("c", "expression")]
    assert ended.targets == ["GET /a"]


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
@example("Mon, 01 Jan 9999999999 00:00:00 GMT")
@example("Mon, 01 Jan 2026 00:00:00 +99999999999999")
def test_no_retry_after_raises(text):
    plan = compose(step("a", "GET /a")).steps[0]
    status, wait = client_status(plan, Failed(Reason.STATUS, 429, text))
    assert status == 429
    assert wait in (None, text)
