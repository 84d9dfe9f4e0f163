"""Values that an operation's param refuses: whose fault that is, and that nothing is sent."""

import pytest

from tests.support.plan.engine_runs import run
from tests.support.plan.plans import compose, expression, for_each, param, step
from tests.support.upstream.scripted_transport import json_reply


def positive(value):
    if value < 1:
        raise ValueError("must be at least 1")
    return value


def test_value_that_a_param_refuses_fails_the_step_before_any_call():
    composition = compose(
        step("a", "GET /a"),
        step("b", "GET /b", {"n": "a.id"}, params=[param("n", check=positive)]),
    )
    ended = run(composition, {"GET /a": json_reply({"id": 0})})
    assert (ended.failure.status, ended.failure.reason) == (502, "bad_input")
    assert ended.failure.explanation == "its service can't be sent a value"
    assert ended.failure.detail == "n must be at least 1"
    assert ended.targets == ["GET /a"]


@pytest.mark.parametrize("iterated", [False, True])
def test_value_of_the_clients_own_that_a_param_refuses_is_the_clients_fault(iterated):
    composition = compose(
        step(
            "a",
            "GET /a",
            {"n": "each" if iterated else "params.n"},
            params=[param("n", check=positive)],
            for_each=for_each("params.n", "each", 1, 5) if iterated else None,
        )
    )
    ended = run(composition, {}, {"n": [1, 0] if iterated else 0})
    assert (ended.failure.status, ended.failure.reason) == (400, "bad_params")
    assert ended.failure.explanation == "the param 'n' must be at least 1"
    assert ended.targets == []


@pytest.mark.parametrize("source", ["not_null(params.n)", "[params.n][0]", "params.n || `0`"])
def test_value_that_the_composition_made_of_a_param_is_not_the_clients_fault(source):
    made = expression(source, "params")
    composition = compose(step("a", "GET /a", {"n": made}, params=[param("n", check=positive)]))
    failure = run(composition, {}, {"n": 0}).failure
    assert (failure.status, failure.reason) == (502, "bad_input")


def test_value_made_of_the_clients_and_a_steps_is_not_the_clients_fault():
    both = expression("sum([a.id, params.n])", "a")
    composition = compose(
        step("a", "GET /a"),
        step("b", "GET /b", {"n": both}, params=[param("n", check=positive)]),
    )
    failure = run(composition, {"GET /a": json_reply({"id": 0})}, {"n": 0}).failure
    assert (failure.status, failure.reason) == (502, "bad_input")
