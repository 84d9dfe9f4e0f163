"""A small request body is waited for, and not for ever."""

import asyncio
from collections.abc import AsyncIterator

from bff.upstream.passthrough.passthrough import Refused
from tests.support.fake_time import run_in_fake_time
from tests.support.routes import open_route
from tests.support.scripted import ScriptedTransport


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
