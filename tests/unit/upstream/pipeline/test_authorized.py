"""Calls with tokens: who waits, for how long, and what is sent again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from msgspec import structs

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import TokenRequest
from bff.secret import Secret
from bff.telemetry.logs.repeats import Complaints
from bff.upstream.pipeline.authorized import authorized
from bff.upstream.pipeline.tokens import TokenSource, client_credentials
from tests.support.identity.token_servers import ScriptedServer

REQUEST = TokenRequest("http://login.test/token", Secret("Basic c2hvcDpo"), "", None)
CALL = client_credentials("shop", REQUEST)
CALL = ServiceCall("shop", "POST", "/x", ((b"accept", b"*/*"),), b"{}")
REFUSED = UpstreamReply(401, (), b"")
DONE = UpstreamReply(200, (), b"{}")


class Wire:
    """The way below: what was sent on it, and the answers that the test gives."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[bytes, bytes], float]] = []
        self.pending: list[OnAnswer[UpstreamReply]] = []
        self.cancelled = 0

    def __call__(
        self, call: ServiceCall, seconds: float, on_answer: OnAnswer[UpstreamReply]
    ) -> Handle:
        self.sent.append((dict(call.headers), seconds))
        self.pending.append(on_answer)
        return self

    def cancel(self) -> None:
        self.cancelled += 1

    def tokens(self) -> list[bytes]:
        return [headers[b"authorization"] for headers, _ in self.sent]


class Setup:
    """A way with tokens over a scripted wire and a scripted server; `now` is the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.wire, self.server = Wire(), ScriptedServer()
        tokens = TokenSource(CALL, self.server, 2.0, lambda: self.now, Complaints())  # type: ignore[arg-type]
        self.way = authorized(self.wire, tokens)
        self.got: list[UpstreamReply | Failed | Exception] = []

    def call(self, call: ServiceCall = CALL, seconds: float = 1.0) -> Handle:
        return self.way(call, seconds, self.got.append)


def in_loop(test: Callable[[Setup], Awaitable[None]]) -> None:
    async def run() -> None:
        await test(Setup())

    asyncio.run(run())


def test_time_that_a_call_waits_for_a_token_is_taken_from_its_own() -> None:
    async def test(setup: Setup) -> None:
        setup.call(seconds=5.0)
        assert setup.wire.sent == []
        setup.now = 2.0
        setup.server.give("t1")
        assert setup.wire.sent == [({b"accept": b"*/*", b"authorization": b"Bearer t1"}, 3.0)]
        setup.wire.pending.pop()(DONE)
        assert setup.got == [DONE]

    in_loop(test)


def test_call_without_a_token_by_its_end_times_out_and_is_not_sent_later() -> None:
    async def test(setup: Setup) -> None:
        answered = asyncio.Event()
        setup.way(CALL, 0.001, lambda answer: (setup.got.append(answer), answered.set())[1])
        await answered.wait()
        setup.server.give("t1")
        (failed,) = setup.got
        assert isinstance(failed, Failed)
        assert (failed.reason, failed.was_sent, setup.wire.sent) == (Reason.TIMEOUT, False, [])

    in_loop(test)


def test_token_that_comes_after_the_calls_end_is_for_others() -> None:
    """The loop was held: the timer is late."""

    async def test(setup: Setup) -> None:
        setup.call(seconds=1.0)
        setup.now = 1.5
        setup.server.give("t1")
        assert [each.reason for each in setup.got if isinstance(each, Failed)] == [Reason.TIMEOUT]
        setup.call()
        assert setup.wire.tokens() == [b"Bearer t1"]

    in_loop(test)


def test_cancelled_call_is_never_answered_nor_sent() -> None:
    async def test(setup: Setup) -> None:
        waiting = setup.call()
        waiting.cancel()
        setup.server.give("t1")
        setup.call().cancel()
        assert (setup.got, len(setup.wire.sent), setup.wire.cancelled) == ([], 1, 1)

    in_loop(test)


def test_refused_call_is_sent_once_more_with_a_new_token_and_what_is_left_of_its_time() -> None:
    async def test(setup: Setup) -> None:
        setup.call(seconds=5.0)
        setup.server.give("t1")
        setup.now = 1.0
        setup.wire.pending.pop()(REFUSED)
        assert setup.wire.cancelled == 1  # a reply whose body has only begun is closed
        setup.server.give("t2")
        assert setup.wire.tokens() == [b"Bearer t1", b"Bearer t2"]
        assert setup.wire.sent[1][1] == 4.0
        setup.wire.pending.pop()(REFUSED)
        assert setup.got == [REFUSED]

    in_loop(test)


def test_calls_that_are_refused_together_share_one_new_token() -> None:
    async def test(setup: Setup) -> None:
        setup.call()
        setup.server.give("t1")
        setup.call()
        setup.call()
        for answer in list(setup.wire.pending):
            answer(REFUSED)
        assert len(setup.server.calls) == 2
        setup.server.give("t2")
        assert setup.wire.tokens()[3:] == [b"Bearer t2"] * 3

    in_loop(test)


def test_call_that_can_not_be_sent_again_keeps_its_refusal_and_the_next_has_a_new_token() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"x"

    async def test(setup: Setup) -> None:
        setup.call()
        setup.server.give("t1")
        setup.wire.pending.pop()(DONE)
        setup.call(structs.replace(CALL, body=body()))
        setup.wire.pending.pop()(REFUSED)
        setup.call(seconds=1.0)
        setup.server.give("t2")
        setup.now = 1.0  # nothing is left for a second try
        setup.wire.pending.pop()(REFUSED)
        assert setup.got == [DONE, REFUSED, REFUSED]
        assert setup.wire.tokens() == [b"Bearer t1", b"Bearer t1", b"Bearer t2"]

    in_loop(test)


def test_trouble_and_bugs_below_pass_as_they_are() -> None:
    async def test(setup: Setup) -> None:
        setup.call()
        setup.server.give("t1")
        bug, trouble = RuntimeError("bug"), Failed(Reason.REFUSED, 401)
        setup.wire.pending.pop()(bug)
        setup.call()
        setup.wire.pending.pop()(trouble)
        assert setup.got == [bug, trouble]
        assert len(setup.server.calls) == 1

    in_loop(test)
