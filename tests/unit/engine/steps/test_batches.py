"""Batches: one call per chunk of distinct elements."""

from dataclasses import replace

import pytest

from bff.plan.model.steps import Optional
from tests.support.plan.engine_runs import run
from tests.support.plan.plans import batch, compose, constant, param, step
from tests.support.upstream.scripted_transport import after, json_reply, never, reply

IDS = param("ids", is_list=True, style="comma")


def products(size=2, most=10, select="products", optional=False, **more):
    return step("products", "GET /p", {"ids": "params.ids"}, params=[IDS],
                batch=batch("ids", size, most, select),
                on_failure=Optional() if optional else None, **more)  # fmt: skip


def page(*ids):
    return json_reply({"products": [{"id": each} for each in ids]})


def rows(*ids):
    return [{"id": each} for each in ids]


def test_batch_asks_for_distinct_elements_in_chunks_and_joins_the_lists_in_chunk_order():
    scripts = {
        "GET /p?ids=3,1": after(2, page(3, 1)),
        "GET /p?ids=2,5": after(1, page(2, 5)),
        "GET /p?ids=4": page(4),
    }
    ended = run(compose(products()), scripts, {"ids": [3, 1, 3, 2, 1, 5, 4]})
    assert ended.payload == {"products": rows(3, 1, 2, 5, 4)}
    assert ended.targets == list(scripts)
    assert ended.result.timings[0].calls == 3


@pytest.mark.parametrize("response", [{"p": "products"}, {"p": "products[]"}])
def test_spliced_and_computed_batches_are_the_same(response):
    scripts = {"GET /p?ids=1,2": page(1, 2), "GET /p?ids=3": page()}
    ended = run(compose(products(), response=response), scripts, {"ids": [1, 2, 3]})
    assert ended.payload == {"p": rows(1, 2)}


@pytest.mark.parametrize("response", [{"p": "products"}, {"p": "products[]"}])
def test_batch_without_select_joins_the_replies_themselves(response):
    scripts = {
        "GET /p?ids=1,2": json_reply(rows(1, 2)),
        "GET /p?ids=3,4": json_reply([]),
        "GET /p?ids=5": json_reply(rows(5)),
    }
    composition = compose(products(select=None, returns=list[dict[str, int]]), response=response)
    assert run(composition, scripts, {"ids": [1, 2, 3, 4, 5]}).payload == {"p": rows(1, 2, 5)}


@pytest.mark.parametrize("select", [None, "products"])
@pytest.mark.parametrize("response", [{"p": "products"}, {"p": "products[]"}])
def test_empty_list_is_an_empty_result_without_a_call(select, response):
    ended = run(compose(products(select=select), response=response), {}, {"ids": []})
    assert ended.payload == {"p": []}
    assert ended.degraded == []


def test_nulls_in_the_list_are_not_asked_for():
    ended = run(compose(products()), {"GET /p?ids=1,2": page(1, 2)}, {"ids": [None, 1, None, 2]})
    assert ended.payload == {"products": rows(1, 2)}
    assert run(compose(products()), {}, {"ids": [None]}).payload == {"products": []}


def test_elements_are_told_apart_as_json_values():
    ended = run(compose(products(size=9)), {"GET /p": page()}, {"ids": [1, True, "1", 1.0, 1]})
    assert ended.targets == ["GET /p?ids=1,true,1"]


def test_elements_are_counted_no_further_than_max():
    """A list of which each element could collide with all others is not hashed to its end."""
    hashed = []

    class Element(str):
        def __hash__(self):
            hashed.append(self)
            return 0

    unlike = [Element(number) for number in range(1000)]
    ended = run(compose(products(most=2, optional=True)), {}, {"ids": unlike})
    assert ended.degraded == [("products", "too_many")]
    assert len(hashed) == 3


def test_null_to_batch_over_skips_even_where_the_param_is_optional():
    optional = param("ids", is_list=True, required=False)
    composition = compose(
        step("p", "GET /p", {"ids": "params.none"}, params=[optional], batch=batch("ids", 2, 9))
    )
    ended = run(composition, {})
    assert ended.payload == {"p": None}
    assert ended.degraded == []


def test_null_from_a_failed_input_skips_a_batch_degraded():
    composition = compose(
        step("a", "GET /a", on_failure=Optional()),
        step("p", "GET /p", {"ids": "a.ids"}, params=[IDS], batch=batch("ids", 2, 9)),
    )
    assert run(composition, {"GET /a": reply(500)}).degraded == [
        ("a", "status"),
        ("p", "input_failed"),
    ]


def test_more_distinct_elements_than_max_fail_the_step_before_any_call():
    ended = run(compose(products(most=2, optional=True)), {}, {"ids": [1, 2, 3]})
    assert ended.degraded == [("products", "too_many")]
    assert ended.targets == []
    ended = run(compose(products(most=2)), {"GET /p": page(1)}, {"ids": [1, 2, 1, 2]})
    assert ended.payload == {"products": rows(1)}


