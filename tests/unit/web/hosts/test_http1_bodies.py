"""A request's body between its connection and its reader."""

import asyncio

from bff.web.hosts.http1.bodies import IncomingBody
from bff.web.hosts.http1.framing import CHUNKED

TINY = b"2\r\nab\r\n"


def test_tiny_chunks_count_for_what_they_take_and_are_read_together() -> None:
    async def scene() -> None:
        body = IncomingBody(CHUNKED, lambda: None)
        body.feed(TINY * 1000, 0)
        assert body.unread_bytes > 40_000
        body.feed(b"0\r\n\r\n", 0)
        assert [piece async for piece in body.chunks()] == [b"ab" * 1000]
        assert body.unread_bytes == 0

    asyncio.run(scene())
