"""The metrics of who may ask, and how often: access, limits, logins."""

from typing import Final

from bff.telemetry.metrics.definitions.definition import Definition

ACCESS_REFUSALS: Final = Definition(
    "bff_access_refusals",
    "counter",
    "Requests that access or a limit refused, by the reason.",
    "limits",
    ("http_route", "reason"),
)
ACTIONS: Final = Definition(
    "bff_audited_actions",
    "counter",
    "Logins, logouts, purges, and refreshes of sessions' tokens, by their outcome.",
    "limits",
    ("action", "outcome"),
)
LIMIT_DECISIONS: Final = Definition(
    "bff_limit_decisions",
    "counter",
    "Decisions of limits: allowed, refused; without a count, uncounted (the request is let in)"
    " or unavailable (it is refused).",
    "limits",
    ("limit", "decision"),
)
LIMIT_FALLBACKS: Final = Definition(
    "bff_limit_fallbacks",
    "counter",
    "Decisions of limits while Redis did not answer.",
    "limits",
    ("limit",),
)
LIMIT_LEASES: Final = Definition(
    "bff_limit_leases",
    "counter",
    "Requests of workers to Redis for tokens of a limit.",
    "limits",
    ("limit",),
)
LIMIT_CALLERS: Final = Definition(
    "bff_limit_callers",
    "gauge",
    "Callers for which workers hold tokens of a limit, or count.",
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