def test_each_chunk_is_checked_by_itself_and_before_any_call():
    def at_most_two(values):
        if len(values) > 2 or 9 in values:
            raise ValueError("no")
        return values

    checked = param("ids", is_list=True, style="comma", check=at_most_two)
    composition = compose(
        step("p", "GET /p", {"ids": "params.ids"}, params=[checked], on_failure=Optional(),
             batch=batch("ids", 2, 9, "products"))
    )  # fmt: skip
    assert run(composition, {"GET /p": page(1)}, {"ids": [1, 2, 3]}).payload == {"p": rows(1, 1)}
    ended = run(composition, {}, {"ids": [1, 2, 9]})
    assert (ended.degraded, ended.targets) == ([("p", "bad_params")], [])


@pytest.mark.parametrize("value", ["abc", 7, {"a": 1}])
def test_what_is_no_list_is_a_bad_input(value):
    ended = run(compose(products(optional=True)), {}, {"ids": value})
    assert ended.degraded == [("products", "bad_input")]


def test_one_failed_chunk_fails_the_step_and_cancels_the_others():
    scripts = {"GET /p?ids=1": never, "GET /p?ids=2": after(1, reply(500)), "GET /p?ids=3": never}
    ended = run(compose(products(size=1, optional=True)), scripts, {"ids": [1, 2, 3]})
    assert ended.payload == {"products": None}
    assert ended.degraded == [("products", "status")]
    assert ended.transport.cancelled == ["GET /p?ids=1", "GET /p?ids=3"]


def test_chunk_made_null_by_statuses_adds_nothing():
    scripts = {"GET /p?ids=1": reply(404), "GET /p?ids=2": page(2)}
    composition = compose(products(size=1, statuses={404: "null"}))
    ended = run(composition, scripts, {"ids": [1, 2]})
    assert (ended.payload, ended.degraded) == ({"products": rows(2)}, [])


def test_selected_null_adds_nothing_and_what_is_no_list_fails_the_step():
    scripts = {"GET /p?ids=1": json_reply({"products": None}), "GET /p?ids=2": page(2)}
    composition = compose(products(size=1, optional=True))
    assert run(composition, scripts, {"ids": [1, 2]}).payload == {"products": rows(2)}
    ended = run(composition, {"GET /p": json_reply({"products": "x"})}, {"ids": [1]})
    assert ended.degraded == [("products", "expression")]


@pytest.mark.parametrize("response", [{"p": "products"}, {"p": "products[]"}])
def test_reply_that_is_no_list_fails_a_batch_without_select(response):
    composition = compose(products(select=None, optional=True), response=response)
    ended = run(composition, {"GET /p": json_reply({"a": 1})}, {"ids": [1]})
    assert ended.degraded == [("products", "expression")]


def test_other_params_go_with_every_chunk():
    composition = compose(
        step("p", "GET /p", {"ids": "params.ids", "lang": constant("de")},
             params=[IDS, param("lang"), param("limit", default=5)],
             batch=batch("ids", 1, 9, "products"))
    )  # fmt: skip
    ended = run(composition, {"GET /p": page()}, {"ids": [1, 2]})
    assert ended.targets == ["GET /p?ids=1&lang=de&limit=5", "GET /p?ids=2&lang=de&limit=5"]


def test_batch_in_a_body_is_a_json_list():
    ids = param("ids", "body", is_list=True)
    composition = compose(
        step("p", "POST /p", {"ids": "params.ids"}, params=[ids], batch=batch("ids", 2, 9))
    )
    ended = run(composition, {"POST /p": json_reply([])}, {"ids": ["a", "b", "c"]})
    assert [each.body for each in ended.transport.requests] == [
        b'{"ids":["a","b"]}',
        b'{"ids":["c"]}',
    ]


@pytest.mark.parametrize("response", [{"p": "products"}, {"p": "products[]"}])
def test_what_an_optional_chunk_that_fails_would_add_is_missing(response):
    """Refused elements, too, are only their chunk's failure."""
    draft = products(size=2)
    alone = replace(draft.step, batch=replace(batch("ids", 2, 10, "products"), is_optional=True))
    scripts = {"GET /p?ids=1,2": page(1, 2), "GET /p?ids=3,4": reply(500), "GET /p?ids=7": page(7)}
    composition = compose(replace(draft, step=alone), response=response)
    ended = run(composition, scripts, {"ids": [1, 2, 3, 4, "a,b", 6, 7]})
    assert ended.payload == {"p": rows(1, 2, 7)}
    assert ended.degraded == [("products", "status")]
    assert ended.result.degraded[0].detail == "2 of 4 failed: "
    nothing = run(composition, {"GET /p": reply(500)}, {"ids": [1]})
    assert (nothing.payload, nothing.degraded) == ({"p": []}, [("products", "status")])
