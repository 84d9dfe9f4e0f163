"""Calls through the keeper of replies: who shares one, what it is keyed by, what is left of one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from bff.cache.engine_results import CachedReplies
from bff.engine.engine import Engine
from bff.engine.heavy_work import HeavyWork
from bff.engine.steps.requests import StepRequest
from bff.engine.steps.shared_calls import ReplyKeyRecipe
from bff.engine.values.outcomes import Failed, Reason
from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    CompositionResult,
    Inputs,
)
from bff.engine.values.trace import Trace
from bff.plan.model.caching import CachePolicy, ReplyCaching, Scope, Tags
from bff.plan.model.composition import Composition
from bff.plan.model.expressions import NO_USES
from tests.support.cache.memory_caches import memory_cache
from tests.support.fake_time import Clock, run_in_fake_time
from tests.support.plan.engine_runs import service_client
from tests.support.plan.plans import compose, constant, for_each, operation, step
from tests.support.upstream.scripted_transport import (
    Script,
    ScriptedTransport,
    after,
    json_reply,
    reply,
)

GET = operation("GET /users/{id}")
RENDERED = StepRequest("/users/1", (("accept", "a"),), None, {})


def kept(stale_if_error: float = 0.0, scope: Scope = "public") -> ReplyCaching:
    return ReplyCaching(CachePolicy(30.0, 0.0, stale_if_error), (), False, scope)


class Shop:
    """An engine that keeps replies, on clocks that the test moves."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self.clock = Clock()
        self.transport = ScriptedTransport(scripts)
        replies = CachedReplies(memory_cache(self.clock), self.clock)
        self._engine = Engine(service_client(self.transport), HeavyWork(), replies=replies)

    async def run(
        self, composition: Composition, who: str = "", trace: Trace | None = None
    ) -> CompositionResult:
        inputs = Inputs({}, {}, who, trace=trace)
        return await self._engine.run(self._engine.prepare(composition), inputs)

    async def payload(self, composition: Composition, who: str = "") -> bytes:
        made = await self.run(composition, who)
        assert isinstance(made, CompositionPayload), made
        return made.body


def at_work(scripts: Mapping[str, Script], test: Callable[[Shop], Awaitable[None]]) -> None:
    async def main() -> None:
        await test(Shop(scripts))

    run_in_fake_time(main())


def user(caching: ReplyCaching | None, name: str = "user", number: int = 1) -> Any:
    return step(name, GET, {"id": constant(number)}, cache=caching)


def test_two_steps_of_one_run_that_send_the_same_share_one_call() -> None:
    async def test(shop: Shop) -> None:
        both = compose(user(kept()), user(kept(), "same"), user(kept(), "other", 2))
        body = await shop.payload(both)
        assert body == b'{"user":{"id":1},"same":{"id":1},"other":{"id":2}}'
        assert sorted(shop.transport.targets()) == ["GET /users/1", "GET /users/2"]

    at_work(
        {"GET /users/1": after(0.1, json_reply({"id": 1})), "GET /users/2": json_reply({"id": 2})},
        test,
    )


def test_elements_that_send_the_same_share_one_call() -> None:
    async def test(shop: Shop) -> None:
        each = step("each", GET, {"id": "n"}, for_each=for_each("[`1`,`1`,`1`]", "n"), cache=kept())
        assert await shop.payload(compose(each)) == b'{"each":[{"id":1},{"id":1},{"id":1}]}'
        assert len(shop.transport.requests) == 1

    at_work({"GET /users/1": json_reply({"id": 1})}, test)


def test_reply_is_used_again_until_its_time_is_over() -> None:
    async def test(shop: Shop) -> None:
        screen = compose(user(kept()))
        for later, calls in ((0.0, 1), (29.9, 1), (0.1, 2)):
            shop.clock.now += later
            await shop.payload(screen)
            assert len(shop.transport.requests) == calls

    at_work({"GET /users/1": json_reply({"id": 1})}, test)


def test_payload_of_a_kept_reply_is_fresh_for_what_is_left_of_it() -> None:
    async def test(shop: Shop) -> None:
        screen = compose(user(kept()))
        await shop.run(screen)
        shop.clock.now += 20.0
        made = await shop.run(screen)
        assert isinstance(made, CompositionPayload)
        assert made.freshness.seconds == pytest.approx(10.0)

    at_work({"GET /users/1": json_reply({"id": 1})}, test)


