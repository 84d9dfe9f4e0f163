"""Large bodies are read by another thread, and so is what reads them; on a real loop."""

import asyncio
import gc
import json
import threading
from dataclasses import replace

import pytest

from bff.engine.values.limits import Limits
from bff.engine.values.results import CompositionFailure, CompositionPayload, Inputs
from bff.errors import EvaluationError
from bff.plan.model.expressions import Template
from bff.plan.model.steps import Optional
from bff.plan.types.kinds import ANYTHING
from tests.support.plan.engine_runs import run_over
from tests.support.plan.operations import AdapterSchema
from tests.support.plan.plans import batch, compose, operation, param, step
from tests.support.upstream.scripted_transport import ScriptedTransport, json_reply

LIMITS = Limits(off_loop_bytes=1000)
ROWS = [{"id": number, "text": "x" * 50} for number in range(40)]


class WatchedSchema(AdapterSchema):
    """Notes the thread that validates, and whether garbage is collected meanwhile."""

    def __init__(self):
        super().__init__(list[dict[str, object]])
        self.seen = []

    def validate(self, body):
        self.seen.append((threading.current_thread() is threading.main_thread(), gc.isenabled()))
        return super().validate(body)


def watched_operation(request="GET /rows", *params):
    schema = WatchedSchema()
    plain = operation(request, *params)
    return replace(plain, returns=schema), schema


def where_it_runs(source):
    """A template that notes whether it is evaluated on the main thread."""
    seen = []

    def evaluate(root):
        seen.append(threading.current_thread() is threading.main_thread())
        return source(root)

    return Template(evaluate, ANYTHING, frozenset({"rows"})), seen


def run_on_a_real_loop(composition, rows=ROWS, params=None):
    async def main():
        transport = ScriptedTransport({"GET /rows": json_reply(rows), "GET /b": json_reply("b")})
        result = await run_over(transport, composition, Inputs(params or {}), limits=LIMITS)
        for _ in range(3):  # what was cancelled just now ends in the loop's next turns
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        return result, transport

    return asyncio.run(main())


@pytest.mark.parametrize(("rows", "on_loop"), [(ROWS[:2], True), (ROWS, False)])
def test_body_is_validated_off_the_loop_when_it_is_large(rows, on_loop):
    request, schema = watched_operation()
    result, _ = run_on_a_real_loop(compose(step("rows", request)), rows)
    assert json.loads(result.body) == {"rows": rows}
    assert schema.seen == [(on_loop, False)]
    assert gc.isenabled()


def test_small_body_that_is_not_json_is_decoded_and_read_off_the_loop():
    request, schema = watched_operation()
    decoded = []

    def decode(body, content_type, most):
        decoded.append(threading.current_thread() is threading.main_thread())
        return body

    lines = replace(request, reply_format="ndjson", decode=decode, decodes_first=True)
    result, _ = run_on_a_real_loop(compose(step("rows", lines)), ROWS[:1])
    assert json.loads(result.body) == {"rows": ROWS[:1]}
    assert (decoded, [on_loop for on_loop, _ in schema.seen]) == ([False], [False])


def test_text_that_a_body_is_decoded_to_has_the_bound_of_a_reply():
    request, schema = watched_operation()
    most = Limits().reply_bytes
    for size, has_room in ((most - 2, True), (most - 1, False)):
        text = b'"' + b"x" * size + b'"'
        decoded = replace(request, decode=lambda *_, text=text: text, decodes_first=True)
        result, _ = run_on_a_real_loop(compose(step("rows", decoded)), ROWS[:1])
        assert isinstance(result, CompositionFailure)
        assert (result.reason, bool(schema.seen)) == (
            ("invalid", True) if has_room else ("too_large", False)
        )
        schema.seen.clear()


