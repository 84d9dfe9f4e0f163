"""Alerts on screens and on their SLOs (`slo`).

Burn rates, windows and severities are those of the SRE workbook, "Alerting on SLOs": at a burn rate
of 1 the error budget of 30 days lasts for 30 days. Both windows of an alert must burn: the long one
shows that the misses matter, the short one that they go on. A page also needs three missed
requests: the workbook leaves open what to do where few requests come.
"""

from typing import Final, Literal, NamedTuple

from bff.telemetry.alerts.alert import JOB, Alert, Recording, quantile, rate, share, some
from bff.telemetry.dashboard.screens import (
    ANSWERED,
    ERROR_BUDGETS,
    SCREEN,
    SCREENS_DEGRADED,
    SCREENS_FAILING,
    SCREENS_SLOW,
)
from bff.telemetry.metrics import promql
from bff.telemetry.metrics.definitions.screens import COMPOSITIONS, SLO_MISSES, SLO_TARGETS


class BurnRate(NamedTuple):
    """How fast the error budget is used up, over which windows, and how that reads in a text."""

    rate: float
    long: str
    short: str
    severity: Literal["page", "ticket"]
    name: str
    speed: str
    means: str


BURN_RATES: Final = (
    BurnRate(14.4, "1h", "5m", "page", "Fast", "14.4 times as fast as", "2 % of it in an hour"),
    BurnRate(6, "6h", "30m", "page", "Steadily", "6 times as fast as", "5 % of it in six hours"),
    BurnRate(
        1, "3d", "6h", "ticket", "Slowly", "faster than", "more than 10 % of it in three days"
    ),
)

_FAILED: Final = 'outcome="failed"'
_SCREEN: Final = "{{ $labels.composition }}"

SCREEN_ALERTS: Final = (
    Alert(
        "BffScreenFailing",
        f"More than 5 % of the requests of {_SCREEN} fail.",
        f"{share(COMPOSITIONS, '2m', SCREEN, _FAILED, ANSWERED)} > 0.05"
        f" and {some(COMPOSITIONS, '2m', SCREEN, _FAILED)}",
        "30s",
        "page",
        "A required step fails, or the deadline ends it. Look at the failing steps of this screen,"
        " then at their services. The log shows the reason in `bff.failures`, in lines with"
        f" `bff.composition` {_SCREEN} and `bff.outcome` failed.",
        SCREENS_FAILING,
        SCREEN,
    ),
    Alert(
        "BffScreenSlow",
        f"One of 20 answers of {_SCREEN} takes more than a second.",
        quantile(COMPOSITIONS, "5m", SCREEN, ANSWERED) + " > 1",
        "5m",
        "ticket",
        "Look at the slow steps of this screen, then at their services and instances. An exemplar"
        " in the graph leads to the trace of a slow request.",
        SCREENS_SLOW,
        SCREEN,
    ),
    Alert(
        "BffScreenDegraded",
        f"More than 10 % of the payloads of {_SCREEN} are degraded.",
        share(COMPOSITIONS, "5m", SCREEN, 'outcome="degraded"', ANSWERED) + " > 0.1",
        "2m",
        "ticket",
        "Users see an incomplete screen. The graph beside it shows which step degrades it and why;"
        " so does `bff.degraded` in the log.",
        SCREENS_DEGRADED,
        SCREEN,
    ),
)


def _burn(burn: BurnRate) -> Alert:
    budget = f"(1 - {promql.largest(promql.series(SLO_TARGETS), (JOB, *SCREEN))})"
    conditions = [f"{recorded(window)} > {burn.rate:g} * {budget}" for window in burn[1:3]]
    if burn.severity == "page":
        conditions.append(some(SLO_MISSES, burn.long, SCREEN))
    return Alert(
        f"BffErrorBudgetBurns{burn.name}",
        f"{_SCREEN} uses up its error budget of 30 days {burn.speed} its SLO lets it:"
        f" {burn.means}.",
        " and ".join(conditions),
        "",
        burn.severity,
        "Requests fail, or get their answer later than promised: the graph beside it shows which."
        " Then look at the steps of this screen that fail or are slow.",
        ERROR_BUDGETS,
        SCREEN,
    )


def recorded(window: str) -> str:
    """The name of the recorded share of requests that missed an SLO."""
    return f"job_composition:bff_slo_misses:ratio_rate{window}"


def _recording(window: str) -> Recording:
    misses = rate(SLO_MISSES, window, SCREEN)
    return Recording(recorded(window), f"{misses} / {rate(COMPOSITIONS, window, SCREEN, ANSWERED)}")


SLO_ALERTS: Final = tuple(map(_burn, BURN_RATES))
SLO_RECORDINGS: Final = tuple(
    _recording(window)
    for window in dict.fromkeys(
        window for each in reversed(BURN_RATES) for window in (each.short, each.long)
    )
)
