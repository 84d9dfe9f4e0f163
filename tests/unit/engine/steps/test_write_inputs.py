"""What writes is sent or fails: neither a null nor an empty list keeps it from being called."""

import asyncio
from typing import Any

import pytest

from bff.engine.values.results import CompositionPayload, Inputs
from bff.plan.model.steps import Optional
from tests.support.plan.engine_runs import Ended, run, run_over
from tests.support.plan.plans import Draft, compose, constant, for_each, param, step
from tests.support.plan.plans import batch as batch_of
from tests.support.upstream.scripted_transport import ScriptedTransport, json_reply

OK = json_reply({"id": 1})


def whole_number(value: Any) -> Any:
    if not isinstance(value, int):
        raise ValueError("must be an integer")
    return value


ABSENT = object()  # for a param that the client leaves out


def write(given: Any, source: str = "params.v", **options: Any) -> Ended:
    """A write that sends `source`, of the client's param `v`, as a param with these options."""
    name = options.get("name", "v")
    request = "POST /a/{v}" if options.get("location") == "path" else "POST /a"
    sent = param(**({"name": name, "location": "body"} | options))
    composition = compose(step("a", request, {name: source}, params=[sent]), writes=True)
    return run(composition, {"POST /a": OK}, {} if given is ABSENT else {"v": given})


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
    assert failure.write_states == {"a": "not started"}


def test_null_that_the_gateway_made_fails_the_step() -> None:
    failure = write(None, "params.v || params.none", check=whole_number).failure
    assert (failure.status, failure.reason) == (502, "bad_input")
    assert failure.write_states == {"a": "failed"}


@pytest.mark.parametrize(
    ("given", "source", "body"),
    [
        (None, "params.v", b'{"v":null}'),
        (ABSENT, "params.v", b"{}"),
        ({"w": None}, "params.v.w", b'{"v":null}'),
        ({}, "params.v.w", b"{}"),
        (None, "params.v.w", b'{"v":null}'),
        (ABSENT, "params.v.w", b"{}"),
        (ABSENT, "params.v || params.w", b'{"v":null}'),
        (ABSENT, "claims.none", b"{}"),
    ],
)
def test_null_for_an_optional_param_is_sent_in_a_body_and_what_is_absent_is_left_out(
    given: Any, source: str, body: bytes
) -> None:
    assert write(given, source, required=False).transport.requests[0].body == body


@pytest.mark.parametrize("location", ["query", "header", "form"])
def test_null_for_an_optional_param_is_left_out_where_there_is_no_null(location: str) -> None:
    ended = write(None, required=False, location=location)
    assert ended.targets == ["POST /a"]
    assert ended.transport.requests[0].body in (None, b"")


def test_what_is_absent_can_not_stand_for_a_null_that_is_required() -> None:
    failure = write(ABSENT).failure
    assert (failure.status, failure.refused) == (400, ("v", "must have a value"))


def test_null_that_stems_from_a_failure_clears_nothing() -> None:
    composition = compose(
        step("read", "GET /read", on_failure=Optional()),
        step("a", "POST /a", {"v": "read.v"}, params=[param("v", "body", required=False)]),
        writes=True,
    )
    ended = run(composition, {"GET /read": json_reply({}, 500), "POST /a": OK})
    assert ended.transport.requests[-1].body == b"{}"


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
    assert (ended.failure.status, ended.failure.write_states) == (400, {"a": "not started"})


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


# ------------------------------------------------------------------------------ before all writes

NUMBER = param("n", "body", check=whole_number)
BEFORE = step("before", "POST /before", {"x": constant(1)}, params=[param("x", "body")])
LATE = {
    "a value": step("late", "POST /l", {"n": "params.v"}, params=[NUMBER]),
    "a value beside one of another step": step(
        "late", "POST /l/{id}", {"id": "before.id", "n": "params.v"}, params=[NUMBER]
    ),
    "a segment of a path": step("late", "POST /l/{n}/x", {"n": "params.v"}),
    "an element": step("late", "POST /l", {"n": "e"}, params=[NUMBER],
                       for_each=for_each("params.vs", "e")),
    "a value for each element": step("late", "POST /l", {"n": "params.v", "e": "e"},
                                     params=[NUMBER, param("e", "body")],
                                     for_each=for_each("before.ids", "e")),
    "a chunk": step("late", "POST /l", {"ids": "params.vs"},
                    params=[param("ids", is_list=True, style="comma")],
                    batch=batch_of("ids", 1, 9)),
}  # fmt: skip
BAD = {"v": "..", "vs": [1, "a,b"]}
GOOD = {"v": 1, "vs": [1, 2]}
SCRIPTS = {
    "POST /before": json_reply({"id": 1, "ids": [1]}),
    "POST /l": json_reply([1]),
    "POST /l/1": OK,
    "POST /l/1/x": OK,
}


@pytest.mark.parametrize("weight", [0, 10_000_000], ids=["light params", "heavy params"])
@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_param_that_a_later_step_can_not_send_is_refused_before_anything_is_written(
    late: Draft, weight: int
) -> None:
    """Whoever mends the param and repeats the request writes everything once."""

    async def main(params: dict[str, Any]) -> tuple[Any, list[str]]:
        transport = ScriptedTransport(SCRIPTS)
        composition = compose(BEFORE, late, writes=True)
        return await run_over(transport, composition, Inputs(params, weight=weight)), (
            transport.targets()
        )

    failure, targets = asyncio.run(main(BAD))
    assert targets == []
    assert (failure.status, failure.step, failure.reason) == (400, "late", "bad_params")
    assert failure.refused[0] in BAD
    assert failure.write_states == {"before": "not started", "late": "not started"}
    result, targets = asyncio.run(main(GOOD))
    assert isinstance(result, CompositionPayload)
    assert targets[0] == "POST /before"


@pytest.mark.parametrize("options", [{"when": "before.none"}, {"on_failure": Optional()}])
def test_param_of_a_step_that_may_be_skipped_or_may_fail_refuses_nothing(
    options: dict[str, Any],
) -> None:
    late = step("late", "POST /l", {"n": "params.v"}, params=[NUMBER], **options)
    ended = run(compose(BEFORE, late, writes=True), SCRIPTS, BAD)
    assert ended.payload["late"] is None
    assert ended.targets == ["POST /before"]


def test_composition_that_reads_sends_what_it_can_and_checks_each_step_as_it_begins() -> None:
    first = step("first", "GET /first")
    late = step("late", "GET /l/{n}", {"n": "params.v"}, after=["first"])
    ended = run(compose(first, late), {"GET /first": OK}, BAD)
    assert (ended.failure.status, ended.targets) == (400, ["GET /first"])