def test_inputs_and_merge_over_large_values_leave_the_loop_as_well():
    bound, bound_where = where_it_runs(lambda root: len(root["rows"]))
    merged, merged_where = where_it_runs(lambda root: root["rows"][0]["id"])
    composition = compose(
        step("rows", "GET /rows"),
        step("b", "GET /b", {"n": bound}),
        response={"id": merged, "b": "b"},
    )
    result, transport = run_on_a_real_loop(composition)
    assert json.loads(result.body) == {"id": 0, "b": "b"}
    assert transport.targets() == ["GET /rows", "GET /b?n=40"]
    assert (bound_where, merged_where) == ([False], [False])


def test_step_that_is_skipped_over_large_values_lets_the_next_begin():
    none, _ = where_it_runs(lambda root: None)
    composition = compose(
        step("rows", "GET /rows"),
        step("skipped", "GET /x/{id}", {"id": none}),
        step("b", "GET /b", after=["skipped"]),
        response={"skipped": "skipped", "b": "b"},
    )
    result, _ = run_on_a_real_loop(composition)
    assert json.loads(result.body) == {"skipped": None, "b": "b"}
    assert result.degraded == ()


def test_response_that_fails_over_large_values_is_502():
    def refuse(root):
        raise EvaluationError("no")

    broken, where = where_it_runs(refuse)
    result, _ = run_on_a_real_loop(compose(step("rows", "GET /rows"), response={"x": broken}))
    assert isinstance(result, CompositionFailure)
    assert (result.status, where) == (502, [False])


def test_invalid_large_body_is_invalid():
    request, schema = watched_operation()
    composition = compose(step("rows", request, on_failure=Optional()))
    result, _ = run_on_a_real_loop(composition, ["no row"] * 500)
    assert [each.reason for each in result.degraded] == ["invalid"]
    assert schema.seen == [(False, False)]


def test_bug_over_large_values_is_raised():
    def broken(root):
        raise RuntimeError("a bug")

    template, _ = where_it_runs(broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run_on_a_real_loop(compose(step("rows", "GET /rows"), step("b", "GET /b", {"n": template})))


def test_large_chunks_are_joined_in_order():
    ids = param("ids", is_list=True, style="comma")
    composition = compose(
        step("p", "GET /rows", {"ids": "params.ids"}, params=[ids], batch=batch("ids", 1, 9))
    )
    result, _ = run_on_a_real_loop(composition, params={"ids": [1, 2]})
    assert json.loads(result.body) == {"p": ROWS + ROWS}


def test_deadline_does_not_wait_for_a_large_body_that_is_being_read():
    released = threading.Event()

    class Slow(AdapterSchema):
        def validate(self, body):
            released.wait(10)
            return super().validate(body)

    slow = replace(operation("GET /rows"), returns=Slow(list[object]))
    composition = compose(step("rows", slow, on_failure=Optional()), deadline=0.2)
    try:
        result, _ = run_on_a_real_loop(composition)
    finally:
        released.set()
    assert isinstance(result, CompositionPayload)
    assert [each.reason for each in result.degraded] == ["deadline"]


def test_merge_that_is_not_done_by_the_deadline_is_504():
    released = threading.Event()

    def wait(root):
        released.wait(10)
        return 1

    slow, _ = where_it_runs(wait)
    composition = compose(step("rows", "GET /rows"), response={"x": slow}, deadline=0.2)
    try:
        result, _ = run_on_a_real_loop(composition)
    finally:
        released.set()
    assert isinstance(result, CompositionFailure)
    assert (result.status, result.step, result.reason) == (504, None, "deadline")


def test_heavy_params_are_bound_off_the_loop_from_the_first_step_on():
    bound, where = where_it_runs(lambda root: root["params"]["n"])
    composition = compose(step("b", "GET /b", {"n": bound}))

    async def main(weight):
        transport = ScriptedTransport({"GET /b": json_reply("b")})
        await run_over(transport, composition, Inputs({"n": 1}, weight=weight), limits=LIMITS)

    asyncio.run(main(1000))
    asyncio.run(main(1001))
    assert where == [True, False]
