"""Over generated compositions, upstreams and delays: what holds of every run."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bff.engine.values.outcomes import Failed, Reason
from bff.engine.values.results import CompositionFailure, CompositionPayload, Inputs
from bff.plan.model.composition import Composition
from bff.plan.model.steps import Fail, Fallback, Optional, Step
from tests.support.examples import examples
from tests.support.fake_time import run_in_fake_time
from tests.support.plan.engine_runs import run_over
from tests.support.plan.plans import batch, compose, for_each, param, step
from tests.support.upstream.scripted_transport import ScriptedTransport, json_reply, reply

IDS = param("ids", is_list=True, style="comma")
FALLBACK = {"v": 7, "vs": [7]}


@dataclass(frozen=True)
class World:
    """A composition, and how each of its steps' upstreams answers: the same for every call."""

    composition: Composition
    behaviours: dict[str, str]

    def answer(self, target: str) -> Any:
        """The reply to "/s3/5?x=1": it depends on the target alone."""
        name = target.strip("/").replace("?", "/").split("/")[0]
        match self.behaviours[name]:
            case "missing":
                return reply(404)
            case "broken":
                return reply(500)
            case "refused":
                return Failed(Reason.REFUSED, was_sent=False)
            case "invalid":
                return reply(200, b"<html>")
            case "null":
                return json_reply({"v": None, "vs": None})
            case _:
                some = random.Random(target)
                values = [some.choice([None, 1, 2, 3, 4]) for _ in range(some.randrange(5))]
                return json_reply({"v": some.randrange(3), "vs": values})


FAILING = ["missing", "broken", "refused", "invalid"]


@st.composite
def worlds(draw, *, required_may_fail=False):
    count = draw(st.integers(1, 6))
    order = draw(st.permutations(range(count)))  # needs may point forward in declared order
    rank = {name: place for place, name in enumerate(order)}
    drafts, behaviours = [], {}
    for number in range(count):
        name = f"s{number}"
        earlier = [f"s{other}" for other in range(count) if rank[other] < rank[number]]
        source = draw(st.sampled_from(earlier)) if earlier else None
        values = f"{source}.vs" if source else "params.vs"
        value = f"{source}.v" if source else "params.v"
        shape = draw(st.sampled_from(["path", "query", "list", "batch", "for_each", "alone"]))
        on_failure = draw(st.sampled_from([Fail(), Optional(), Fallback(FALLBACK, FALLBACK)]))
        behaviour = draw(st.sampled_from(["fine", "fine", "null", *FAILING]))
        if isinstance(on_failure, Fail) and behaviour in FAILING and not required_may_fail:
            behaviour = "fine"
        behaviours[name] = behaviour
        more: dict[str, Any] = {
            "on_failure": on_failure,
            "statuses": draw(st.sampled_from([{}, {404: "null"}])),
            "after": draw(st.lists(st.sampled_from(earlier), max_size=2)) if earlier else [],
        }
        if draw(st.booleans()) and earlier:
            more["when"] = f"{draw(st.sampled_from(earlier))}.v"
        match shape:
            case "path":
                draft = step(name, f"GET /{name}/{{id}}", {"id": value}, **more)
            case "query":
                optional = param("x", required=False)
                draft = step(name, f"GET /{name}", {"x": value}, params=[optional], **more)
            case "list":
                draft = step(name, f"GET /{name}", {"ids": f"{values}[?@]"}, params=[IDS], **more)
            case "batch":
                draft = step(name, f"GET /{name}", {"ids": values}, params=[IDS],
                             batch=batch("ids", 2, 10, "vs"), **more)  # fmt: skip
            case "for_each":
                draft = step(name, f"GET /{name}/{{id}}", {"id": "each"},
                             for_each=for_each(values, "each", 2, 10), **more)  # fmt: skip
            case _:
                draft = step(name, f"GET /{name}", **more)
        drafts.append(draft)
    names = [f"s{number}" for number in range(count)]
    response = {name: name if draw(st.booleans()) else f"[{name}][0]" for name in names}
    composition = compose(*drafts, response={**response, "degraded": "degraded"}, deadline=100)
    return World(composition, behaviours)


PARAMS = {"v": 1, "vs": [3, None, 1, 3]}


def run(world: World, seed: int, longest: float = 9.0):
    """The result, and the transport; each call takes a time that follows from the seed."""

    async def main():
        async def answer(request):
            target = request.url.removeprefix("http://upstream.test")
            await asyncio.sleep(random.Random(f"{seed}{target}").uniform(0, longest))
            return world.answer(target)

        scripts = {}
        transport = ScriptedTransport(scripts)
        transport.scripts = AnyKey(answer)
        result = await run_over(transport, world.composition, Inputs(PARAMS))
        assert transport.in_flight == 0
        return result, transport, asyncio.get_running_loop().time() - 1000

    return run_in_fake_time(main())


class AnyKey(dict):
    """The same script for every request."""

    def __init__(self, script):
        super().__init__()
        self.script = script

    def __contains__(self, key):
        return True

    def __getitem__(self, key):
        return self.script


# ------------------------------------------------------------------------------ the naive executor


