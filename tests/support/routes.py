"""One request through a pass-through to a scripted service."""

from collections.abc import AsyncIterator

from bff.engine.ports import Transport
from bff.engine.values.outcomes import Failed
from bff.plan.model.composition import Route
from bff.plan.model.service import Service
from bff.upstream.passthrough.headers import ClientInfo, RawHeaders
from bff.upstream.passthrough.passthrough import ForwardedReply, Passthrough, Refused

KEEPING = Route("/raw/orders", "orders", strip=False, purges=())
STRIPPING = Route("/raw/orders", "orders", strip=True, purges=())
CLIENT = ClientInfo("192.0.2.7", "https", "shop.example")


async def open_route(
    transport: Transport,
    base: str,
    *,
    route: Route = STRIPPING,
    method: str = "GET",
    raw_path: str = "/raw/orders/",
    raw_query: str = "",
    headers: RawHeaders = (),
    body: AsyncIterator[bytes] | bytes | None = None,
    timeout_seconds: float = 5.0,
) -> ForwardedReply | Refused | Failed:
    """One request through a pass-through to the service at `base`."""
    services = {"orders": Service("orders", (base,), timeout_seconds)}
    passthrough = Passthrough(transport, services, lambda service: service.instances[0])
    return await passthrough.open(
        route,
        method=method,
        raw_path=raw_path,
        raw_query=raw_query,
        headers=headers,
        body=body,
        client=CLIENT,
        request_id="r1",
    )


async def body_of(outcome: ForwardedReply) -> bytes:
    """The whole body, however it comes."""
    if isinstance(outcome.body, bytes):
        return outcome.body
    return b"".join([part async for part in outcome.body])
