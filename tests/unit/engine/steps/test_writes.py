"""Compositions that write: one step after the other, and an honest account when one fails."""

import pytest

from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.steps import Optional
from tests.support.plan.engine_runs import run
from tests.support.plan.plans import compose, for_each, param, step
from tests.support.upstream.scripted_transport import after, json_reply, never, reply

OK = json_reply({"id": 1})


def checkout(charge_optional=False, **more):
    return compose(
        step("stock", "POST /stock"),
        step("charge", "POST /charge", on_failure=Optional() if charge_optional else None),
        step("ship", "POST /ship"),
        step("mail", "POST /mail", on_failure=Optional()),
        writes=True,
        **more,
    )


def states(scripts, composition=None):
    failure = run(composition or checkout(), scripts).failure
    return failure.status, dict(failure.write_states)


def test_steps_run_one_after_the_other_in_declared_order():
    scripts = {f"POST /{name}": after(1, OK) for name in ("stock", "charge", "ship", "mail")}
    ended = run(checkout(), scripts)
    assert ended.targets == ["POST /stock", "POST /charge", "POST /ship", "POST /mail"]
    assert ended.transport.most_in_flight == 1
    assert ended.transport.began_at == [1000, 1001, 1002, 1003]
    assert ended.degraded == []


@pytest.mark.parametrize(
    ("trouble", "status", "state"),
    [
        (Failed(Reason.TIMEOUT), 504, "unknown"),
        (Failed(Reason.DISCONNECTED), 502, "unknown"),
        (Failed(Reason.INCOMPLETE), 502, "unknown"),
        (Failed(Reason.TOO_LARGE, 201), 502, "done"),
        (reply(201, b"<html>"), 502, "done"),
        (reply(200, b"{}", content_encoding="gzip"), 502, "done"),
        (reply(204), 502, "done"),
        (never, 504, "unknown"),
        (Failed(Reason.REFUSED, was_sent=False), 502, "failed"),
        (Failed(Reason.DISCONNECTED, was_sent=False), 502, "failed"),
        (Failed(Reason.CONNECT_TIMEOUT, was_sent=False), 504, "failed"),
        (reply(500), 502, "unknown"),
        (reply(502), 502, "unknown"),
        (reply(503, retry_after="3"), 503, "unknown"),
        (reply(504), 504, "unknown"),
        (reply(400), 502, "failed"),
        (reply(302), 502, "failed"),
    ],
)
def test_step_is_done_where_2xx_was_answered_and_unknown_where_nothing_or_5xx_was(
    trouble, status, state
):
    told = states({"POST /stock": OK, "POST /charge": trouble})
    assert told[0] == status
    assert told[1] == {
        "stock": "done",
        "charge": state,
        "ship": "not started",
        "mail": "not started",
    }


def test_optional_step_that_failed_is_told_when_a_later_one_fails():
    scripts = {"POST /stock": OK, "POST /charge": Failed(Reason.TIMEOUT), "POST /ship": reply(409)}
    assert states(scripts, checkout(charge_optional=True)) == (
        409,
        {"stock": "done", "charge": "unknown", "ship": "failed", "mail": "not started"},
    )


def test_skipped_step_is_done_since_nothing_of_it_is_left_to_do():
    composition = compose(
        step("gift", "POST /gift", when="params.gift"), step("ship", "POST /ship"), writes=True
    )
    assert states({"POST /ship": reply(409)}, composition) == (
        409,
        {"gift": "done", "ship": "failed"},
    )


def test_step_that_a_failed_input_skipped_is_not_started():
    composition = compose(
        step("gift", "GET /gift", on_failure=Optional()),
        step("wrap", "POST /wrap", when="gift.id"),
        step("ship", "POST /ship"),
        writes=True,
    )
    assert states({"GET /gift": reply(500), "POST /ship": reply(409)}, composition) == (
        409,
        {"gift": "failed", "wrap": "not started", "ship": "failed"},
    )


def test_step_refused_before_it_was_sent_is_failed():
    composition = compose(
        step("ship", "POST /ship/{id}", {"id": "params.id || params.none"}),
        step("mail", "POST /mail"),
        writes=True,
    )
    failure = run(composition, {}, {"id": ".."}).failure
    assert failure.write_states == {"ship": "failed", "mail": "not started"}


def test_step_that_reads_is_never_in_doubt():
    composition = compose(step("cart", "GET /cart"), step("ship", "POST /ship"), writes=True)
    assert states({"GET /cart": Failed(Reason.TIMEOUT)}, composition) == (
        504,
        {"cart": "failed", "ship": "not started"},
    )


def test_failure_of_one_call_among_several_leaves_the_step_in_doubt():
    composition = compose(
        step("lines", "POST /lines/{id}", {"id": "x"}, params=[param("id", "path")],
             for_each=for_each("params.ids", "x", concurrency=1)),
        writes=True,
    )  # fmt: skip
    scripts = {"POST /lines/1": OK, "POST /lines/2": reply(409)}
    first = run(composition, scripts, {"ids": [2, 1]}).failure
    later = run(composition, scripts, {"ids": [1, 2]}).failure
    assert first.write_states == {"lines": "failed"}
    assert later.write_states == {"lines": "unknown"}


def test_optional_steps_that_the_deadline_kept_from_starting_are_told_beside_the_required_one():
    scripts = {"POST /stock": OK, "POST /charge": never}
    failure = run(checkout(deadline=1), scripts).failure
    assert (failure.status, failure.step) == (504, "charge")
    assert failure.write_states == {
        "stock": "done",
        "charge": "unknown",
        "ship": "not started",
        "mail": "not started",
    }
    assert [each.step for each in failure.failures] == ["charge"]


def test_response_that_cannot_be_computed_says_that_all_is_done():
    composition = compose(
        step("stock", "POST /stock"), response={"n": "sum(stock.id)"}, writes=True
    )
    assert states({"POST /stock": OK}, composition) == (502, {"stock": "done"})
