"""The gateway's own transport, on each kind of loop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import uvloop

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed
from bff.upstream.http1.pool import Limits
from bff.upstream.http1.transport import Http1Transport
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.transports import fetched
from tests.support.upstream.wire_scripts import reply

LOOPS: Final = {"asyncio": asyncio.run, "uvloop": uvloop.run}
LIMITS: Final = Limits(connect_seconds=0.5, idle_seconds=4.0)
OK: Final = reply(body=b"ok")


def run_http1(
    loop: str, scenario: Callable[[Http1Transport], Awaitable[None]], limits: Limits = LIMITS
) -> None:
    """Run the scenario on a loop of this kind, with a transport that is closed after it."""

    async def main() -> None:
        transport = Http1Transport(limits)
        try:
            await asyncio.wait_for(scenario(transport), 20)
        finally:
            await transport.close()

    LOOPS[loop](main())


async def fetch(
    transport: Http1Transport, url: str, method: str = "GET", seconds: float = 5
) -> UpstreamReply | Failed:
    """One exchange, whose reply has 1,000 bytes at most."""
    request = UpstreamRequest(method, url)
    return await fetched(transport, request, timeout_seconds=seconds, byte_cap=1_000)
