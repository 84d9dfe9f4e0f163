"""What one run may hold: requests, texts, replies, and the payload with its views."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bff.engine.steps.requests import StepRequest, compile_renderer
from bff.engine.values.limits import FORM_BYTES, HEADER_BYTES, Budget, Limits
from bff.errors import TooLargeError
from bff.plan.compiler.project import compile_project
from bff.plan.model.service import OperationParam
from bff.plan.model.steps import Optional
from bff.plan.params.sendable import TARGET_BYTES
from tests.support.gateway.screens import SCHEMAS, SERVICE
from tests.support.plan.engine_runs import run
from tests.support.plan.plans import batch, compose, for_each, operation, param, step
from tests.support.projects import write_project
from tests.support.upstream.scripted_transport import json_reply

MEGABYTE = 1_000_000
HALF = "x" * 500_000


def peak_bytes(work: Callable[[], object]) -> int:
    """The most that `work` held at once of what it allocated."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_budget_can_be_spent_to_its_end_and_not_beyond() -> None:
    budget = Budget(10, "replies")
    budget.spend(4)
    budget.spend(6)
    with pytest.raises(TooLargeError, match="replies have more than 10 bytes"):
        budget.spend(1)


# ------------------------------------------------------------------------------ requests

NOTE, IDS = param("note", "body"), param("ids", "body", is_list=True)
EACH = step("a", "POST /a/{id}", {"id": "e", "note": "params.text"}, params=[NOTE],
            for_each=for_each("params.ids", "e", most=1000))  # fmt: skip
CHUNKS = step("a", "POST /a", {"ids": "params.ids", "note": "params.text"},
              params=[IDS, NOTE], batch=batch("ids", 1, 1000))  # fmt: skip
PARAMS = {"ids": list(range(600)), "text": HALF}


@pytest.mark.parametrize("draft", [EACH, CHUNKS], ids=["for_each", "batch"])
def test_large_value_for_each_of_many_elements_is_too_large_before_the_first_is_sent(
    draft: Any,
) -> None:
    composition = compose(draft)

    def refuse() -> None:
        ended = run(composition, {}, PARAMS)
        assert ended.targets == []
        assert (ended.failure.status, ended.failure.reason) == (502, "too_large")

    assert peak_bytes(refuse) < 40 * MEGABYTE  # 300 MB without a bound


def test_requests_of_all_steps_of_a_run_count_together() -> None:
    first, second = (
        step(name, f"POST /{name}", {"note": "params.text"}, params=[NOTE]) for name in ("a", "b")
    )
    scripts = {"POST /a": json_reply(1), "POST /b": json_reply(2)}
    limits = Limits(requests_bytes=1000)
    composition = compose(first, second, writes=True)
    assert run(composition, scripts, {"text": "x" * 400}, limits).payload == {"a": 1, "b": 2}
    failure = run(composition, scripts, {"text": "x" * 600}, limits).failure
    assert (failure.status, failure.step, failure.reason) == (502, "b", "too_large")


def test_texts_of_many_params_are_too_large_before_all_are_made() -> None:
    def refuse() -> None:
        bodies = [param(f"p{number}", "body") for number in range(100)]
        texts = {each.name: f"join('{each.name}', params.two)" for each in bodies}
        ended = run(compose(step("a", "POST /a", texts, params=bodies)), {}, {"two": [HALF, HALF]})
        assert ended.failure.reason == "too_large"

    assert peak_bytes(refuse) < 40 * MEGABYTE  # 100 MB without a bound


def rendered(request: str, values: dict[str, Any], *params: OperationParam) -> StepRequest:
    return compile_renderer(operation(request, *params))(values, Budget(MEGABYTE, "requests"))


@pytest.mark.parametrize(
    ("location", "most"),
    [("query", TARGET_BYTES), ("path", TARGET_BYTES), ("header", HEADER_BYTES)],
)
@pytest.mark.parametrize("value", ["x" * 5 * MEGABYTE, ["x"] * 100_000, ["x" * 1000] * 100])
def test_value_that_no_target_and_no_header_holds_is_refused_before_it_is_encoded(
    location: str, most: int, value: Any
) -> None:
    request = "GET /x/{v}" if location == "path" else "GET /x"

    def refuse() -> None:
        with pytest.raises(ValueError, match=f"^v has more than {most} characters"):
            rendered(request, {"v": value}, param("v", location, is_list=isinstance(value, list)))

    assert peak_bytes(refuse) < 6 * MEGABYTE


@pytest.mark.parametrize(("location", "most"), [("query", TARGET_BYTES), ("form", FORM_BYTES)])
@pytest.mark.parametrize("leaf", ["x", [], {}, ["x", "y"]])
def test_object_whose_pairs_repeat_a_long_name_is_refused_before_they_are_built(
    location: str, most: int, leaf: Any
) -> None:
    """200 KB of it made 2 GB, and held the event loop for 15 s."""
    value = {"k" * 500_000: {str(number): leaf for number in range(50_000)}}
    an_object = param("v", location, style="deep_object", required=False)

    def refuse() -> None:
        with pytest.raises(ValueError, match=f"^v has more than {most} characters"):
            rendered("POST /x", {"v": value}, an_object)

    assert peak_bytes(refuse) < 6 * MEGABYTE


