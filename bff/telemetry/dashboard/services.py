"""The panels of services: which are called, which fail, which are slow, what connections cost."""

from typing import Final

from bff.telemetry.dashboard.panel import (
    Link,
    Panel,
    Query,
    graph,
    level,
    levels,
    lines,
    quantile,
    quantiles,
    rate,
    rates,
)
from bff.telemetry.metrics.definitions.services import (
    BROKEN_BODIES,
    CONNECTS,
    EQUAL_CALLS,
    INSTANCE_RESTS,
    ISSUER_REQUESTS,
    OPEN_CONNECTIONS,
    PASSED_OVER,
    POOL_WAITING,
    POOL_WAITS,
    RESTING_INSTANCES,
    REUSED_CONNECTIONS,
    SCHEMA_BREAKS,
    SERVICE_CALLS,
)
from bff.telemetry.metrics.promql import share_of

INSTANCES_FAILING: Final = "Instances that fail"
INSTANCES_SLOW: Final = "Slow instances"
INSTANCES_RESTING: Final = "Resting instances"
SCHEMAS_BROKEN: Final = "Broken schemas"

SERVICE: Final = ("service",)
INSTANCE: Final = ("service", "server_address", "server_port")
# A 404 is no failure of the service, nor is a call that the gateway cut off.
FAILED: Final = 'error_type=~"5..|[^0-9].*", error_type!="cancelled"'

_POOL: Final = ("server_address", "server_port")
_ISSUER: Final = ("issuer", "purpose")
_ANSWER: Final = ("service", "http_response_status_code")
_FAILURE: Final = ("service", "error_type")
_TO_FAILING: Final = Link(SERVICE, INSTANCES_FAILING)
_TO_SLOW: Final = Link(SERVICE, INSTANCES_SLOW)


_REUSED: Final = rate(REUSED_CONNECTIONS, _POOL)


def _failing(by: tuple[str, ...]) -> str:
    return share_of(rate(SERVICE_CALLS, by, FAILED), rate(SERVICE_CALLS, by))


SERVICE_PANELS: Final = (
    graph(
        "Calls to services", "Which services are called, and how often?",
        SERVICE, rate(SERVICE_CALLS, SERVICE), "reqps", links=(_TO_FAILING, _TO_SLOW),
    ),
    graph(
        "Services that fail", "Which service fails, and how often?",
        SERVICE, _failing(SERVICE), "percentunit", warn=0.01, alarm=0.2, links=(_TO_FAILING,),
    ),
    graph(
        "Slow services", "Which service is slow?",
        SERVICE, quantile(0.95, SERVICE_CALLS, SERVICE), "s", links=(_TO_SLOW,),
    ),
    graph(
        INSTANCES_FAILING, "Does one instance fail, or all of them?",
        INSTANCE, _failing(INSTANCE), "percentunit", warn=0.01, alarm=0.2,
    ),
    graph(
        INSTANCES_SLOW, "Is one instance slow, or all of them?",
        INSTANCE, quantile(0.95, SERVICE_CALLS, INSTANCE), "s", alarm=1,
    ),
    graph(
        "Answers of services", "With which statuses do services answer?", _ANSWER,
        rate(SERVICE_CALLS, _ANSWER, 'http_response_status_code!=""'), "reqps",
        links=(_TO_FAILING,),
    ),
    graph(
        "Why calls fail", "Why do calls to services fail: with a status, or without a reply?",
        _FAILURE, rate(SERVICE_CALLS, _FAILURE, 'error_type!=""'), "reqps", links=(_TO_FAILING,),
    ),
    graph(
        INSTANCES_RESTING, "Which instances rest because they had no connection?",
        INSTANCE, level(RESTING_INSTANCES, INSTANCE), alarm=1,
    ),
    Panel(
        "Calls and resting instances",
        "How often do instances begin to rest, and how often do calls avoid them?",
        (
            Query(rate(INSTANCE_RESTS, INSTANCE), lines(INSTANCE, "made to rest:")),
            Query(rate(PASSED_OVER, INSTANCE), lines(INSTANCE, "passed over:")),
        ),
        "ops",
    ),
    rates("Broken bodies", "Which services break off in the middle of a reply?",
          BROKEN_BODIES, BROKEN_BODIES.labels),
    rates(SCHEMAS_BROKEN, "Which operations break their schemas?", SCHEMA_BREAKS,
          ("operation",)),
    levels("Open connections", "How many connections to instances are there, active or idle?",
           OPEN_CONNECTIONS, OPEN_CONNECTIONS.labels),
    quantiles("Opening connections", "How long does it take to open a connection?", CONNECTS,
              _POOL),
    graph(
        "Connections that fail", "Why can't connections be opened?", CONNECTS.labels,
        rate(CONNECTS, CONNECTS.labels, 'error_type!=""'), "ops",
    ),
    graph(
        "Reused connections", "Which share of the requests finds an idle connection?", _POOL,
        f"{_REUSED} / ({_REUSED} + {rate(POOL_WAITS, _POOL)})", "percentunit",
    ),
    levels("Waiting for a connection", "How many requests wait for a connection?", POOL_WAITING,
           _POOL),
    quantiles("Waits for a connection", "How long do requests wait for a connection?", POOL_WAITS,
              _POOL),
    rates("Equal calls", "How many calls were not sent because the same run had made an equal one?",
          EQUAL_CALLS, SERVICE),
    quantiles("Slow issuers", "Are issuers of tokens slow?", ISSUER_REQUESTS, _ISSUER),
    graph(
        "Issuers that fail", "Do issuers of tokens fail, and why?", ISSUER_REQUESTS.labels,
        rate(ISSUER_REQUESTS, ISSUER_REQUESTS.labels, 'error_type!=""'), "ops",
    ),
)  # fmt: skip
