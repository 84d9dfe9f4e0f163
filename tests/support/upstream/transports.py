"""Running one exchange, or a whole scenario, over a transport by name: `run("httpx", scenario)`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import uvloop

from bff.engine.answers import answer_to
from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed
from bff.upstream.ports import Transport, UpstreamStream
from bff.upstream.transports import CONNECT_TIMEOUT_SECONDS, TransportName, open_transport
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.wire import Script, WireServer

NAMES: tuple[TransportName, ...] = ("http1", "httpx")

T = TypeVar("T")


def run(
    name: TransportName,
    scenario: Callable[[Transport], Awaitable[T]],
    *,
    connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
) -> T:
    """Run the scenario on a loop of its own, with a transport that is closed after it."""

    async def main() -> T:
        transport = open_transport(name, connect_timeout_seconds=connect_timeout_seconds)
        try:
            return await asyncio.wait_for(scenario(transport), 20)
        finally:
            await transport.close()

    return (uvloop.run if name == "http1" else asyncio.run)(main())


async def fetched(
    transport: Transport, request: UpstreamRequest, *, timeout_seconds: float, byte_cap: int
) -> UpstreamReply | Failed:
    """One exchange, as an awaitable."""
    options = {"timeout_seconds": timeout_seconds, "byte_cap": byte_cap}
    return await answer_to(partial(request.fetch, transport, **options))


@asynccontextmanager
async def streamed(
    transport: Transport, request: UpstreamRequest, *, timeout_seconds: float
) -> AsyncIterator[UpstreamStream | Failed]:
    """One streamed exchange, which is cancelled at the end of the context."""
    open_it = request.instance(transport).open
    opened = await answer_to(partial(open_it, request.call(), timeout_seconds=timeout_seconds))
    try:
        yield opened
    finally:
        if isinstance(opened, UpstreamStream) and not isinstance(opened.body, bytes):
            await opened.body.aclose()


async def whole_body(upstream: UpstreamStream) -> bytes:
    """All of it, however it comes."""
    return b"".join([piece async for piece in upstream.pieces()])


def fetch(
    name: TransportName,
    request: UpstreamRequest,
    *,
    timeout_seconds: float = 5.0,
    byte_cap: int = 1_000_000,
) -> UpstreamReply | Failed:
    """One exchange."""
    return run(
        name,
        lambda transport: fetched(
            transport, request, timeout_seconds=timeout_seconds, byte_cap=byte_cap
        ),
    )


def failed(
    name: TransportName,
    script: Script,
    *,
    timeout_seconds: float = 5.0,
    byte_cap: int = 1_000_000,
    then: Callable[[WireServer], None] = lambda server: None,
) -> Failed:
    """How a GET of this upstream fails; `then` looks at the server while it still runs."""
    with WireServer(script) as server:
        outcome = fetch(
            name, get(server.url + "/"), timeout_seconds=timeout_seconds, byte_cap=byte_cap
        )
        then(server)
    assert isinstance(outcome, Failed), outcome
    return outcome


def get(url: str) -> UpstreamRequest:
    """A GET without headers."""
    return UpstreamRequest("GET", url)
