"""Which instance a call goes to: turns, rests, and the next one where nothing was sent."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Sequence
from functools import partial

import pytest

from bff.engine.answers import Handle, OnAnswer, TaskCall, answer_to
from bff.engine.ports import ServiceCall
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.pipeline.balance import REST_SECONDS, Instances, balanced
from tests.support.fake_time import Clock

REFUSED = Failed(Reason.REFUSED, was_sent=False)


class Sender:
    """Answers as each instance is scripted to, and notes who was asked with how much time."""

    def __init__(self, clock: Clock, **answers: str | Failed) -> None:
        self.clock = clock
        self.answers = answers
        self.asked: list[str] = []
        self.seconds: list[float] = []
        self.takes = 0.0

    def __call__(
        self, url: str, call: ServiceCall, seconds: float, on_answer: OnAnswer[str]
    ) -> Handle:
        self.asked.append(url)
        self.seconds.append(seconds)
        self.clock.now += self.takes
        return asyncio.get_running_loop().call_soon(on_answer, self.answers[url])


class World:
    """A service of so many instances, called with a balanced way."""

    def __init__(self, **answers: str | Failed) -> None:
        self.clock = Clock()
        self.send = Sender(self.clock, **answers)
        self.way = balanced(self.send, Instances(tuple(answers), self.clock))

    def call(
        self, method: str = "GET", body: bytes | AsyncIterator[bytes] | None = None
    ) -> tuple[str | Failed, Sequence[str]]:
        """The answer, and the instances that were asked."""

        async def one() -> str | Failed:
            call = ServiceCall("shop", method, "/", (), body)
            return await answer_to(partial(self.way, call, 5.0))

        self.send.asked.clear()
        self.send.seconds.clear()
        return asyncio.run(one()), tuple(self.send.asked)


def test_instances_take_turns() -> None:
    world = World(a="A", b="B", c="C")
    assert [world.call()[0] for _ in range(4)] == ["A", "B", "C", "A"]


def test_only_instance_is_asked_every_time_and_never_rests() -> None:
    world = World(a=REFUSED)
    assert [world.call() for _ in range(3)] == [(REFUSED, ("a",))] * 3


class Caller:
    """One that holds the handle of its call, as a step does."""

    def __init__(self, world: World, answered: asyncio.Event) -> None:
        self.answered = answered
        self.handle = world.way(ServiceCall("shop", "GET", "/", (), None), 5.0, self.take)

    def take(self, _: object) -> None:
        self.answered.set()


@pytest.mark.parametrize("first", ["A", REFUSED])
def test_call_that_was_answered_is_in_no_cycle_with_its_caller(first: str | Failed) -> None:
    """A cycle would keep the reply until a full collection: 25 KB a screen, in crowds."""

    async def call() -> None:
        answered = asyncio.Event()
        caller = Caller(World(a=first, b="B"), answered)
        await answered.wait()
        left = weakref.ref(caller)
        del caller
        assert left() is None

    asyncio.run(call())


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "reason",
    [
        Reason.REFUSED,
        Reason.UNRESOLVED,
        Reason.CONNECT_TIMEOUT,
        Reason.PROTOCOL,
        Reason.DISCONNECTED,
    ],
)
def test_call_without_a_connection_goes_to_the_next_instance_whatever_its_method(
    method: str, reason: Reason
) -> None:
    world = World(a=Failed(reason, was_sent=False), b="B")
    assert world.call(method, b"{}") == ("B", ("a", "b"))


@pytest.mark.parametrize(
    "failed",
    [
        Failed(Reason.DISCONNECTED),
        Failed(Reason.TIMEOUT),
        Failed(Reason.PROTOCOL),
        Failed(Reason.BAD_INPUT, was_sent=False),
    ],
)
def test_call_that_may_have_been_sent_or_was_bad_is_not_repeated(failed: Failed) -> None:
    world = World(a=failed, b="B")
    assert world.call() == (failed, ("a",))
    world.call()
    assert world.call() == (failed, ("a",))


def test_instance_without_a_connection_rests_and_is_tried_by_one_call_after_that() -> None:
    world = World(a=REFUSED, b="B")
    world.call()
    assert [world.call()[1] for _ in range(4)] == [("b",)] * 4
    world.clock.now += REST_SECONDS
    assert [world.call()[1] for _ in range(4)] == [("b",), ("a", "b"), ("b",), ("b",)]


def test_instance_that_connects_again_is_back_in_turn() -> None:
    world = World(a=REFUSED, b="B")
    world.call()
    world.send.answers["a"] = "A"
    world.clock.now += REST_SECONDS
    assert [world.call()[0] for _ in range(4)] == ["B", "A", "B", "A"]


def test_while_one_call_tries_an_instance_after_its_rest_others_pass_it_over() -> None:
    clock = Clock()
    instances = Instances(("a", "b"), clock)
    instances.rest("a")
    clock.now += REST_SECONDS
    assert instances.in_turn() == ["a", "b"]
    instances.begin("a")
    assert [instances.in_turn() for _ in range(2)] == [["b", "a"], ["b", "a"]]


def test_with_all_resting_the_one_whose_rest_ends_first_is_tried_first_and_all_are_tried() -> None:
    world = World(a=REFUSED, b=REFUSED, c=REFUSED)
    world.send.takes = 0.1
    assert world.call() == (REFUSED, ("a", "b", "c"))
    assert world.call() == (REFUSED, ("a", "b", "c"))
    world.send.answers["c"] = "C"
    assert world.call() == ("C", ("a", "b", "c"))
    assert world.call() == ("C", ("c",))


def test_instances_share_the_time_of_the_call() -> None:
    world = World(a=REFUSED, b=REFUSED, c="C")
    world.send.takes = 2.0
    assert world.call()[0] == "C"
    assert world.send.seconds == [5.0, 3.0, 1.0]


def test_no_further_instance_is_tried_when_the_time_is_over() -> None:
    world = World(a=REFUSED, b="B")
    world.send.takes = 5.0
    assert world.call() == (REFUSED, ("a",))


def test_streamed_body_goes_to_the_next_instance_only_while_nothing_of_it_was_read() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        yield b"second"

    async def send(reads_first: bool) -> tuple[str | Failed, list[bytes]]:
        seen: list[bytes] = []

        def to(url: str, call: ServiceCall, _: float, on_answer: OnAnswer[str]) -> Handle:
            return TaskCall(answer(url, call), on_answer)

        async def answer(url: str, call: ServiceCall) -> str | Failed:
            assert call.body is not None
            assert not isinstance(call.body, bytes)
            if url == "a":
                if reads_first:
                    await anext(call.body)
                return REFUSED
            seen.extend([chunk async for chunk in call.body])
            return "B"

        way = balanced(to, Instances(("a", "b"), Clock()))
        call = ServiceCall("shop", "POST", "/", (), body())
        return await answer_to(partial(way, call, 5.0)), seen

    assert asyncio.run(send(False)) == ("B", [b"first", b"second"])
    assert asyncio.run(send(True)) == (REFUSED, [])
