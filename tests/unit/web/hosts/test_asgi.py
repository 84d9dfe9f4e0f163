"""Work that ends when its client leaves, and when it doesn't."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bff.web.hosts.asgi.messages import ClientWatches, IncomingBody
from bff.web.http.requests import ClientGone

Receive = Callable[[], Awaitable[Any]]


def client(*messages: dict[str, Any], leaves: asyncio.Event | None = None) -> Receive:
    """A client that sends these and leaves when it is told to; without that, never."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if left:
            return left.pop(0)
        await (leaves or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    return receive


def watches() -> ClientWatches:
    return ClientWatches(asyncio.get_running_loop())


def chunk(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_work_that_ends_first_gives_its_result() -> None:
    async def scene() -> int:
        async def work() -> int:
            return 7

        return await watches().unless_client_leaves(work(), None, client())

    assert asyncio.run(scene()) == 7


def test_client_that_leaves_cancels_the_work_and_nothing_more() -> None:
    async def scene() -> list[str]:
        told = []
        leaves = asyncio.Event()

        async def work() -> None:
            leaves.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told.append("cancelled")
                raise

        with pytest.raises(ClientGone):
            await watches().unless_client_leaves(
                work(), None, client(chunk(b"", more=False), leaves=leaves)
            )
        await asyncio.sleep(0)  # the task itself is not being cancelled any more
        told.append("went on")
        return told

    assert asyncio.run(scene()) == ["cancelled", "went on"]


def test_cancellation_from_elsewhere_stays_one() -> None:
    async def scene() -> None:
        begun = asyncio.Event()

        async def work() -> None:
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(watches().unless_client_leaves(work(), None, client()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())


def test_stream_is_watched_before_its_first_chunk() -> None:
    async def scene() -> bool:
        leaves = asyncio.Event()
        leaves.set()
        sent = False

        async def pump() -> None:
            nonlocal sent
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            sent = True

        with pytest.raises(ClientGone):
            await watches().stream_unless_client_leaves(pump, None, client(leaves=leaves))
        return sent

    assert asyncio.run(scene()) is False


def test_body_is_read_to_its_end_before_anybody_else_listens() -> None:
    """Two that wait for messages would take each other's."""

    async def scene() -> tuple[bytes, bool]:
        messages = [chunk(b"a", more=True), chunk(b"", more=True), chunk(b"b", more=False)]
        incoming = IncomingBody(client(*messages))
        received = b""
        listened = False

        async def pump() -> None:
            nonlocal received
            async for each in incoming.chunks():
                await asyncio.sleep(0)  # a turn in which the watch could listen
                received += each

        async def listen() -> Any:
            nonlocal listened
            listened = True
            await asyncio.Event().wait()

        await watches().stream_unless_client_leaves(pump, incoming, listen)
        return received, listened

    assert asyncio.run(scene()) == (b"ab", False)


def test_client_that_leaves_within_its_body_is_gone() -> None:
    async def scene() -> None:
        leaves = asyncio.Event()
        leaves.set()
        incoming = IncomingBody(client(chunk(b"a", more=True), leaves=leaves))
        with pytest.raises(ClientGone):
            async for _ in incoming.chunks():
                pass

    asyncio.run(scene())


def test_each_of_many_that_leave_is_noticed_and_those_that_stay_are_served() -> None:
    async def scene() -> list[object]:
        shared = watches()
        stays, leaves = asyncio.Event(), asyncio.Event()
        leaves.set()

        async def work() -> str:
            await stays.wait()
            return "served"

        tasks = [
            asyncio.create_task(
                shared.unless_client_leaves(work(), None, client(leaves=leaves if odd else None))
            )
            for odd in (True, False, True, False)
        ]
        await asyncio.wait([tasks[0], tasks[2]])
        stays.set()
        return [
            type(each) if isinstance(each, ClientGone) else each
            for each in await asyncio.gather(*tasks, return_exceptions=True)
        ]

    assert asyncio.run(scene()) == [ClientGone, "served", ClientGone, "served"]
