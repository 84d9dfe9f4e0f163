"""How a payload is written from what the steps came to."""

import json

import pytest

from bff.engine.payload.merge import merge, write_json
from bff.engine.values.results import Degradation
from bff.errors import EvaluationError
from tests.support.engine_runs import run
from tests.support.plans import compose, constant, join, step
from tests.support.scripted import json_reply

OK = json_reply({"id": 1})


def test_texts_are_spliced_as_they_are_and_null_where_there_is_none():
    composition = compose(step("a", "GET /a"), step("b", "GET /b"))
    made = merge(composition, {"params": {}, "a": None, "b": None}, [b'{"x": 1.0}', None], [])
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


def test_response_may_be_one_expression():
    composition = compose(step("a", "GET /a"), response="[a.id, params.x]")
    assert run(composition, {"GET /a": OK}, {"x": "y"}).payload == [1, "y"]


def test_degraded_holds_public_names_alone():
    told = [Degradation("a", "refused", "connection_refused", None, "10.0.0.7:9000")]
    composition = compose(response={"d": "degraded"})
    made = merge(composition, {"params": {}}, [], told)
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
    assert ended.result.ambiguous_matches == 1


def test_steps_see_unjoined_values():
    composition = compose(
        step("orders", "GET /orders"),
        step("users", "GET /users", {"x": "orders[0].user"}),
        joins=[join("orders", "user", "users", {"user_id": "id"})],
        response={"o": "orders"},
    )
    scripts = {"GET /orders": json_reply([{"user_id": 1}]), "GET /users": json_reply([{"id": 1}])}
    ended = run(composition, scripts)
    assert ended.targets == ["GET /orders"]  # `orders[0].user` is null there: skipped
    assert ended.payload == {"o": [{"user_id": 1, "user": None}]}


def test_join_source_that_is_no_list_is_502():
    composition = compose(
        step("a", "GET /a"), joins=[join("a", "b", "a.id", {"id": "id"})], response={"a": "a"}
    )
    failure = run(composition, {"GET /a": OK}).failure
    assert (failure.status, failure.step) == (502, None)
