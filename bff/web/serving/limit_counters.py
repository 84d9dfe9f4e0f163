"""One limit of an endpoint: the meter that counts, the counts of its decisions, its refusals."""

from typing import Final, NamedTuple, assert_never

from bff.limits.meters import Meters
from bff.limits.ports import Admitted, Exceeded, Meter, Unavailable, Uncounted, Verdict
from bff.plan.model.limits import Limit
from bff.telemetry.metrics.definitions.limits import LIMIT_DECISIONS
from bff.telemetry.metrics.families import Cell, Metrics
from bff.web.http.problems import FixedProblem
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest

_TYPES: Final = "https://iana.org/assignments/http-problem-types#"


class Decisions(NamedTuple):
    """The counts of a limit's decisions; the last two are decisions without a count."""

    allowed: Cell
    refused: Cell
    uncounted: Cell
    unavailable: Cell

    def note(self, verdict: Verdict) -> None:
        """Count a decision."""
        match verdict:
            case Admitted():
                self.allowed[0] += 1
            case Exceeded():
                self.refused[0] += 1
            case Uncounted():
                self.uncounted[0] += 1
            case Unavailable():
                self.unavailable[0] += 1
            case _:
                assert_never(verdict)


class LimitCounter(NamedTuple):
    """One limit, its meter, and the replies to requests over the limit or without a count."""

    limit: Limit
    meter: Meter
    over: FixedProblem
    uncounted: FixedProblem
    decisions: Decisions

    def refusal(self, request: GatewayRequest, verdict: Exceeded | Unavailable) -> Reply:
        """The reply to a request that the verdict refuses."""
        problem = self.over if isinstance(verdict, Exceeded) else self.uncounted
        return problem.reply(request, verdict.seconds)


def counter_of(limit: Limit, meters: Meters, metrics: Metrics) -> LimitCounter:
    """The counter of a limit. The problem types are those of
    draft-ietf-httpapi-ratelimit-headers-11, section 5."""
    named = {"violated-policies": [limit.name]}
    over = {"type": f"{_TYPES}quota-exceeded", "title": "The quota is used up", **named}
    reason, detail = "over_limit", "A limit of requests is used up."
    if limit.by == "failed_credentials":
        over |= {"type": f"{_TYPES}abnormal-usage-detected", "title": "Too many failures"}
        reason, detail = "too_many_failures", "Too many credentials of this address were wrong."
    uncounted = {
        "type": f"{_TYPES}temporary-reduced-capacity",
        "title": "Requests can't be counted",
        **named,
    }
    decided = metrics.counter(LIMIT_DECISIONS)
    return LimitCounter(
        limit,
        meters.of(limit),
        FixedProblem(429, reason, detail, members=over),
        FixedProblem(
            503, "limits_unavailable", "Requests can't be counted for now.", members=uncounted
        ),
        Decisions(*[decided.at(limit.title, each) for each in Decisions._fields]),
    )
