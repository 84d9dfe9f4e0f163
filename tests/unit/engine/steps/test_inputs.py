"""When a step is called at all, and with what."""

import pytest

from bff.plan.model.steps import Optional
from tests.support.plan.engine_runs import run
from tests.support.plan.plans import compose, constant, param, step
from tests.support.upstream.scripted_transport import json_reply

OK = json_reply({"id": 1})
ID = param("id", "path")


def asked(params, values, given=None):
    """What one step with these params asks for."""
    composition = compose(
        step("a", "GET /a/{id}", {"id": constant(1), **values}, params=[ID, *params])
    )
    return run(composition, {"GET /a/1": OK}, given)


@pytest.mark.parametrize("value", [None, False, "", [], {}])
def test_when_false_by_jmespath_skips_the_step_and_is_complete(value):
    ended = run(compose(step("a", "GET /a", when="params.v")), {}, {"v": value})
    assert ended.payload == {"a": None}
    assert ended.degraded == []
    assert ended.result.timings[0].outcome == "skipped"


@pytest.mark.parametrize("value", [True, 0, 0.0, 1, "false", [None], {"a": None}])
def test_when_true_by_jmespath_calls_the_step(value):
    ended = run(compose(step("a", "GET /a", when="params.v")), {"GET /a": OK}, {"v": value})
    assert ended.payload == {"a": {"id": 1}}


@pytest.mark.parametrize(
    "needed", [param("id", "path", required=False), param("q"), param("h", "header")]
)
def test_null_for_a_path_param_or_a_required_one_skips_the_step_and_is_complete(needed):
    request = "GET /a/{id}" if needed.name == "id" else "GET /a"
    composition = compose(step("a", request, {needed.name: "params.none"}, params=[needed]))
    ended = run(composition, {})
    assert ended.payload == {"a": None}
    assert ended.degraded == []
    assert ended.targets == []


def test_empty_list_for_a_required_param_that_is_no_list_fails_the_step():
    def refuse(value):
        raise ValueError("must be an integer")

    composition = compose(
        step("a", "GET /a", {"q": constant([])}, params=[param("q", check=refuse)])
    )
    failure = run(composition, {}).failure
    assert (failure.status, failure.reason) == (502, "bad_input")


@pytest.mark.parametrize(
    "null", ["params.null", "params.none || params.null", "params.null.deeper"]
)
def test_null_for_an_optional_param_drops_it_default_or_not(null):
    optional = param("q", required=False)
    with_default = param("limit", default=10)
    ended = asked([optional, with_default], {"q": null, "limit": null}, {"null": None})
    assert ended.targets == ["GET /a/1"]


def test_param_that_refers_to_what_is_absent_is_as_one_that_is_not_bound():
    optional = param("q", required=False)
    with_default = param("limit", default=10)
    bound = {"q": "params.none", "limit": "params.given.none"}
    ended = asked([optional, with_default], bound, {"given": {}})
    assert ended.targets == ["GET /a/1?limit=10"]


def test_param_that_is_not_bound_has_its_default():
    assert asked([param("limit", default=10)], {}).targets == ["GET /a/1?limit=10"]


def test_false_and_zero_and_empty_text_are_values():
    ended = asked([param("q"), param("r"), param("s")], {
        "q": constant(False), "r": constant(0), "s": constant("")})  # fmt: skip
    assert ended.targets == ["GET /a/1?q=false&r=0&s="]


def test_what_a_check_gives_is_what_is_sent():
    assert asked([param("q", check=int)], {"q": "params.q"}, {"q": 5.0}).targets == ["GET /a/1?q=5"]


def test_required_null_and_a_refused_value_skip_or_fail_in_the_order_of_params():
    def refuse(value):
        raise ValueError("refused")

    composition = compose(
        step("a", "GET /a", {"q": "params.none", "r": constant(1)},
             params=[param("q"), param("r", check=refuse)], on_failure=Optional())
    )  # fmt: skip
    assert run(composition, {}).degraded == []