@pytest.mark.parametrize(
    "trouble", [reply(503), reply(429), Failed(Reason.REFUSED), reply(200, b"{")]
)
def test_older_reply_stands_in_for_trouble_and_the_step_is_told_of(trouble: Any) -> None:
    async def test(shop: Shop) -> None:
        screen = compose(user(kept(60.0)))
        before = await shop.payload(screen)
        shop.clock.now += 30.0
        made = await shop.run(screen)
        assert isinstance(made, CompositionPayload)
        assert made.body == before
        assert [each.step for each in made.degraded] == ["user"]

    at_work({"GET /users/1": [json_reply({"id": 1}), trouble]}, test)


def test_answer_is_not_papered_over_by_an_older_reply() -> None:
    async def test(shop: Shop) -> None:
        screen = compose(user(kept(60.0)))
        await shop.payload(screen)
        shop.clock.now += 30.0
        made = await shop.run(screen)
        assert isinstance(made, CompositionFailure)
        assert made.status == 404

    at_work({"GET /users/1": [json_reply({"id": 1}), reply(404)]}, test)


def test_older_reply_stands_in_for_a_call_that_is_too_slow_in_time_for_the_deadline() -> None:
    async def test(shop: Shop) -> None:
        screen = compose(user(kept(60.0)), deadline=1.0)
        before = await shop.payload(screen)
        shop.clock.now += 30.0

        async def slow(_: object) -> Failed:
            await asyncio.sleep(shop.transport.timeouts[-1])
            return Failed(Reason.TIMEOUT)

        shop.transport.scripts["GET /users/1"] = slow
        made = await shop.run(screen)
        assert isinstance(made, CompositionPayload)
        assert (made.body, [each.reason for each in made.degraded]) == (before, ["deadline"])

    at_work({"GET /users/1": json_reply({"id": 1})}, test)


class RefreshErrors(Trace):
    """A trace that holds the errors of refreshes, in the order in which they ended."""

    def __init__(self) -> None:
        super().__init__(b"r")
        self.errors: asyncio.Queue[str] = asyncio.Queue()

    def end_refresh(self, error: str) -> None:
        self.errors.put_nowait(error)


async def bug(_: object) -> Failed:
    raise RuntimeError("a bug")


@pytest.mark.parametrize(
    ("answer", "error"),
    [(json_reply({"id": 2}), ""), (Failed(Reason.REFUSED), Reason.REFUSED.word), (bug, "bug")],
    ids=["good", "failed", "bug"],
)
def test_trace_of_a_refresh_in_the_background_ends_with_the_reason_why_it_failed(
    answer: Script, error: str
) -> None:
    async def test(shop: Shop) -> None:
        screen = compose(user(ReplyCaching(CachePolicy(30.0, 60.0, 0.0), (), False)))
        await shop.payload(screen)
        shop.clock.now += 31.0
        trace = RefreshErrors()
        await shop.run(screen, trace=trace)
        assert await trace.errors.get() == error

    at_work({"GET /users/1": [json_reply({"id": 1}), answer]}, test)


KEPT = ReplyCaching(CachePolicy(1.0, 0.0, 0.0), (), needs_json=False)
TAG = Tags(lambda root: ("a",), frozenset(), frozenset(), "a", NO_USES)


def test_reply_key_holds_namespace_operation_request_and_the_caller_of_a_private_reply() -> None:
    shared = ReplyKeyRecipe(GET, KEPT, "shop")
    own = ReplyKeyRecipe(GET, replace(KEPT, scope="identity"), "shop")
    keys = [
        shared(RENDERED, "ann", {}),
        ReplyKeyRecipe(operation("GET /people/{id}"), KEPT, "shop")(RENDERED, "", {}),
        shared(structs.replace(RENDERED, target="/users/2"), "", {}),
        shared(structs.replace(RENDERED, headers=(("accept", "b"),)), "", {}),
        shared(structs.replace(RENDERED, headers=()), "", {}),
        shared(structs.replace(RENDERED, body=b""), "", {}),
        shared(structs.replace(RENDERED, body=b"{}"), "", {}),
        own(RENDERED, "", {}),
        own(RENDERED, "ann", {}),
        ReplyKeyRecipe(GET, replace(KEPT, policy=CachePolicy(2.0, 0.0, 0.0)), "shop")(
            RENDERED, "", {}
        ),
        ReplyKeyRecipe(GET, replace(KEPT, tags=(TAG,)), "shop")(RENDERED, "", {}),
        ReplyKeyRecipe(GET, KEPT, "staging")(RENDERED, "", {}),
    ]
    assert len(set(keys)) == len(keys)
    assert shared(RENDERED, "bo", {}) == shared(RENDERED, "ann", {})
    assert own(RENDERED, "bo", {}) != own(RENDERED, "ann", {})
