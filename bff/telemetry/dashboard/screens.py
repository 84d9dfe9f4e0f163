"""The panels of screens: requests, failures, slow screens and steps, SLOs."""

from typing import Final

from bff.telemetry.dashboard.panel import (
    FIRING,
    RANGE,
    Link,
    Panel,
    Query,
    endpoints,
    filtered,
    graph,
    level,
    levels,
    lines,
    quantile,
    rate,
    rates,
    stat,
)
from bff.telemetry.dashboard.services import INSTANCES_FAILING, INSTANCES_SLOW
from bff.telemetry.metrics.definitions.process import RELEASE_INFO
from bff.telemetry.metrics.definitions.screens import (
    COMPOSITION_BYTES,
    COMPOSITIONS,
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    RUNS,
    SLO_LATENCIES,
    SLO_MISSES,
    SLO_TARGETS,
    STEP_CALLS,
    STEP_INFO,
    STEPS,
)
from bff.telemetry.metrics.promql import labelled, share_of

# What an SLO, and a share of failures, is about: neither a caller's mistakes nor who has left.
ANSWERED: Final = 'outcome=~"ok|degraded|failed"'
SCREENS_FAILING: Final = "Screens that fail"
SCREENS_SLOW: Final = "Slow screens"
SCREENS_DEGRADED: Final = "Degraded screens"
STEPS_SLOW: Final = "Slow steps"
STEPS_FAILING: Final = "Steps that fail"
ERROR_BUDGETS: Final = "Error budgets"

SCREEN: Final = ("composition",)
# A method that HTTP lacks gets 501, by a mistake of the client.
_SERVER_ERRORS: Final = 'http_response_status_code=~"5..", http_response_status_code!="501"'
_NO_WEBSOCKETS: Final = 'http_response_status_code!="101"'  # they last as long as clients want
_PATH: Final = ("http_route",)
_ANSWER: Final = (*_PATH, "http_response_status_code")
_ERROR: Final = (*_PATH, "error_type")
_STEP_OF_JOB: Final = ("job", "composition", "step")
_CALLED: Final = ("composition", "step", "service")
TO_SLOW_STEPS: Final = Link(SCREEN, STEPS_SLOW)
TO_FAILING_STEPS: Final = Link(SCREEN, STEPS_FAILING)
_TO_STEPS: Final = (TO_SLOW_STEPS, TO_FAILING_STEPS)


def share_of_screens(outcome: str, by: tuple[str, ...] = ()) -> str:
    """The share of an outcome in the requests that are not refused."""
    return share_of(
        rate(COMPOSITIONS, by, f'outcome="{outcome}"'), rate(COMPOSITIONS, by, ANSWERED)
    )


def _with_services(expression: str) -> str:
    """Of steps, with the service that each calls."""
    return labelled(f"({expression})", filtered(STEP_INFO), _STEP_OF_JOB, ("service",))


def _burn_rate(window: str) -> str:
    misses = rate(SLO_MISSES, SCREEN, window=window)
    requests = rate(COMPOSITIONS, SCREEN, ANSWERED, window=window)
    budget = f"(1 - max by (composition) ({filtered(SLO_TARGETS)}))"
    return f"{misses} / {requests} / {budget}"


def _burn_line(window: str) -> Query:
    return Query(_burn_rate(window), lines(SCREEN, f"{window} of"))


# What a window uses up is its burn rate, times its share of the 30 days.
_BUDGET_USED: Final = f"max({_burn_rate(RANGE)}) * {RANGE}_s / {30 * 24 * 3600}"
_ALERTS: Final = f"count({FIRING}) or 0 * count({filtered(RELEASE_INFO)})"

