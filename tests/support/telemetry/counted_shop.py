"""A shop whose metrics a test watches, in a host, and the names of its series.

    with shop.moves(asked("/hard/{id}", 404), screen("hard", "refused")):
        shop.host.get("/hard/404")

GATE holds what its services answer to some requests, until a test sets it.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bff.settings import Settings
from bff.telemetry.metrics.definitions.cache import CACHE_REQUESTS, DEGRADATIONS, DROPPED_ELEMENTS
from bff.telemetry.metrics.definitions.limits import ACCESS_REFUSALS, LIMIT_DECISIONS
from bff.telemetry.metrics.definitions.screens import (
    COMPOSITION_BYTES,
    COMPOSITIONS,
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    RUNS,
    SLO_MISSES,
    STEP_CALLS,
    STEPS,
)
from bff.telemetry.metrics.families import Metrics
from tests.support.fake_time import Clock
from tests.support.gateway.hosts import Host, serving
from tests.support.gateway.screens import product, user, value_reply
from tests.support.identity.callers import ByName
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.telemetry.counted import counted, settled
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import flood, head, held, json_reply, reply, then_reset

TOKEN = "t" * 32
OURS = (
    REQUESTS, COMPOSITIONS, COMPOSITION_BYTES, RUNS, STEPS, STEP_CALLS, SLO_MISSES, CACHE_REQUESTS,
    DEGRADATIONS, DROPPED_ELEMENTS, ACCESS_REFUSALS, LIMIT_DECISIONS,
)  # fmt: skip

SERVICE = f"""{SHOP_SERVICE}
  best:
    request: GET /best
    returns: list[schemas.shop:Product]
    invalid: drop
  pay:
    request: POST /pay
    returns: schemas.shop:Order
"""
COMPOSITIONS_OF_SHOP = {
    "cached": """
        endpoint: GET /cached/{id}
        params: {id: {type: integer}}
        steps: {user: {call: shop.get_user, with: {id: '${params.id}'}}}
        views: {short: [user.id]}
        cache: {ttl: 10s, stale: 30s}
        slo: {availability: 99.9, latency: 5s}
        """,
    "soft": """
        endpoint: GET /soft
        steps:
          user: {call: shop.get_user, with: {id: 404}, on_failure: optional}
          best: {call: shop.best}
        cache: {ttl: 5m}
        """,
    "hard": """
        endpoint: GET /hard/{id}
        params: {id: {type: integer}}
        steps: {user: {call: shop.get_user, with: {id: '${params.id}'}}}
        slo: {availability: 99.9}
        """,
    "late": """
        endpoint: GET /late
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        slo: {availability: 99.9, latency: 0.01ms}
        """,
    "some": """
        endpoint: GET /some
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        fields: {max: 20}
        """,
    "buy": """
        endpoint: POST /buy
        steps: {order: {call: shop.create_order, with: {user_id: 1}}}
        """,
    "write": """
        endpoint: POST /write
        steps: {paid: {call: shop.pay}}
        """,
    "members": """
        endpoint: GET /members
        access: {roles: {any: [member]}}
        limits: [{by: identity, rate: 2/hour}]
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        """,
}
GATEWAY = "routes: {/raw: {service: shop, strip: true}}\ndefaults: {access: public}\n"
GATE = threading.Event()
SCRIPTS = {
    **{f"/users/{number}": user(number) for number in range(1, 10)},
    "/users/50": reply(503),
    "/users/99": held(GATE, user(99)),
    "/users/404": reply(404),
    "/best": value_reply([product(1), {}, {"id": "x"}]),
    "/orders": json_reply('{"id": 1, "total": 1, "items": []}'),
    "/pay": held(GATE, json_reply('{"id": 1, "total": 1, "items": []}')),
    "/endless": flood(head(200, [("Content-Length", str(10**9))]), 10**9),
    "/x": reply(200, [], b"raw"),
    "/teapot": reply(418),
    "/none": then_reset(head(200, [("Content-Length", "100")])),
    "/half": then_reset(head(200, [("Content-Length", "100000")]) + b"half"),
}


class Shop:
    """The shop in a host, and what it counts."""

    def __init__(self, host: Host, upstream: WireServer, clock: Clock, metrics: Metrics) -> None:
        self.host = host
        self.upstream = upstream
        self.clock = clock
        self.metrics = metrics

    def at_work(self, wanted: Mapping[str, float]) -> Mapping[str, float]:
        """How many requests of each kind are at work, once it is so many as are wanted."""
        prefix = f"{REQUESTS_IN_FLIGHT.name} kind="
        series = {f"{prefix}{kind}": count for kind, count in wanted.items()}
        found = settled(self.metrics, {}, series, REQUESTS_IN_FLIGHT)
        return {name.removeprefix(prefix): count for name, count in found.items()}

    @contextmanager
    def moves(self, *wanted: str) -> Iterator[None]:
        """What is done within moves these series, each by one or by what stands behind a `*`."""
        expected = {}
        for each in wanted:
            name, _, by = each.partition(" *")
            expected[name] = float(by or 1)
        before = counted(self.metrics, *OURS)
        yield
        assert settled(self.metrics, before, expected, *OURS) == expected


@contextmanager
def serving_shop(name: str, folder: Path) -> Iterator[Shop]:
    """The shop in the host called `name`; `folder` takes the project. In the end nothing may be at
    work."""
    clock = Clock()
    with WireServer(SCRIPTS) as upstream:
        services = {"shop": SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        write_project(folder, COMPOSITIONS_OF_SHOP, services=services, gateway=GATEWAY)
        settings = Settings(log_level="error", metrics_token=TOKEN, admin_token=TOKEN)
        with serving(name, folder, settings=settings, clock=clock, identity=ByName()) as host:
            shop = Shop(host, upstream, clock, host.app.extensions["bff"].core.metrics)
            yield shop
            GATE.set()
            assert shop.at_work({}) == {}


def asked(route: str, status: int, *, method: str = "GET", kind: str = "", error: str = "") -> str:
    """The series of requests to a place."""
    kind = kind or ("route" if route.startswith("/raw") else "composition" if route else "none")
    place = f" http_route={route}" if route else ""
    came_to = f" http_response_status_code={status}" if status else ""
    error = error or (str(status) if status >= 500 else "")
    return (
        f"{REQUESTS.name} kind={kind} http_request_method={method} url_scheme=http{place}{came_to}"
        + (f" error_type={error}" if error else "")
    )


def screen(name: str, outcome: str, view: str = "") -> str:
    shown = f" view={view}" if view else ""
    return f"{COMPOSITIONS.name} composition={name}{shown} outcome={outcome}"


def sent(name: str, count: int, view: str = "") -> str:
    shown = f" view={view}" if view else ""
    return f"{COMPOSITION_BYTES.name} composition={name}{shown} *{count}"


def run(name: str, outcome: str, **steps: str) -> list[str]:
    """A run, whose steps each made a call."""
    series = [f"{RUNS.name} composition={name} outcome={outcome}"]
    for step, came_to in steps.items():
        series.append(f"{STEPS.name} composition={name} step={step} outcome={came_to}")
        series.append(f"{STEP_CALLS.name} composition={name} step={step}")
    return series


def cache(name: str, state: str) -> str:
    return f"{CACHE_REQUESTS.name} composition={name} cache={state}"
