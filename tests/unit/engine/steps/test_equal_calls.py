"""Calls that are equal on the wire are made once in one run."""

from dataclasses import replace

import pytest

from bff.plan.model.steps import Optional
from tests.support.plan.engine_runs import run
from tests.support.plan.plans import compose, constant, for_each, operation, param, step
from tests.support.upstream.scripted_transport import after, json_reply, reply


def users(*names, **more):
    """Steps that get the same user."""
    return [step(name, "GET /users/{id}", {"id": constant(1)}, **more) for name in names]


@pytest.mark.parametrize("seconds", [0, 1])
def test_same_look_up_of_several_steps_is_one_call(seconds):
    scripts = {"GET /users/1": after(seconds, json_reply({"id": 1})), "GET /users/2": json_reply(2)}
    other = step("c", "GET /users/{id}", {"id": constant(2)})
    later = step("d", "GET /users/{id}", {"id": "a.id"})
    ended = run(compose(*users("a", "b"), other, later), scripts)
    assert ended.payload == {"a": {"id": 1}, "b": {"id": 1}, "c": 2, "d": {"id": 1}}
    assert sorted(ended.targets) == ["GET /users/1", "GET /users/2"]
    assert [each.calls for each in ended.result.timings] == [1, 0, 1, 0]


def test_each_step_reads_the_one_reply_by_its_own_schema_and_statuses():
    """Two operations may make the same request."""
    strict, loose = operation("GET /x", returns=int), operation("GET /x", returns=str)
    scripts = {"GET /x": json_reply("text")}
    ended = run(compose(step("a", strict, on_failure=Optional()), step("b", loose)), scripts)
    assert (ended.payload, ended.degraded) == ({"a": None, "b": "text"}, [("a", "invalid")])
    missing = [
        step("a", "GET /x", statuses={404: "null"}),
        step("b", "GET /x", on_failure=Optional()),
    ]
    ended = run(compose(*missing), {"GET /x": reply(404)})
    assert (ended.payload, ended.degraded) == ({"a": None, "b": None}, [("b", "status")])
    assert len(ended.targets) == 1


def test_equal_elements_of_a_list_are_one_call_and_each_has_its_value():
    each = step("r", "GET /r/{id}", {"id": "each"}, for_each=for_each("params.ids", "each"))
    scripts = {"GET /r/1": after(1, json_reply("one")), "GET /r/2": json_reply("two")}
    ended = run(compose(each), scripts, {"ids": [1, 2, 1, 1]})
    assert ended.payload == {"r": ["one", "two", "one", "one"]}
    assert sorted(ended.targets) == ["GET /r/1", "GET /r/2"]


def test_failure_is_shared_like_a_value():
    ended = run(compose(*users("a", "b", on_failure=Optional())), {"GET /users/1": reply(503)})
    assert ended.degraded == [("a", "status"), ("b", "status")]
    assert len(ended.targets) == 1


@pytest.mark.parametrize("difference", ["body", "header", "timeout", "method"])
def test_calls_that_differ_in_anything_are_others(difference):
    own = [param("v", "body" if difference == "body" else "header")]
    steps = []
    for number in (1, 2):
        value = number if difference in ("body", "header") else 0
        method = "PUT" if difference == "method" and number == 2 else "POST"
        reads = replace(operation(f"{method} /x", *own), writes=False)
        timeout = number if difference == "timeout" else 5
        steps.append(step(f"s{number}", reads, {"v": constant(str(value))}, timeout=timeout))
    scripts = {"POST /x": json_reply(1), "PUT /x": json_reply(1)}
    assert len(run(compose(*steps), scripts).targets) == 2


def test_composition_that_writes_reads_again_after_a_write():
    write = step("w", "POST /users", {}, after=["a"])
    first, second = users("a", "b")
    scripts = {"GET /users/1": [json_reply("old"), json_reply("new")], "POST /users": json_reply(1)}
    ended = run(compose(first, write, second, writes=True), scripts)
    assert ended.payload == {"a": "old", "w": 1, "b": "new"}


def test_call_lives_until_the_last_one_who_waits_for_it_has_left():
    """The list fails, which cancels its calls; the plain step still waits for one of them."""
    each = step(
        "r", "GET /r/{id}", {"id": "each"}, for_each=for_each("params.ids", "each"),
        on_failure=Optional(),
    )  # fmt: skip
    alone = step("alone", "GET /r/{id}", {"id": constant(1)})
    scripts = {
        "GET /r/1": after(2, json_reply("one")),
        "GET /r/2": after(1, reply(500)),
        "GET /r/3": after(9, json_reply("three")),
    }
    ended = run(compose(each, alone), scripts, {"ids": [1, 2, 3]})
    assert ended.payload == {"r": None, "alone": "one"}
    assert ended.transport.cancelled == ["GET /r/3"]


def test_call_that_was_cancelled_is_sent_anew_for_whoever_makes_it_later():
    each = step(
        "r", "GET /r/{id}", {"id": "each"}, for_each=for_each("params.ids", "each"),
        on_failure=Optional(),
    )  # fmt: skip
    later = step("later", "GET /r/{id}", {"id": constant(1)}, after=["r"])
    scripts = {"GET /r/1": [after(60, json_reply(0)), json_reply("one")], "GET /r/2": reply(500)}
    ended = run(compose(each, later), scripts, {"ids": [1, 2]})
    assert ended.payload == {"r": None, "later": "one"}
    assert ended.targets == ["GET /r/1", "GET /r/2", "GET /r/1"]
