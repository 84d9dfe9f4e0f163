"""What the demo asks of the gateway, and what came of it: measured here, drawn in `demo_scenes`.

Each `Act` is a request that a frontend would make. What should not have happened is collected as
sentences in `ActResult.failures`: a demo that hides a failure would be worse than none.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from bff.cli.calling.waterfall import Waterfall, parse_server_timing
from examples.demo.processes import DemoFailed, DemoServers

# What the sample services send and the schemas lack: none of it may reach a frontend.
SECRETS = ("password_hash", "ssn", "payment_token", "supplier_cost", "internal_notes")


@dataclass(frozen=True, slots=True)
class Act:
    """One request of the show. `broken` names a service that fails while it is made."""

    composition: str
    target: str
    title: str
    method: str = "GET"
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    mobile: bool = True  # it has a view `mobile`
    broken: str | None = None

    @property
    def cached(self) -> bool:
        """Whether a second call should come from the cache."""
        return self.method == "GET" and self.broken is None


ACTS = (
    Act("home", "/screens/home/92", "The home screen: three services, one call"),
    Act("product", "/screens/products/5", "A product's page: calls that depend on each other"),
    Act("account/orders", "/account/92/orders?limit=10&status=delivered", "The order history"),
    Act("account/wishlist", "/account/92/wishlist", "The wish list: a call for each element"),
    Act("search", "/search?q=oak", "A search: a list at the top"),
    Act(
        "checkout",
        "/account/92/checkout",
        "A checkout: it writes, step after step",
        method="POST",
        body={"items": [{"product_id": 5, "quantity": 2}]},
        headers={"Idempotency-Key": "demo-0000-0001"},
        mobile=False,
    ),
    Act(
        "home",
        "/screens/home/92?limit=3",
        "The home screen again, while the orders service fails",
        mobile=False,
        broken="orders",
    ),
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call as the client saw it."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    took_ms: float


@dataclass(frozen=True, slots=True)
class ActResult:
    """What came of an act. Sizes are of bodies, in bytes; `upstream` is what the services sent."""

    act: Act
    first: Exchange
    waterfall: Waterfall
    upstream_requests: int
    upstream_bytes: int
    mobile: Exchange | None
    again: Exchange | None
    failures: tuple[str, ...]


def perform(act: Act, client: httpx.Client, running: DemoServers) -> ActResult:
    """Make the act's calls, as the user that the client is logged in as, and look at what came of
    them."""
    running.refuse_dead()
    if act.broken is None:
        return _perform(act, client, running)
    _switch(running, act.broken, {"fail": 503})
    try:
        return _perform(act, client, running)
    finally:
        _switch(running, act.broken, {"fail": None})


def _perform(act: Act, client: httpx.Client, running: DemoServers) -> ActResult:
    requests_before, bytes_before = _sent(running)
    first = _call(client, act, act.target)
    requests_after, bytes_after = _sent(running)
    mobile = again = None
    if act.mobile:
        mobile = _call(
            client, act, act.target + ("&" if "?" in act.target else "?") + "view=mobile"
        )
    if act.cached:
        again = _call(client, act, act.target)
    return ActResult(
        act,
        first,
        parse_server_timing(first.headers.get("server-timing", "")),
        requests_after - requests_before,
        bytes_after - bytes_before,
        mobile,
        again,
        tuple(_failures(act, first, mobile, again)),
    )


def _call(client: httpx.Client, act: Act, target: str) -> Exchange:
    started = time.perf_counter()
    try:
        reply = client.request(act.method, target, json=act.body, headers=dict(act.headers))
    except httpx.TransportError as error:
        raise DemoFailed(f"{act.method} {target}: no answer from the gateway: {error!r}") from error
    took_ms = (time.perf_counter() - started) * 1000
    return Exchange(reply.status_code, reply.content, dict(reply.headers), took_ms)


def _failures(
    act: Act, first: Exchange, mobile: Exchange | None, again: Exchange | None
) -> list[str]:
    """What is wrong, as sentences; the order is that of the calls."""
    if first.status != httpx.codes.OK:
        return [f"{act.method} {act.target} answered {first.status}: {_beginning(first.body)}"]
    found: list[str] = []
    degraded = first.headers.get("proxy-status")
    if act.broken is None and degraded is not None:
        found.append(f"{act.target} is degraded: {degraded}")
    if act.broken is not None and degraded is None:
        found.append(f"{act.target} does not say that it is degraded")
    if "server-timing" not in first.headers:
        found.append(f"{act.target} has no Server-Timing")
    leaked = [name for name in SECRETS if f'"{name}"'.encode() in first.body]
    if leaked:
        found.append(f"{act.target} leaks {', '.join(leaked)}")
    if mobile is not None and mobile.status != httpx.codes.OK:
        found.append(f"{act.target}, view mobile, answered {mobile.status}")
    elif mobile is not None and len(mobile.body) >= len(first.body):
        found.append(f"{act.target}: the mobile view is no smaller than the payload")
    if again is not None:
        status = again.headers.get("cache-status", "none")
        if "hit" not in [part.strip() for part in status.split(";")]:
            found.append(f"{act.target} again: not from the cache (Cache-Status: {status})")
        elif again.body != first.body:
            found.append(f"{act.target} again: the cache gave another payload")
    return found


def _beginning(body: bytes) -> str:
    return body[:300].decode("utf-8", errors="replace")


def _sent(running: DemoServers) -> tuple[int, int]:
    """How many requests the services have answered so far, and with how many bytes."""
    requests = size = 0
    for name, address in running.services.items():
        stats = json.loads(_ask(name, "GET", f"{address}/_stats", None))
        requests += stats["requests"]
        size += stats["bytes"]
    return requests, size


def _switch(running: DemoServers, service: str, switches: Mapping[str, Any]) -> None:
    _ask(service, "POST", f"{running.services[service]}/_switch", switches)


def _ask(name: str, method: str, url: str, body: Any) -> bytes:
    try:
        reply = httpx.request(method, url, json=body, trust_env=False, timeout=5)
    except httpx.TransportError as error:
        raise DemoFailed(f"{name} does not answer at {url}: {error!r}") from error
    return reply.content
