"""Iteration: one call for each element."""

from dataclasses import replace

import pytest

from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.steps import Optional
from tests.support.plan.engine_runs import run
from tests.support.plan.plans import compose, for_each, param, step
from tests.support.upstream.scripted_transport import after, json_reply, reply


def reviews(concurrency=4, most=10, optional=False, over="params.ids", alone=False, **more):
    """A step of one call for each id; with `alone`, a failed call is its element's own matter."""
    each = replace(for_each(over, "each", concurrency, most), is_optional=alone)
    return step("reviews", "GET /r/{id}", {"id": "each"}, for_each=each,
                on_failure=Optional() if optional else None, **more)  # fmt: skip


@pytest.mark.parametrize("response", [{"r": "reviews"}, {"r": "reviews[*]"}])
def test_iteration_calls_once_per_element_and_keeps_their_order(response):
    scripts = {
        "GET /r/2": after(2, json_reply("two")),
        "GET /r/1": after(1, json_reply("one")),
        "GET /r/3": json_reply("three"),
    }
    ended = run(compose(reviews(), response=response), scripts, {"ids": [2, 1, 3]})
    assert ended.payload == {"r": ["two", "one", "three"]}


def test_no_more_calls_are_in_flight_than_its_concurrency():
    scripts = {"GET /r/1": after(3, json_reply(1))}
    scripts |= {f"GET /r/{each}": after(1, json_reply(each)) for each in range(2, 7)}
    ended = run(compose(reviews(concurrency=2)), scripts, {"ids": [1, 2, 3, 4, 5, 6]})
    assert ended.payload == {"reviews": [1, 2, 3, 4, 5, 6]}
    assert ended.transport.most_in_flight == 2
    # A freed place is taken at once: there are no rounds.
    assert ended.transport.began_at == [1000, 1000, 1001, 1002, 1003, 1003]


def test_element_skipped_for_a_null_or_made_null_by_statuses_is_null():
    scripts = {"GET /r/1": json_reply("one"), "GET /r/3": reply(404)}
    for response in ({"r": "reviews"}, {"r": "[reviews][0]"}):
        composition = compose(reviews(statuses={404: "null"}), response=response)
        ended = run(composition, scripts, {"ids": [1, None, 3]})
        assert ended.payload == {"r": ["one", None, None]}
        assert ended.degraded == []
        assert ended.targets == ["GET /r/1", "GET /r/3"]


def test_iteration_over_nulls_alone_needs_no_call():
    ended = run(compose(reviews()), {}, {"ids": [None, None]})
    assert ended.payload == {"reviews": [None, None]}


def test_iteration_over_an_empty_list_is_an_empty_list_and_over_null_is_null():
    assert run(compose(reviews()), {}, {"ids": []}).payload == {"reviews": []}
    ended = run(compose(reviews()), {}, {"ids": None})
    assert ended.payload == {"reviews": None}
    assert ended.degraded == []


def test_iteration_over_a_failed_input_is_degraded():
    composition = compose(step("a", "GET /a", on_failure=Optional()), reviews(over="a.ids"))
    ended = run(composition, {"GET /a": reply(500)})
    assert ended.degraded == [("a", "status"), ("reviews", "input_failed")]


def test_element_that_a_param_refuses_fails_the_step_before_any_call():
    ended = run(compose(reviews(optional=True)), {}, {"ids": [1, "..", 2]})
    assert (ended.degraded, ended.targets) == ([("reviews", "bad_params")], [])


def test_failed_element_fails_the_step_and_the_others_calls_end_while_other_steps_go_on():
    scripts = {
        "GET /r/1": after(1.5, json_reply(1)),
        "GET /r/2": after(1, Failed(Reason.DISCONNECTED)),
        "GET /slow": after(2, json_reply("slow")),
    }
    composition = compose(reviews(concurrency=2, optional=True), step("slow", "GET /slow"))
    ended = run(composition, scripts, {"ids": [1, 2, 3]})
    assert ended.payload == {"reviews": None, "slow": "slow"}
    assert ended.degraded == [("reviews", "disconnected")]
    assert ended.targets == ["GET /r/1", "GET /r/2", "GET /slow"]
    assert ended.transport.cancelled == ["GET /r/1"]


