"""Waiting on the event loop, for a while, for what a thread does."""

import asyncio
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def in_time(asked: Future[T], seconds: float) -> T:
    """The answer within so many seconds, not counting those that the loop itself was held for:
    five hundred requests at once hold it for 0.1 s and more. Raises `TimeoutError`.

    What nobody waits for any longer is not begun where it has not been yet.
    """
    loop = asyncio.get_running_loop()
    answer = asyncio.wrap_future(asked)
    ends_at = loop.time() + seconds
    try:
        await asyncio.wait((answer,), timeout=seconds)
        if not asked.done() and loop.time() > ends_at + seconds / 4:
            await asyncio.wait((answer,), timeout=seconds)
        if not asked.done():
            raise TimeoutError("no answer in time")
        return asked.result()
    finally:
        if not answer.cancel() and not answer.cancelled():
            answer.exception()  # looked at, or asyncio reports it
