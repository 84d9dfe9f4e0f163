"""Series that make an alert fire, and series that don't, for `promtool test rules`.

Values are promtool's: `0+6x40` begins at 0 and grows by 6, 40 times, a step each 15 seconds.
"""

from collections.abc import Mapping
from typing import NamedTuple

GATEWAY = 'job="bff", instance="bff-1:9464"'
HOME = f'{GATEWAY}, composition="home", view=""'
USERS = f'{GATEWAY}, service="users", server_address="10.0.0.7", server_port="8000"'
OF_HOME = {"composition": "home"}
OF_USERS = {"service": "users", "server_address": "10.0.0.7", "server_port": "8000"}


class Case(NamedTuple):
    """What Prometheus has scraped, and whether the alert fires at a time: with these labels and
    this summary, or not at all."""

    series: Mapping[str, str]
    at: str = "10m"
    labels: Mapping[str, str] | None = None
    summary: str = ""
    step: str = "15s"


def home(outcome: str, values: str) -> dict[str, str]:
    """How often the screen has come to this."""
    return {f'bff_composition_duration_seconds_count{{{HOME}, outcome="{outcome}"}}': values}


def users(error: str, values: str) -> dict[str, str]:
    """How often a call of the instance has come to this."""
    return {f'http_client_request_duration_seconds_count{{{USERS}, error_type="{error}"}}': values}


def buckets(name: str, labels: str, quick: str, slow: str) -> dict[str, str]:
    """A histogram: what took up to a second, and everything."""
    return {
        f'{name}_bucket{{{labels}, le="1.0"}}': quick,
        f'{name}_bucket{{{labels}, le="2.5"}}': slow,
        f'{name}_bucket{{{labels}, le="+Inf"}}': slow,
    }


def promised(misses: str) -> dict[str, str]:
    """A screen that promises 99.9 %, with a thousand requests a step."""
    return {
        f'bff_slo_target_ratio{{{GATEWAY}, composition="home"}}': "0.999x500",
        f'bff_slo_misses_total{{{GATEWAY}, composition="home", reason="slow"}}': misses,
        **home("ok", "0+1000x500"),
    }


def counter(name: str, labels: str, values: str) -> dict[str, str]:
    """One series of the gateway."""
    return {f"{name}{{{GATEWAY}{labels}}}": values}


_GET_USER = ', service="users", operation="users.get_user"'
_BUDGET = "home uses up its error budget of 30 days"

