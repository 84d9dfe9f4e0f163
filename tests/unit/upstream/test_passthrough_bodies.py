"""A small request body is waited for, and not for ever; nor does its reply stay open."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bff.engine.answers import OnAnswer
from bff.engine.ports import ServiceCall
from bff.engine.values.outcomes import Failed
from bff.plan.model.service import Link, Service
from bff.upstream.passthrough.passthrough import Answer, Refused
from bff.upstream.pipeline.stack import ServiceClient
from bff.upstream.ports import UpstreamStream
from tests.support.fake_time import run_in_fake_time
from tests.support.upstream.routes import CLIENT, STRIPPING, TRACE, open_route, passthrough_of
from tests.support.upstream.scripted_transport import ScriptedTransport


def test_small_body_that_stalls_is_given_up_before_the_service_is_asked() -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    transport = ScriptedTransport({})
    answer = run_in_fake_time(
        open_route(
            transport,
            "http://upstream.test",
            method="POST",
            headers=[(b"content-length", b"10")],
            body=stalled(),
        )
    )
    assert isinstance(answer, Refused)
    assert (answer.status, answer.reason) == (408, "slow_body")
    assert transport.requests == []


class OpenReply:
    """A transport whose every reply stays open: its own handle, and its own body."""

    def __init__(self) -> None:
        self.is_answered = asyncio.Event()
        self.is_cancelled = False

    def at(self, base: str, link: Link | None) -> "OpenReply":
        return self

    def open(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[UpstreamStream],
        *,
        timeout_seconds: float,
    ) -> "OpenReply":
        asyncio.get_running_loop().call_soon(self._answer, on_answer)
        return self

    def cancel(self) -> None:
        self.is_cancelled = True

    def _answer(self, on_answer: OnAnswer[UpstreamStream]) -> None:
        on_answer(UpstreamStream(200, (), self))
        self.is_answered.set()


@pytest.mark.parametrize("turns", range(6))
def test_reply_that_comes_as_its_caller_leaves_is_closed(turns: int) -> None:
    """In whatever turn of the loop after the reply that is."""

    async def body() -> AsyncIterator[bytes]:
        yield b"{}"

    async def scenario() -> None:
        transport, answers = OpenReply(), list[Answer | Failed | Exception]()
        services = {"orders": Service("orders", ("http://upstream.test",), 5.0)}
        client = ServiceClient(transport, services, 1_000, asyncio.get_running_loop().time)
        handle = passthrough_of(STRIPPING, client).begin(
            answers.append,
            method="POST",
            target="/",
            headers=[(b"content-length", b"2")],
            body=body(),
            client=CLIENT,
            trace=TRACE,
        )
        await transport.is_answered.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        handle.cancel()
        assert transport.is_cancelled or answers

    run_in_fake_time(scenario())