def test_bindings_see_the_element_beside_the_root():
    composition = compose(
        step("u", "GET /u"),
        step("r", "GET /r/{id}", {"id": "item.id", "u": "u.id"},
             params=[param("id", "path"), param("u")],
             for_each=for_each("params.items", "item")),
        response={"r": "r", "u": "u"},
    )  # fmt: skip
    scripts = {"GET /u": json_reply({"id": 9}), "GET /r": json_reply("x")}
    scripts |= {"GET /r/1": json_reply("one")}
    ended = run(composition, scripts, {"items": [{"id": 1}]})
    assert ended.targets == ["GET /u", "GET /r/1?u=9"]


@pytest.mark.parametrize("response", [{"r": "reviews"}, {"r": "[reviews][0]"}])
def test_optional_element_that_fails_is_null_and_the_first_in_place_is_reported(response):
    """Whichever fails first in time: 4 does here."""
    scripts = {
        "GET /r/1": json_reply("one"),
        "GET /r/2": after(2, reply(503)),
        "GET /r/3": json_reply("three"),
        "GET /r/4": Failed(Reason.REFUSED),
    }
    ended = run(compose(reviews(alone=True), response=response), scripts, {"ids": [1, 2, 3, 4]})
    assert ended.payload == {"r": ["one", None, "three", None]}
    assert ended.degraded == [("reviews", "status")]
    (degradation,) = ended.result.degraded
    assert (degradation.received_status, degradation.detail) == (503, "2 of 4 failed: ")


def test_optional_elements_may_all_fail_and_still_take_turns():
    scripts = {f"GET /r/{each}": after(1, reply(500)) for each in (1, 2, 3)}
    ended = run(compose(reviews(concurrency=1, alone=True)), scripts, {"ids": [1, 2, 3]})
    assert ended.payload == {"reviews": [None, None, None]}
    assert ended.degraded == [("reviews", "status")]
    assert ended.transport.began_at == [1000, 1001, 1002]


def test_what_is_about_no_element_is_the_steps_own_policy():
    many = {"ids": list(range(11))}
    assert run(compose(reviews(alone=True)), {}, many).failure.reason == "too_many"
    optional = run(compose(reviews(alone=True, optional=True)), {}, many)
    assert (optional.payload, optional.degraded) == ({"reviews": None}, [("reviews", "too_many")])


def test_optional_element_that_cannot_be_sent_is_null_and_the_others_are_called():
    scripts = {"GET /r/1": json_reply("one"), "GET /r/3": json_reply("three")}
    ended = run(compose(reviews(alone=True)), scripts, {"ids": [1, "..", 3]})
    assert ended.payload == {"reviews": ["one", None, "three"]}
    assert ended.degraded == [("reviews", "bad_params")]
    alone = run(compose(reviews(alone=True)), {}, {"ids": [".."]})
    assert (alone.payload, alone.degraded) == ({"reviews": [None]}, [("reviews", "bad_params")])


def test_status_that_is_declared_to_fail_fails_even_an_optional_element():
    scripts = {"GET /r/1": reply(402), "GET /r/2": json_reply("two")}
    composition = compose(reviews(alone=True, statuses={402: "fail"}))
    failure = run(composition, scripts, {"ids": [1, 2]}).failure
    assert (failure.status, failure.step) == (402, "reviews")


def test_optional_elements_that_are_late_are_null_and_the_others_stay():
    scripts = {"GET /r/1": json_reply("one"), "GET /r/2": after(60, json_reply("two"))}
    scripts["GET /r/3"] = json_reply("three")
    composition = compose(reviews(concurrency=2, alone=True))
    ended = run(composition, scripts, {"ids": [1, 2, 3]})
    assert ended.payload == {"reviews": ["one", None, "three"]}
    assert ended.degraded == [("reviews", "deadline")]
    assert ended.transport.cancelled == ["GET /r/2"]


def test_step_that_reads_an_element_that_failed_is_reported_as_skipped_for_it():
    scripts = {"GET /r/1": reply(500)}
    first = step("first", "GET /f/{id}", {"id": "reviews[0].id"})
    ended = run(compose(reviews(alone=True), first), scripts, {"ids": [1]})
    assert ended.payload == {"reviews": [None], "first": None}
    assert ended.degraded == [("reviews", "status"), ("first", "input_failed")]


def test_optional_elements_that_are_written_too_late_fail_the_step_which_is_unknown_then():
    each = replace(for_each("params.ids", "each", 1), is_optional=True)
    write = step("w", "POST /r/{id}", {"id": "each"}, for_each=each)
    scripts = {"POST /r/1": json_reply("one"), "POST /r/2": after(60, json_reply("two"))}
    failure = run(compose(write, writes=True), scripts, {"ids": [1, 2, 3]}).failure
    assert (failure.status, failure.write_states) == (504, {"w": "unknown"})
