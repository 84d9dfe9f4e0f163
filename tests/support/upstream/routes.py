"""One request through a pass-through to a scripted service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from bff.engine.answers import answer_to
from bff.engine.ports import Headers
from bff.engine.values.outcomes import Failed
from bff.engine.values.trace import Trace
from bff.plan.model.access import Access
from bff.plan.model.composition import Route
from bff.plan.model.service import Service
from bff.upstream.passthrough.headers import ClientInfo, RouteHeaders
from bff.upstream.passthrough.passthrough import (
    Answer,
    ForwardedReply,
    Passthrough,
    Refused,
    refusal,
)
from bff.upstream.pipeline.stack import ServiceClient
from bff.upstream.ports import Transport, UpstreamStream
from bff.upstream.transports import TransportName
from tests.support.upstream.transports import run
from tests.support.upstream.wire import RecordedRequest, WireServer
from tests.support.upstream.wire_scripts import reply


def declared_route(prefix: str, service: str, **declared: Any) -> Route:
    """A route that strips its prefix, and whatever else is declared of it."""
    defaults = {
        "strip": True,
        "purges": (),
        "access": Access("public"),
        "most_body_bytes": None,
        "timeout_seconds": 5.0,
    }
    return Route(prefix, service, **(defaults | declared))


KEEPING = declared_route("/raw/orders", "orders", strip=False)
STRIPPING = declared_route("/raw/orders", "orders")
CLIENT = ClientInfo(b"192.0.2.7", b"https", b"shop.example")
TRACE = Trace(b"r1")


def passthrough_of(route: Route, services: ServiceClient, base: str = "") -> Passthrough:
    """The pass-through of a route to a service at this base URL."""
    return Passthrough(route, services, RouteHeaders(route, (base,)))


async def open_route(
    transport: Transport,
    base: str,
    *,
    route: Route = STRIPPING,
    method: str = "GET",
    raw_path: str = "/raw/orders/",
    raw_query: str = "",
    headers: Headers = (),
    body: AsyncIterator[bytes] | bytes | None = None,
    timeout_seconds: float = 5.0,
) -> ForwardedReply | Refused | Failed:
    """One request through a pass-through to the service at `base`."""
    services = {"orders": Service("orders", (base,), 5.0)}
    client = ServiceClient(transport, services, 1_000_000, asyncio.get_running_loop().time)
    declared = replace(route, timeout_seconds=timeout_seconds)
    passthrough = passthrough_of(declared, client, base)
    target = passthrough.target(method, raw_path, raw_query)
    if isinstance(target, Refused):
        return target
    begin = partial(
        passthrough.begin,
        method=method,
        target=target,
        headers=headers,
        body=body,
        client=CLIENT,
        trace=TRACE,
    )
    try:
        answer = await answer_to(begin)
    except Exception as error:
        answer = error
    return answered(passthrough, method, answer)


def answered(
    passthrough: Passthrough, method: str, answer: Answer | Failed | Exception
) -> ForwardedReply | Refused | Failed:
    """What the client of a request gets."""
    if isinstance(answer, UpstreamStream):
        return ForwardedReply(
            answer.status, passthrough.passed_headers(method, answer), answer.body
        )
    return refusal(answer)


async def body_of(outcome: ForwardedReply) -> bytes:
    """The whole body, however it comes."""
    if isinstance(outcome.body, bytes):
        return outcome.body
    return b"".join([part async for part in outcome.body])


def forwarded(
    name: TransportName, opening: Callable[[Transport, str], Awaitable[object]], base_path: str = ""
) -> RecordedRequest:
    """The request as the service saw it."""
    with WireServer(reply(body=b"fine")) as server:
        outcome = run(name, lambda transport: opening(transport, server.url + base_path))
        assert isinstance(outcome, ForwardedReply), outcome
        assert outcome.body == b"fine"
        return server.requests[0]