class Naive:
    """Runs a composition one call after the other, the plainest way that gives its meaning."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.root: dict[str, Any] = {"params": PARAMS}
        self.reasons: dict[str, str] = {}
        self.calls: Counter[str] = Counter()
        self.required_failed: set[str] = set()
        self.unsettled = list(world.composition.steps)
        while self.unsettled:
            names = {each.index for each in self.unsettled}
            ready = next(each for each in self.unsettled if not names & {*each.waits_for})
            self.unsettled.remove(ready)
            self.root[ready.name] = self.evaluate(ready)

    def evaluate(self, own: Step) -> Any:
        root = self.root
        bindings = {each.param.name: each.template for each in own.bindings}
        if own.when is not None and not (own.when.evaluate(root) or own.when.evaluate(root) == 0):
            return self.skip(own, own.when)
        if own.for_each is not None:
            over = own.for_each.over.evaluate(root)
            if over is None:
                return self.skip(own, own.for_each.over)
            targets = [None if each is None else f"/{own.name}/{each}" for each in over]
            return self.call(own, targets, lambda parts: parts)
        if own.batch is not None:
            over = bindings["ids"].evaluate(root)
            if over is None:
                return self.skip(own, bindings["ids"])
            distinct = list(dict.fromkeys(str(each) for each in over if each is not None))
            chunks = [distinct[at : at + 2] for at in range(0, len(distinct), 2)]
            return self.call(
                own,
                [f"/{own.name}?ids={','.join(chunk)}" for chunk in chunks],
                lambda parts: [each for part in parts for each in (part or {}).get("vs") or []],
            )
        if "ids" in bindings:
            ids = bindings["ids"].evaluate(root)
            if ids is None:
                return self.skip(own, bindings["ids"])
            if ids == []:
                return None
            return self.call(
                own, [f"/{own.name}?ids={','.join(map(str, ids))}"], lambda parts: parts[0]
            )
        if "id" in bindings:
            value = bindings["id"].evaluate(root)
            if value is None:
                return self.skip(own, bindings["id"])
            return self.call(own, [f"/{own.name}/{value}"], lambda parts: parts[0])
        value = bindings["x"].evaluate(root) if "x" in bindings else None
        query = "" if value is None else f"?x={value}"
        return self.call(own, [f"/{own.name}{query}"], lambda parts: parts[0])

    def skip(self, own: Step, because: Any) -> None:
        if because.roots & self.reasons.keys():
            self.reasons[own.name] = "input_failed"

    def call(self, own: Step, targets: list[str | None], combine: Any) -> Any:
        parts = []
        for target in targets:
            if target is None:
                parts.append(None)
                continue
            self.calls[f"GET {target}"] += 1
            answer = self.world.answer(target)
            if isinstance(answer, Failed):
                return self.fail(own, answer.reason.word)
            if answer.status in own.statuses:
                parts.append(None)
            elif answer.status != 200:
                return self.fail(own, "status")
            elif answer.body.startswith(b"<"):
                return self.fail(own, "invalid")
            else:
                parts.append(json.loads(answer.body))
        return combine(parts)

    def fail(self, own: Step, reason: str) -> Any:
        self.reasons[own.name] = reason
        if isinstance(own.on_failure, Fail):
            self.required_failed.add(own.name)
        return own.on_failure.value if isinstance(own.on_failure, Fallback) else None

    def payload(self) -> dict[str, Any]:
        names = [each.name for each in self.world.composition.steps]
        told = [
            {"step": name, "reason": self.reasons[name]} for name in names if name in self.reasons
        ]
        return {**{name: self.root[name] for name in names}, "degraded": told}


# ------------------------------------------------------------------------------ properties

SEEDS = st.integers(0, 2**32)


@settings(deadline=None, max_examples=examples(300))
@given(worlds(), SEEDS, SEEDS)
def test_completion_order_never_changes_the_payload(world, one, other):
    first, second = run(world, one)[0], run(world, other)[0]
    assert isinstance(first, CompositionPayload)
    assert first.body == second.body
    assert first.degraded == second.degraded


@settings(deadline=None, max_examples=examples(300))
@given(worlds(), SEEDS)
def test_naive_sequential_executor_agrees_and_every_call_is_made_at_most_once(world, seed):
    naive = Naive(world)
    result, transport, _ = run(world, seed)
    assert json.loads(result.body) == naive.payload()
    assert [each.step for each in result.degraded] == [
        each["step"] for each in naive.payload()["degraded"]
    ]
    assert set(transport.calls.values()) <= {1}
    # A failed step's other calls go out beside the one that failed, where the naive one stops.
    failed = {name for name, reason in naive.reasons.items() if reason != "input_failed"}
    for target in transport.calls:
        name = target.removeprefix("GET /").replace("?", "/").split("/")[0]
        assert name in failed or target in naive.calls
    assert {
        target
        for target in naive.calls
        if target.removeprefix("GET /").replace("?", "/").split("/")[0] not in failed
    } <= transport.calls.keys()


@settings(deadline=None, max_examples=examples(200))
@given(worlds(required_may_fail=True), SEEDS)
def test_run_fails_exactly_when_a_required_step_does_and_names_one(world, seed):
    naive = Naive(world)
    result = run(world, seed)[0]
    if not naive.required_failed:
        assert isinstance(result, CompositionPayload)
        return
    assert isinstance(result, CompositionFailure)
    assert result.step in naive.required_failed
    steps = {each.name: each for each in world.composition.steps}
    allowed = {"missing": 404}.get(world.behaviours[result.step], 502)
    assert result.status == allowed
    assert isinstance(steps[result.step].on_failure, Fail)


@settings(deadline=None, max_examples=examples(200))
@given(worlds(), SEEDS, st.floats(0.5, 20))
def test_nothing_is_sent_and_nobody_waits_after_the_deadline(world, seed, deadline):
    composition = replace(world.composition, deadline_seconds=deadline)
    bounded = World(composition, world.behaviours)
    result, transport, took = run(bounded, seed, longest=2 * deadline)
    rounding = 1e-9
    assert took <= deadline
    assert all(began - 1000 < deadline for began in transport.began_at)
    assert all(0 < given <= deadline + rounding for given in transport.timeouts)
    assert isinstance(result, CompositionPayload) or result.status == 504
