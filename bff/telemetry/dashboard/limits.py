"""The panels of limits: refusals and their reasons, decisions of limits, logins and purges."""

from typing import Final

from bff.telemetry.dashboard.panel import endpoints, graph, levels, rate, rates
from bff.telemetry.metrics.definitions.limits import (
    ACCESS_REFUSALS,
    ACTIONS,
    LIMIT_CALLERS,
    LIMIT_DECISIONS,
    LIMIT_FALLBACKS,
    LIMIT_LEASES,
)
from bff.telemetry.metrics.promql import share_of

WITHOUT_REDIS: Final = "Limits without Redis"

_LIMIT: Final = ("limit",)

LIMIT_PANELS: Final = (
    rates("Refusals", "Why are requests refused?", ACCESS_REFUSALS, ("reason",)),
    graph(
        "Refusals by path", "At which paths are requests refused?", ("http_route",),
        endpoints(rate(ACCESS_REFUSALS, ("http_route",))), "ops",
    ),
    graph(
        "Limits used up", "Which share of its decisions does a limit refuse?", _LIMIT,
        share_of(rate(LIMIT_DECISIONS, _LIMIT, 'decision="refused"'),
                 rate(LIMIT_DECISIONS, _LIMIT)),
        "percentunit",
    ),
    rates("Decisions of limits", "What do limits decide, and can they count?", LIMIT_DECISIONS,
          LIMIT_DECISIONS.labels),
    rates(WITHOUT_REDIS, "Do limits decide without Redis?", LIMIT_FALLBACKS, _LIMIT),
    rates("Leases of limits", "How often do workers ask Redis for a limit's tokens?", LIMIT_LEASES,
          _LIMIT),
    levels("Callers of limits", "How many callers do limits hold tokens for?", LIMIT_CALLERS,
           _LIMIT),
    rates("Logins, logouts and purges", "Are logins, logouts and purges made, or refused?", ACTIONS,
          ACTIONS.labels),
)  # fmt: skip
