"""The metrics of who may ask, and how often: access, limits, logins."""

from typing import Final

from bff.telemetry.metrics.definitions.definition import Definition

ACCESS_REFUSALS: Final = Definition(
    "bff_access_refusals",
    "counter",
    "Requests that were refused because of who asked, or how often, by the reason.",
    "limits",
    ("http_route", "reason"),
)
ACTIONS: Final = Definition(
    "bff_audited_actions",
    "counter",
    "Logins, logouts, purges, and refreshes of sessions' tokens, by what came of them.",
    "limits",
    ("action", "outcome"),
)
LIMIT_DECISIONS: Final = Definition(
    "bff_limit_decisions",
    "counter",
    "What limits decided: allowed, refused; where nobody could count, uncounted, which lets in, or"
    " unavailable, which doesn't.",
    "limits",
    ("limit", "decision"),
)
LIMIT_FALLBACKS: Final = Definition(
    "bff_limit_fallbacks",
    "counter",
    "Decisions of limits while Redis was away.",
    "limits",
    ("limit",),
)
LIMIT_LEASES: Final = Definition(
    "bff_limit_leases",
    "counter",
    "Times that a worker asked Redis for a limit's tokens.",
    "limits",
    ("limit",),
)
LIMIT_CALLERS: Final = Definition(
    "bff_limit_callers",
    "gauge",
    "Callers that a limit's tokens are held for, or counted for, in workers.",
    "limits",
    ("limit",),
)

LIMITS: Final = (
    ACCESS_REFUSALS,
    ACTIONS,
    LIMIT_DECISIONS,
    LIMIT_FALLBACKS,
    LIMIT_LEASES,
    LIMIT_CALLERS,
)
