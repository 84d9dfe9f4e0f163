"""What stands between a worker and a Redis, and makes its answers late, or breaks them off.

async with Between(server) as between:
    between.url                         where the worker goes
    between.delay_seconds = 0.06        each piece of an answer comes so much later
    between.cuts = True                 of each answer half comes, and the connection is gone
    between.hold(b"EVAL")               no answer comes once this was asked, until let_go()
"""

import asyncio
from contextlib import suppress
from typing import Any, Self

from tests.support.redis.server import RedisServer


class Between:
    """Listens from the start of its context to its end, on the running loop."""

    def __init__(self, server: RedisServer) -> None:
        self.delay_seconds = 0.0
        self.cuts = False
        self._held_word: bytes | None = None
        self._answers = asyncio.Event()
        self._answers.set()
        self._server = server
        self._talks: set[asyncio.Task[Any]] = set()

    def hold(self, word: bytes) -> None:
        """Answer nothing any more once something with this word in it is asked."""
        self._held_word = word

    def let_go(self) -> None:
        """Give the answers that were held, and hold none of the next."""
        self._held_word = None
        self._answers.set()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port: int = self._listener.sockets[0].getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for task in self._talks:
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        with suppress(OSError, asyncio.CancelledError):
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server.port)
            asked = asyncio.create_task(self._pass_on(reader, to_server))
            self._talks.add(asked)
            try:
                await self._answer(from_server, writer)
            finally:
                asked.cancel()
                to_server.close()
        with suppress(OSError):
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65536):
                if self._held_word is not None and self._held_word in piece:
                    self._answers.clear()
                writer.write(piece)
                await writer.drain()
        with suppress(OSError):
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            await self._answers.wait()
            writer.write(piece[: len(piece) // 2] if self.cuts else piece)
            await writer.drain()
            if self.cuts:
                return
