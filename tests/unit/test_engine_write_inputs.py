"""What writes is sent or fails: neither a null nor an empty list keeps it from being called."""

from typing import Any

import pytest

from tests.support.engine_runs import Ended, run
from tests.support.plans import batch as batch_of
from tests.support.plans import compose, constant, for_each, param, step
from tests.support.scripted import json_reply

OK = json_reply({"id": 1})


def whole_number(value: Any) -> Any:
    if not isinstance(value, int):
        raise ValueError("must be an integer")
    return value


def write(given: Any, source: str = "params.v", **options: Any) -> Ended:
    """A write that sends `source`, of the client's param `v`, as a param with these options."""
    name = options.get("name", "v")
    request = "POST /a/{v}" if options.get("location") == "path" else "POST /a"
    sent = param(**({"name": name, "location": "body"} | options))
    composition = compose(step("a", request, {name: source}, params=[sent]), writes=True)
    return run(composition, {"POST /a": OK}, {"v": given})


def test_null_is_sent_in_a_body_where_the_param_takes_it() -> None:
    ended = write(None)
    assert ended.transport.requests[0].body == b'{"v":null}'


@pytest.mark.parametrize(
    "options",
    [{"check": whole_number}, {"location": "query"}, {"location": "header"}, {"location": "path"}],
    ids=["body that takes none", "query", "header", "path"],
)
def test_null_that_can_not_be_sent_is_the_clients_400_where_it_is_its_own_param(
    options: dict[str, Any],
) -> None:
    failure = write(None, **options).failure
    assert (failure.status, failure.reason) == (400, "bad_params")
    assert failure.refused == ("v", "must have a value")
    assert failure.write_states == {"a": "failed"}


def test_null_that_the_gateway_made_fails_the_step() -> None:
    failure = write(None, "params.v || params.none", check=whole_number).failure
    assert (failure.status, failure.reason) == (502, "bad_input")
    assert failure.write_states == {"a": "failed"}


def test_null_for_an_optional_param_is_left_out() -> None:
    assert write(None, required=False).transport.requests[0].body == b"{}"


def test_empty_list_is_sent_in_a_body() -> None:
    assert write([], is_list=True).transport.requests[0].body == b'{"v":[]}'


@pytest.mark.parametrize("location", ["query", "header", "path"])
def test_empty_list_that_can_not_be_sent_is_the_clients_400(location: str) -> None:
    failure = write([], is_list=True, location=location).failure
    assert (failure.status, failure.reason) == (400, "bad_params")
    assert failure.refused == ("v", "is an empty list, which can't be sent")


@pytest.mark.parametrize("given", [None, [1, None]], ids=["the list", "an element"])
@pytest.mark.parametrize("each", ["for_each", "batch"])
def test_null_to_batch_or_iterate_over_fails_a_write_before_any_call(each: str, given: Any) -> None:
    ids = param("ids", "body", is_list=True, check=lambda values: [*map(whole_number, values)])
    one = param("id", "body", check=whole_number)
    draft = (
        step("a", "POST /a", {"id": "e"}, params=[one], for_each=for_each("params.v", "e"))
        if each == "for_each"
        else step("a", "POST /a", {"ids": "params.v"}, params=[ids], batch=batch_of("ids", 2, 9))
    )
    ended = run(compose(draft, writes=True), {"POST /a": OK}, {"v": given})
    assert ended.targets == []
    assert (ended.failure.status, ended.failure.write_states) == (400, {"a": "failed"})


def test_empty_list_to_batch_or_iterate_over_writes_nothing_and_is_an_empty_list() -> None:
    ids, one = param("ids", "body", is_list=True), param("id", "body")
    composition = compose(
        step("a", "POST /a", {"id": "e"}, params=[one], for_each=for_each("params.v", "e")),
        step("b", "POST /b", {"ids": "params.v"}, params=[ids], batch=batch_of("ids", 2, 9)),
        writes=True,
    )
    ended = run(composition, {}, {"v": []})
    assert ended.payload == {"a": [], "b": []}


def test_when_alone_skips_a_write() -> None:
    composition = compose(
        step("a", "POST /a", {"v": "params.v"}, params=[param("v", "body")], when=constant(None)),
        writes=True,
    )
    assert run(composition, {}, {"v": None}).payload == {"a": None}