SCREEN_PANELS: Final = (
    stat(
        "Alerts firing", "How many alerts fire, where Prometheus has the rules of `bff alerts`?",
        _ALERTS, "short", alarm=1,
    ),
    stat(
        "Requests now", "How many requests arrive a second?",
        rate(REQUESTS, ()), "reqps",
    ),
    stat(
        "Failed screens now", "Which share of the requests for screens fails?",
        share_of_screens("failed"), "percentunit", 0.01, 0.05, (Link((), SCREENS_FAILING),),
    ),
    stat(
        "Degraded screens now", "Which share of the screens is degraded?",
        share_of_screens("degraded"), "percentunit", 0.01, 0.1, (Link((), SCREENS_DEGRADED),),
    ),
    stat(
        "95 % of screens within", "Within which time are 95 % of the screens answered?",
        quantile(0.95, COMPOSITIONS, (), ANSWERED), "s", 0.5, 1, (Link((), SCREENS_SLOW),),
    ),
    stat(
        "Error budget used",
        "How much of the error budget of 30 days did the shown time use up, of the screen that used"
        " most (`slo`)?", _BUDGET_USED, "percentunit", 0.5, 1, (Link((), ERROR_BUDGETS),),
    ),
    graph(
        "Requests for screens", "Which screens are requested, and how often?",
        SCREEN, rate(COMPOSITIONS, SCREEN), "reqps", links=_TO_STEPS,
    ),
    graph(
        SCREENS_FAILING, "Which screen fails, and how often?",
        SCREEN, share_of_screens("failed", SCREEN), "percentunit",
        warn=0.01, alarm=0.05, links=(TO_FAILING_STEPS,),
    ),
    Panel(
        SCREENS_SLOW, "Which screen is slow: within which time are 95 % of its requests answered?",
        (
            Query(quantile(0.95, COMPOSITIONS, SCREEN, ANSWERED), lines(SCREEN)),
            Query(level(SLO_LATENCIES, SCREEN), lines(SCREEN, "promised for"), "dashes"),
        ),
        "s", alarm=1, links=(TO_SLOW_STEPS,),
    ),
    Panel(
        ERROR_BUDGETS,
        "How fast does a screen use up the error budget of its `slo`? At 1 the budget lasts for 30"
        " days, at 14.4 for two.",
        (_burn_line("1h"), _burn_line("6h")), warn=1, alarm=14.4, links=_TO_STEPS,
    ),
    graph(
        "SLO misses", "Do requests miss the `slo` because they fail, or because they are slow?",
        (*SCREEN, "reason"), rate(SLO_MISSES, (*SCREEN, "reason")), "reqps", links=_TO_STEPS,
    ),
    graph(
        "Results of screens", "Which views are requested, and with which results?",
        COMPOSITIONS.labels, rate(COMPOSITIONS, COMPOSITIONS.labels), "reqps", links=_TO_STEPS,
    ),
    graph(
        STEPS_SLOW, "Which step makes a screen slow, and which service does it call?", _CALLED,
        _with_services(quantile(0.95, STEPS, _STEP_OF_JOB)), "s",
        links=(Link(("service",), INSTANCES_SLOW),),
    ),
    graph(
        STEPS_FAILING,
        "Which step fails, how often, and which service does it call?", _CALLED,
        _with_services(share_of(
            rate(STEPS, _STEP_OF_JOB, 'outcome="failed"'),
            rate(STEPS, _STEP_OF_JOB, 'outcome!="skipped"'),
        )),
        "percentunit", links=(Link(("service",), INSTANCES_FAILING),),
    ),
    rates(
        "Results of steps", "Are steps skipped, refused, failed or cancelled?", STEPS,
        ("outcome",),
    ),
    graph(
        "Calls for a screen", "How many calls does one request of a screen cost, on average?",
        SCREEN, f"{rate(STEP_CALLS, SCREEN)} / {rate(COMPOSITIONS, SCREEN)}", links=_TO_STEPS,
    ),
    rates("Results of runs", "How do runs end, with those in the background?", RUNS,
          RUNS.labels),
    rates("Bytes of screens", "How many bytes do screens send?", COMPOSITION_BYTES,
          COMPOSITION_BYTES.labels),
    graph(
        "Requests by path and status", "At which paths do requests get which statuses?",
        _ANSWER, endpoints(rate(REQUESTS, _ANSWER)), "reqps",
    ),
    graph(
        "Paths that fail",
        "Which share of the requests to a path, of screens and of routes, is answered with 5xx,"
        " other than 501?", _PATH,
        endpoints(share_of(rate(REQUESTS, _PATH, _SERVER_ERRORS), rate(REQUESTS, _PATH))),
        "percentunit", warn=0.01, alarm=0.05,
    ),
    graph(
        "Slow paths", "Which path is slow, of screens and of routes? WebSockets don't count.",
        _PATH, endpoints(quantile(0.95, REQUESTS, _PATH, _NO_WEBSOCKETS)), "s", alarm=1,
    ),
    graph(
        "Errors by path", "Which paths are answered with errors, and why?", _ERROR,
        endpoints(rate(REQUESTS, _ERROR, 'error_type!=""')), "reqps",
    ),
    levels("Requests in flight", "How many requests are being worked on, and what are they for?",
           REQUESTS_IN_FLIGHT, ("kind",)),
)  # fmt: skip