# Each alert's cases: the first fires, the others don't.
CASES: Mapping[str, tuple[Case, ...]] = {
    "BffErrorBudgetBurnsFast": (
        Case(promised("0+20x500"), "2h", OF_HOME,
             f"{_BUDGET} 14.4 times as fast as its SLO lets it: 2 % of it in an hour.", "1m"),
        Case(promised("0+14x500"), "2h", step="1m"),
        Case(promised("0+40x110 4400x500"), "2h", step="1m"),  # it is over
        Case(promised("0x110 0+100x500"), "115m", step="1m"),  # it has only begun
        # two of twenty requests: nobody is woken
        Case({**promised("0x117 1+1x1 2x500"), **home("ok", "0x100 0+1x500")}, "2h", step="1m"),
    ),
    "BffErrorBudgetBurnsSteadily": (
        Case(promised("0+8x500"), "7h", OF_HOME,
             f"{_BUDGET} 6 times as fast as its SLO lets it: 5 % of it in six hours.", "2m"),
        Case(promised("0+5x500"), "7h", step="2m"),
        Case(promised("0+20x190 3800x500"), "7h", step="2m"),
        Case({**promised("0x202 1+1x1 2x500"), **home("ok", "0x190 0+1x500")}, "7h", step="2m"),
    ),
    "BffErrorBudgetBurnsSlowly": (
        Case(promised("0+2x500"), "80h", OF_HOME,
             f"{_BUDGET} faster than its SLO lets it: more than 10 % of it in three days.", "10m"),
        Case(promised("0x500"), "80h", step="10m"),
        Case(promised("0+5x430 2150x500"), "80h", step="10m"),
    ),
    "BffScreenFailing": (
        Case({**home("failed", "0+6x40"), **home("ok", "0+94x40")}, labels=OF_HOME,
             summary="More than 5 % of the requests of home fail."),
        Case({**home("failed", "0+4x40"), **home("ok", "0+96x40")}),
        # one of ten, and one alone: nobody is woken
        Case({**home("failed", "0x20 1x20"), **home("ok", "0x18 0+1x22")}, "6m"),
        # callers' own mistakes don't count
        Case({**home("refused", "0+50x40"), **home("failed", "0x40"), **home("ok", "0+50x40")}),
    ),
    "BffScreenSlow": (
        Case(buckets("bff_composition_duration_seconds", f'{HOME}, outcome="ok"',
                     "0+94x80", "0+100x80"), "15m", OF_HOME,
             "One of 20 answers of home takes more than a second."),
        Case(buckets("bff_composition_duration_seconds", f'{HOME}, outcome="ok"',
                     "0+96x80", "0+100x80"), "15m"),
    ),
    "BffScreenDegraded": (
        Case({**home("degraded", "0+11x40"), **home("ok", "0+89x40")}, labels=OF_HOME,
             summary="More than 10 % of the payloads of home are degraded."),
        Case({**home("degraded", "0+9x40"), **home("ok", "0+91x40")}),
    ),
    "BffInstanceFailing": (
        # every call fails from the fifth minute on: it is known 45 seconds later
        Case({**users("deadline", "0x20 100+100x20"), **users("", "0+100x20 2000x20")}, "5m45s",
             OF_USERS, "More than 20 % of the calls of users at 10.0.0.7:8000 fail."),
        Case({**users("503", "0x20 0+15x20"), **users("", "0+90x40")}, "8m"),
        Case({**users("503", "0x20 2x20"), **users("", "0x40")}, "5m45s"),  # two calls in all
        Case({**users("404", "0+90x40"), **users("", "0+10x40")}, "6m"),  # what isn't there
        Case({**users("cancelled", "0+90x40"), **users("", "0+10x40")}, "6m"),  # clients left
    ),
    "BffInstanceSlow": (
        Case(buckets("http_client_request_duration_seconds", USERS, "0+94x40", "0+100x40"),
             labels=OF_USERS,
             summary="One of 20 calls of users at 10.0.0.7:8000 takes more than a second."),
        Case(buckets("http_client_request_duration_seconds", USERS, "0+96x40", "0+100x40")),
    ),
    "BffInstanceResting": (
        # one call in 45 seconds
        Case({f"bff_instance_rests_total{{{USERS}}}": "0x10 1x2 2x2 3x2 4x2 5x2 6x2 7x30"}, "6m",
             OF_USERS, "No connection can be opened to users at 10.0.0.7:8000."),
        Case({f"bff_instance_rests_total{{{USERS}}}": "0x10 2 4x30"}, "3m45s"),  # it was restarted
    ),
    "BffSchemaBroken": (
        Case(counter("bff_schema_breaks_total", _GET_USER, "_x20 1x20"), "6m",
             {"service": "users", "operation": "users.get_user"},
             "Replies to users.get_user break their schema."),
        Case(counter("bff_schema_breaks_total", _GET_USER, "3x40")),
    ),
    "BffStoreFailing": (
        Case({**counter("bff_store_operation_duration_seconds_count",
                        ', operation="find", outcome="failed"', "0+52x40"),
              **counter("bff_store_operation_duration_seconds_count",
                        ', operation="find", outcome="ok"', "0+48x40")}, labels={},
             summary="The store that workers share fails."),
        Case({**counter("bff_store_operation_duration_seconds_count",
                        ', operation="find", outcome="failed"', "0+48x40"),
              **counter("bff_store_operation_duration_seconds_count",
                        ', operation="find", outcome="ok"', "0+52x40")}),
        Case(counter("bff_store_operation_duration_seconds_count",
                     ', operation="find", outcome="failed"', "0x20 1x2 2x20"), "6m"),  # two in all
    ),
    "BffPurgesOwed": (
        Case(counter("bff_purges_owed", "", "0x10 3x30"), labels={},
             summary="3 purges wait for the store that workers share."),
        Case(counter("bff_purges_owed", "", "0x10 3x2 0x30")),
    ),
    "BffLimitsWithoutRedis": (
        Case(counter("bff_limit_fallbacks_total", ', limit="address"', "0x20 0+5x20"), "8m",
             {"limit": "address"}, "The limit address decides without Redis."),
        Case(counter("bff_limit_fallbacks_total", ', limit="address"', "5x40"), "8m"),
    ),
    "BffDown": (
        Case(counter("up", "", "1x20 0x20"), labels={"instance": "bff-1:9464"},
             summary="bff-1:9464 can't be scraped."),
        Case(counter("up", "", "1x40")),
        Case({'up{job="node", instance="n:9100"}': "0x40"}),  # another's job
    ),
    "BffNotScraped": (
        Case({'up{job="node", instance="n:9100"}': "1x40"}, labels={},
             summary="Prometheus scrapes no gateway."),
        Case(counter("up", "", "0x40")),  # there is one
    ),
    "BffWorkersDying": (
        Case(counter("bff_worker_deaths_total", "", "0x10 1x5 2x5 3x30"), "8m", {},
             "Several workers died within 10 minutes."),
        Case(counter("bff_worker_deaths_total", "", "4x10 5x40"), "8m"),  # one, once
    ),
    "BffWorkerHangs": (
        Case(counter("bff_worker_silence_seconds", "", "0.4x10 5+15x20"), "3m30s", {},
             "A worker has sent nothing for 50s."),
        Case(counter("bff_worker_silence_seconds", "", "0.4x10 12 0.4x20"), "3m"),
    ),
    "BffRestartFailed": (
        Case(counter("bff_failed_restarts_total", "", "0x10 1x20"), "5m", {},
             "A restart failed: the old release is still served."),
        Case(counter("bff_failed_restarts_total", "", "1x80"), "15m"),
    ),
    "BffClientsRefused": (
        Case(counter("bff_client_refusals_total", ', reason="requests"', "0x10 0+50x20"), "5m",
             {"reason": "requests"}, "The gateway is full and refuses clients: requests."),
        Case(counter("bff_client_refusals_total", ', reason="bad_request"', "0+50x40")),
        Case(counter("bff_client_refusals_total", ', reason="connections"', "0+1x40")),
    ),
    "BffEventLoopLate": (
        Case(counter("bff_loop_longest_lag_seconds", "", "0.01x10 0.5x30"), labels={},
             summary="The event loop was blocked for 500ms."),
        Case(counter("bff_loop_longest_lag_seconds", "", "0.01x10 0.5x2 0.01x30")),
    ),
    "BffHeavyWorkRefused": (
        Case(counter("bff_heavy_work_refusals_total", "", "0x20 2x20"), "6m", {},
             "Heavy work was refused because too much of it waited."),
        Case(counter("bff_heavy_work_refusals_total", "", "2x40")),
    ),
    "BffSpansLost": (
        Case(counter("bff_spans_dropped_total", ', reason="unreachable"', "0x20 50x20"), "6m",
             {"reason": "unreachable"}, "Spans of traces were lost: unreachable."),
        Case(counter("bff_spans_dropped_total", ', reason="unreachable"', "50x40")),
    ),
    "BffLogLinesLost": (
        Case(counter("bff_log_lines_lost_total", "", "0x20 2x20"), "6m", {},
             "Lines of the log were lost."),
        Case(counter("bff_log_lines_lost_total", "", "2x40")),
    ),
}  # fmt: skip
