"""A composition's request body: a client that stalls doesn't hold its request for ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bff.web.compositions.bodies import BodyReader
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from tests.support.fake_time import run_in_fake_time


async def stalled() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"content-type", b"application/json")], 408),
        ([(b"content-type", b"text/plain")], 415),
        ([(b"content-type", b"application/json"), (b"content-length", b"9999999")], 413),
    ],
)
def test_body_that_stalls_is_given_up_and_what_was_wrong_before_that_is_told(
    headers: list[tuple[bytes, bytes]], status: int
) -> None:
    async def scene() -> bytes | Reply:
        request = GatewayRequest("POST", "/", "", headers, body=stalled())
        return await BodyReader(None, 1000).read(request)

    reply = run_in_fake_time(scene())
    assert isinstance(reply, Reply)
    assert reply.status == status
