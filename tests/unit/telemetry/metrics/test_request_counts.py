"""What is counted of a request by itself: bounds that clients can reach, and promises missed."""

import time
from typing import Any

import pytest

from bff.plan.model.composition import Slo
from bff.telemetry.metrics.definitions.definition import OTHER
from bff.telemetry.metrics.definitions.limits import ACCESS_REFUSALS
from bff.telemetry.metrics.definitions.screens import COMPOSITIONS, REQUESTS, SLO_MISSES
from bff.telemetry.metrics.families import Metrics
from bff.web.http.destination import NOWHERE, Destination
from bff.web.http.replies import Account, Reply
from bff.web.http.requests import GatewayRequest
from bff.web.telemetry.request_counts import MOST_REASONS, RequestCounts
from tests.support.telemetry.counted import counted

HIT = Account("", "hit", "ok")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def counts(metrics: Metrics) -> RequestCounts:
    return RequestCounts(metrics)


def request(destination: Destination = NOWHERE, method: str = "GET", **more: Any) -> GatewayRequest:
    made = GatewayRequest(method, "/", "", [], **more)
    made.destination = destination
    return made


def screen(slo: Slo | None = None) -> Destination:
    return Destination("composition", "home", "/home", slo=slo)


@pytest.mark.parametrize(
    ("status", "seconds", "missed"),
    [
        (200, 0.0, {}),
        (200, 0.4, {"slow": 1}),
        (404, 0.4, {}),  # what the caller asked wrongly counts for nothing
        (502, 0.0, {"failed": 1}),
        (504, 0.4, {"failed": 1}),
    ],
)
def test_promise_is_missed_by_failures_and_by_late_answers(
    metrics: Metrics, counts: RequestCounts, status: int, seconds: float, missed: dict[str, float]
) -> None:
    asked = request(screen(Slo(0.999, 0.3)))
    asked.started_at = time.perf_counter() - seconds
    counts.count(asked, Reply(status, [], account=HIT if status == 200 else None), 0)
    prefix = f"{SLO_MISSES.name} composition=home reason="
    found = {name.removeprefix(prefix): by for name, by in counted(metrics, SLO_MISSES).items()}
    assert {name: by for name, by in found.items() if by} == missed


def test_methods_and_schemes_of_a_clients_own_are_one(
    metrics: Metrics, counts: RequestCounts
) -> None:
    """What a destination holds is bounded, too."""
    destination = screen()
    for number in range(100):
        counts.count(request(destination, f"BREW{number}"), Reply(405, []), 0)
        counts.count(request(destination, scheme=f"s{number}"), Reply(405, []), 0)
    series = metrics.families[REQUESTS.name].series
    assert {labels[1:3] for labels in series} == {(OTHER, "http"), ("GET", OTHER)}
    assert len(destination.cells) == 2


@pytest.mark.parametrize(
    ("status", "label", "error"),
    [
        (200, "200", ""), (299, "200", ""), (418, "418", ""), (471, "400", ""),
        (503, "503", "503"), (599, "500", "500"), (600, OTHER, OTHER), (999, OTHER, OTHER),
    ],
)  # fmt: skip
def test_statuses_that_nobody_has_registered_are_those_of_their_class(
    metrics: Metrics, counts: RequestCounts, status: int, label: str, error: str
) -> None:
    """A client may ask some services for any."""
    counts.count(request(), Reply(status, []), 0)
    ((labels, _),) = metrics.histogram(REQUESTS).series.items()
    assert labels[-2:] == (label, error)


def test_reasons_of_refusals_are_words_and_the_first_ones_alone(
    metrics: Metrics, counts: RequestCounts
) -> None:
    """An embedder's provider may make a reason of what a client sends."""
    for reason in ("Bearer secret", "x" * 41, "", "no_credentials"):
        counts.count_refusal(request(), Reply(401, [], facts={"error.type": reason}))
    for number in range(3 * MOST_REASONS):
        counts.count_refusal(request(), Reply(401, [], facts={"error.type": f"reason_{number}"}))
    reasons = [reason for _, reason in metrics.families[ACCESS_REFUSALS.name].series]
    assert {"no_credentials", OTHER} < set(reasons)
    assert len(reasons) == MOST_REASONS + 1


def test_client_that_left_before_an_answer_has_no_status(
    metrics: Metrics, counts: RequestCounts
) -> None:
    """One that left within has the status that it got."""
    counts.count(request(screen()), Reply(499, []), 0, "client left")
    counts.count(request(screen()), Reply(200, [], account=HIT), 0, "client left")
    counts.count(request(screen()), Reply(499, []), 0)  # a service's own, of no standard
    series = metrics.families[REQUESTS.name].series
    assert [labels[4:] for labels in series] == [
        ("", "client_left"), ("200", "client_left"), ("400", ""),
    ]  # fmt: skip
    outcomes = [outcome for _, _, outcome in metrics.families[COMPOSITIONS.name].series]
    assert outcomes == ["abandoned", "ok", "refused"]
