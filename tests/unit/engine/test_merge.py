"""How a payload is written from what the steps came to."""

import json

import pytest

from bff.engine.payload.joins import Bounds
from bff.engine.payload.merge import merge
from bff.engine.payload.texts import write_json
from bff.engine.values.limits import Limits
from bff.engine.values.results import Degradation
from bff.errors import EvaluationError, TooLargeError
from bff.plan.model.expressions import Template
from bff.plan.types.kinds import ANYTHING
from tests.support.plan.engine_runs import run
from tests.support.plan.plans import compose, constant, join, step
from tests.support.upstream.scripted_transport import json_reply

OK = json_reply({"id": 1})
BOUNDS = Bounds(1000, 1000)


def test_texts_are_spliced_as_they_are_and_null_where_there_is_none():
    composition = compose(step("a", "GET /a"), step("b", "GET /b"))
    made = merge(
        composition, {"params": {}, "a": None, "b": None}, [b'{"x": 1.0}', None], [], BOUNDS
    )
    assert made.body == b'{"a":{"x": 1.0},"b":null}'


def test_views_of_their_own_form_are_written_from_the_same_steps():
    composition = compose(
        step("a", "GET /a"), views={"mobile": {"id": "a.id"}, "whole": {"a": "a"}}
    )
    ended = run(composition, {"GET /a": OK})
    assert {name: json.loads(text) for name, text in ended.result.views.items()} == {
        "mobile": {"id": 1},
        "whole": {"a": {"id": 1}},
    }
    assert ended.targets == ["GET /a"]


def test_degraded_holds_public_names_alone():
    told = [Degradation("a", "refused", "connection_refused", None, "10.0.0.7:9000")]
    composition = compose(response={"d": "degraded"})
    made = merge(composition, {"params": {}}, [], told, BOUNDS)
    assert json.loads(made.body) == {"d": [{"step": "a", "reason": "refused"}]}


@pytest.mark.parametrize("value", [float("inf"), float("nan"), [{"a": [-float("inf")]}]])
def test_number_that_json_does_not_have_is_refused(value):
    with pytest.raises(EvaluationError, match="finite"):
        write_json(value)
    composition = compose(response={"x": constant(value)})
    assert run(composition, {}).failure.status == 502


@pytest.mark.parametrize("value", ["NaN", ["Infinity", {"-Infinity": "NaN"}], 1e308])
def test_texts_that_only_look_like_such_numbers_go_out(value):
    assert json.loads(write_json(value)) == value


def test_lone_surrogate_has_no_utf_8():
    with pytest.raises(EvaluationError):
        write_json({"a": "\ud800"})


def test_join_is_seen_by_the_response_and_by_views_and_its_repeats_are_counted():
    composition = compose(
        step("orders", "GET /orders"),
        step("users", "GET /users"),
        joins=[join("orders", "user", "users", {"user_id": "id"})],
        response={"orders": "orders", "users": "users"},
        views={"names": {"names": "orders[].user.name"}},
    )
    scripts = {
        "GET /orders": json_reply([{"user_id": 1}, {"user_id": 2}]),
        "GET /users": json_reply([{"id": 1, "name": "Ada"}, {"id": 1, "name": "Bob"}]),
    }
    ended = run(composition, scripts)
    assert ended.payload["orders"] == [
        {"user_id": 1, "user": {"id": 1, "name": "Ada"}},
        {"user_id": 2, "user": None},
    ]
    assert json.loads(ended.result.views["names"]) == {"names": ["Ada"]}
    assert ended.result.ambiguous_matches == {"orders.user": 1}


def test_join_source_that_is_no_list_is_502():
    composition = compose(
        step("a", "GET /a"), joins=[join("a", "b", "a.id", {"id": "id"})], response={"a": "a"}
    )
    failure = run(composition, {"GET /a": OK}).failure
    assert (failure.status, failure.step) == (502, None)


@pytest.mark.parametrize("value", ["x" * 991, ["x" * 400, "y" * 586]])
def test_payload_beyond_the_bound_is_too_large_and_one_at_the_bound_is_not(value):
    composition = compose(response={"v": constant(value)})
    exact = len(json.dumps({"v": value}, separators=(",", ":")))
    assert len(merge(composition, {}, [], [], Bounds(0, exact)).body) == exact
    with pytest.raises(TooLargeError):
        merge(composition, {}, [], [], Bounds(0, exact - 1))


def test_view_beyond_the_bound_is_too_large():
    composition = compose(response={}, views={"big": {"v": constant("x" * 1000)}})
    with pytest.raises(TooLargeError):
        merge(composition, {}, [], [], BOUNDS)


def test_steps_that_together_are_beyond_the_bound_make_a_502_too_large():
    composition = compose(step("a", "GET /a"), step("b", "GET /b"))
    big = json_reply("x" * 600)
    failure = run(
        composition, {"GET /a": big, "GET /b": big}, limits=Limits(payload_bytes=1000)
    ).failure
    assert (failure.status, failure.step, failure.reason) == (502, None, "too_large")


def test_value_that_an_expression_refuses_to_build_fails_its_step_as_too_large():
    def too_large(root):
        raise TooLargeError("beyond the bound")

    template = Template(too_large, ANYTHING, frozenset())
    composition = compose(step("a", "GET /a", {"n": template}))
    failure = run(composition, {}).failure
    assert (failure.status, failure.step, failure.reason) == (502, "a", "too_large")
    failure = run(compose(response={"x": template}), {}).failure
    assert (failure.status, failure.step, failure.reason) == (502, None, "too_large")