def test_target_and_headers_are_bounded_as_they_go_out() -> None:
    at_bound = "x" * (TARGET_BYTES - len("/x?q="))
    assert len(rendered("GET /x", {"q": at_bound}, param("q")).target) == TARGET_BYTES
    with pytest.raises(TooLargeError, match="target"):
        rendered("GET /x", {"q": "ü" * (TARGET_BYTES // 5)}, param("q"))
    headers = [param("a", "header"), param("b", "header")]
    with pytest.raises(TooLargeError, match="headers"):
        rendered("GET /x", {"a": "x" * 20_000, "b": "x" * 20_000}, *headers)


def test_text_that_is_too_long_to_send_is_the_clients_400_where_it_is_its_own_and_else_a_502() -> (
    None
):
    own = compose(step("a", "GET /a", {"q": "params.text"}))
    failure = run(own, {}, PARAMS).failure
    assert (failure.status, failure.reason) == (400, "bad_params")
    assert failure.refused == ("text", "has more than 8192 characters, which can't be sent")
    made = compose(step("a", "GET /a", {"q": "params.text || 'x'"}))
    failure = run(made, {}, PARAMS).failure
    assert (failure.status, failure.reason) == (502, "too_large")


# ------------------------------------------------------------------------------ texts of templates


def template(folder: Path, value: str) -> Callable[[dict[str, Any]], Any]:
    """The function that evaluates what a step sends as a list, or as a text."""
    name = "tags" if value.startswith("[") else "text"
    screen = f"""
        endpoint: GET /screen
        params: {{v: {{type: string, in: query}}}}
        steps: {{look: {{call: shop.look, with: {{{name}: {value}}}}}}}
        """
    folder = write_project(
        folder, {"screen": screen}, services={"shop": SERVICE}, schemas={"shop": SCHEMAS}
    )
    (composition,) = compile_project(folder).compositions
    return next(each.template for each in composition.steps[0].bindings if each.template).evaluate


LARGE = {
    "one text": "'" + "${params.v}" * 60 + "'",
    "a list of texts": "[" + "'a${params.v}', " * 60 + "]",
    "a list of values": "[" + "'${params.v}', " * 60 + "]",
}


@pytest.mark.parametrize("case", LARGE)
def test_template_of_many_large_texts_is_too_large_before_they_are_joined(
    tmp_path: Path, case: str
) -> None:
    evaluate = template(tmp_path, LARGE[case])
    root = {"params": {"v": "x" * MEGABYTE}}

    def refuse() -> None:
        with pytest.raises(TooLargeError):
            evaluate(root)

    assert peak_bytes(refuse) < 10 * MEGABYTE
    assert evaluate({"params": {"v": "x"}})


# ------------------------------------------------------------------------------ replies, payload


def test_replies_of_a_run_are_too_large_together() -> None:
    each = step("a", "GET /a/{id}", {"id": "e"}, for_each=for_each("params.ids", "e", 1))
    scripts = {f"GET /a/{number}": json_reply("x" * 600) for number in range(9)}
    limits = Limits(replies_bytes=2000)
    fits = run(compose(each), scripts, {"ids": [0, 1, 2]}, limits)
    assert len(fits.payload["a"]) == 3
    ended = run(compose(each), scripts, {"ids": list(range(9))}, limits)
    assert (ended.failure.status, ended.failure.reason) == (502, "too_large")
    assert len(ended.targets) == 4  # the fourth is beyond the bound, and ends the step


def test_optional_step_whose_reply_is_beyond_the_bound_is_null_and_smaller_ones_still_fit() -> None:
    steps = [step(name, f"GET /{name}", after=list(before), on_failure=Optional())
             for name, before in [("a", ""), ("b", "a"), ("c", "b")]]  # fmt: skip
    scripts = {"GET /a": json_reply("x" * 600), "GET /b": json_reply("x" * 600),
               "GET /c": json_reply("x")}  # fmt: skip
    ended = run(compose(*steps), scripts, {}, Limits(replies_bytes=1000))
    assert ended.payload == {"a": "x" * 600, "b": None, "c": "x"}
    assert ended.degraded == [("b", "too_large")]


def test_payload_and_all_views_count_together() -> None:
    views = {f"v{number}": {"x": "a", "n": f"`{number}`"} for number in range(20)}
    composition = compose(step("a", "GET /a"), response={"a": "a"}, views=views)
    scripts = {"GET /a": json_reply("x" * 100)}
    assert run(composition, scripts, {}, Limits(payload_bytes=3000)).payload
    failure = run(composition, scripts, {}, Limits(payload_bytes=2000)).failure
    assert (failure.status, failure.step, failure.reason) == (502, None, "too_large")
