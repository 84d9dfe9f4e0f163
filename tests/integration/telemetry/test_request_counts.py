"""What each request to a composition moves in the metrics, and nothing else, in every host."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from bff.telemetry.metrics.definitions.cache import DEGRADATIONS, DROPPED_ELEMENTS
from bff.telemetry.metrics.definitions.limits import ACCESS_REFUSALS, LIMIT_DECISIONS
from bff.telemetry.metrics.definitions.screens import (
    COMPOSITIONS,
    SLO_LATENCIES,
    SLO_MISSES,
    SLO_TARGETS,
    STEP_INFO,
)
from tests.support.identity.callers import bearer
from tests.support.telemetry.counted_shop import (
    COMPOSITIONS_OF_SHOP,
    GATE,
    Shop,
    asked,
    cache,
    run,
    screen,
    sent,
)


def test_payload_comes_out_of_a_run_and_then_out_of_the_cache(shop: Shop) -> None:
    get = shop.host.get
    first = get("/cached/1")
    body, short = len(first.body), len(get("/cached/1?view=short").body)
    with shop.moves(
        asked("/cached/{id}", 200), screen("cached", "ok"), sent("cached", body),
        *run("cached", "ok", user="ok"), cache("cached", "miss"),
    ):  # fmt: skip
        get("/cached/2")
    hit = cache("cached", "hit")
    with shop.moves(asked("/cached/{id}", 200), hit, screen("cached", "ok"), sent("cached", body)):
        get("/cached/2")
    with shop.moves(
        asked("/cached/{id}", 200), hit, screen("cached", "ok", "short"),
        sent("cached", short, "short"),
    ):  # fmt: skip
        get("/cached/2?view=short")
    with shop.moves(asked("/cached/{id}", 304), hit, screen("cached", "ok")):
        get("/cached/1", if_none_match=first.header("etag") or "")


def test_run_in_the_background_counts_once_and_has_no_request(shop: Shop) -> None:
    body = len(shop.host.get("/cached/3").body)
    shop.clock.now += 15
    with shop.moves(
        asked("/cached/{id}", 200), screen("cached", "ok"), sent("cached", body),
        cache("cached", "stale"), *run("cached", "ok", user="ok"),
    ):  # fmt: skip
        shop.host.get("/cached/3")


def test_requests_that_wait_for_one_run_count_it_once(shop: Shop) -> None:
    GATE.clear()
    with ThreadPoolExecutor(3) as threads:
        series = [
            asked("/cached/{id}", 200) + " *3", screen("cached", "ok") + " *3",
            sent("cached", 3 * len(shop.host.get("/cached/4").body) + 3),
            *run("cached", "ok", user="ok"), cache("cached", "miss"),
            cache("cached", "collapsed") + " *2",
        ]  # fmt: skip
        with shop.moves(*series):
            asking = [threads.submit(shop.host.get, "/cached/99") for _ in range(3)]
            assert shop.at_work({"composition": 3}) == {"composition": 3}
            GATE.set()
            assert {each.result().status for each in asking} == {200}
    assert shop.at_work({}) == {}


def test_degraded_payload_counts_its_failures_when_it_is_made(shop: Shop) -> None:
    """What is served of it after that is degraded, and degrades nothing anew."""
    body = len(b'{"user":null,"best":[{"id":1,"title":"Hat","price":9.5}]}')
    came = [asked("/soft", 200), screen("soft", "degraded"), sent("soft", body)]
    with shop.moves(
        *came,
        *run("soft", "degraded", user="failed", best="ok"),
        cache("soft", "miss"),
        f"{DEGRADATIONS.name} composition=soft step=user reason=status",
        f"{DROPPED_ELEMENTS.name} composition=soft step=best *2",
    ):
        shop.host.get("/soft")
    with shop.moves(*came, cache("soft", "hit")):
        shop.host.get("/soft")


@pytest.mark.parametrize(
    ("user_id", "status", "outcome"), [(404, 404, "refused"), (50, 502, "failed")]
)
def test_failed_run_is_a_refusal_or_a_failure_by_what_the_client_gets(
    shop: Shop, user_id: int, status: int, outcome: str
) -> None:
    target = f"/hard/{user_id}"
    size = len(shop.host.get(target).body)
    fault = [
        f"{SLO_MISSES.name} composition=hard reason=failed",
        f"{DEGRADATIONS.name} composition=hard step=user reason=status",
    ]
    with shop.moves(
        asked("/hard/{id}", status), screen("hard", outcome), sent("hard", size),
        *run("hard", outcome, user=outcome), cache("hard", "bypass"),
        *(fault if outcome == "failed" else []),
    ):  # fmt: skip
        shop.host.get(target)


def test_answer_that_is_later_than_promised_misses_the_slo(shop: Shop) -> None:
    size = len(shop.host.get("/late").body)
    with shop.moves(
        asked("/late", 200), screen("late", "ok"), sent("late", size),
        *run("late", "ok", user="ok"), cache("late", "bypass"),
        f"{SLO_MISSES.name} composition=late reason=slow",
    ):  # fmt: skip
        shop.host.get("/late")


def test_each_step_is_shown_with_the_operation_that_it_calls(shop: Shop) -> None:
    shown = shop.metrics.gauge(STEP_INFO).series
    assert shown[("soft", "best", "shop", "shop.best")] == [1.0]
    assert shown[("buy", "order", "shop", "shop.create_order")] == [1.0]
    assert len(shown) == len(COMPOSITIONS_OF_SHOP) + 1


def test_promises_are_shown_and_what_keeps_and_misses_them_begins_at_nothing(shop: Shop) -> None:
    shown = {SLO_TARGETS: {}, SLO_LATENCIES: {}}
    for definition, found in shown.items():
        for labels, cell in shop.metrics.gauge(definition).series.items():
            found[labels] = cell[0]
    assert shown == {
        SLO_TARGETS: {("cached",): 0.999, ("hard",): 0.999, ("late",): 0.999},
        SLO_LATENCIES: {("cached",): 5.0, ("late",): 0.00001},
    }
    misses = shop.metrics.counter(SLO_MISSES).series
    assert misses[("cached", "slow")] == misses[("cached", "failed")] == [0.0]
    assert ("hard", "slow") not in misses
    kept = shop.metrics.histogram(COMPOSITIONS).series
    assert ("hard", "", "ok") in kept
    assert ("soft", "", "ok") not in kept


def test_write_passes_the_cache_by(shop: Shop) -> None:
    size = len(shop.host.post("/buy", {}).body)
    with shop.moves(
        asked("/buy", 200, method="POST"), screen("buy", "ok"), sent("buy", size),
        *run("buy", "ok", order="ok"), cache("buy", "bypass"),
    ):  # fmt: skip
        shop.host.post("/buy", {})


@pytest.mark.parametrize(("target", "status"), [("/hard/x", 400), ("/hard/1?view=none", 404)])
def test_request_that_asks_wrongly_is_refused_and_runs_nothing(
    shop: Shop, target: str, status: int
) -> None:
    size = len(shop.host.get(target).body)
    with shop.moves(asked("/hard/{id}", status), screen("hard", "refused"), sent("hard", size)):
        shop.host.get(target)


def test_options_is_no_request_for_the_payload(shop: Shop) -> None:
    with shop.moves(asked("/hard/{id}", 204, method="OPTIONS")):
        shop.host.request("OPTIONS", "/hard/1")


def test_access_and_limits_count_whom_they_refuse_and_why(shop: Shop) -> None:
    def refused(status: int, reason: str, headers: Mapping[str, str]) -> list[str]:
        size = len(shop.host.get("/members", **headers).body)
        return [
            asked("/members", status), screen("members", "refused"), sent("members", size),
            f"{ACCESS_REFUSALS.name} http_route=/members reason={reason}",
        ]  # fmt: skip

    decided = f"{LIMIT_DECISIONS.name} limit=identity of compositions/members.yaml decision"
    with shop.moves(*refused(401, "no_credentials", {})):
        shop.host.get("/members")
    with shop.moves(*refused(403, "wrong_role", bearer("bo"))):
        shop.host.get("/members", **bearer("bo"))
    size = len(shop.host.get("/members", **bearer("ann")).body)
    with shop.moves(
        asked("/members", 200), screen("members", "ok"), sent("members", size),
        *run("members", "ok", user="ok"), cache("members", "bypass"), f"{decided}=allowed",
    ):  # fmt: skip
        shop.host.get("/members", **bearer("ann"))
    with shop.moves(*refused(429, "over_limit", bearer("ann")), f"{decided}=refused"):
        shop.host.get("/members", **bearer("ann"))
