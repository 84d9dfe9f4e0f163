"""The sample project under a real Prometheus: what is counted, what graphs show, what is found."""

import time
from collections.abc import Iterator

import pytest

from bff.telemetry.alerts.screens import SLO_ALERTS
from bff.telemetry.metrics.definitions.table import DEFINITIONS
from tests.system.dashboards.charts import Window
from tests.system.dashboards.page import draw_page
from tests.system.dashboards.panels import read_panels
from tests.system.observed.cardinality import count_series
from tests.system.observed.incident import FOUND_WITHIN_SECONDS, Sign, find_signs, find_slow_trace
from tests.system.observed.shop import ObservedShop, observed_shop, sample_project, switched
from tests.system.observed.span_tree import draw_tree

# Graphs that may have nothing to show, and why.
QUIET_GRAPHS: dict[str, str] = {
    "Broken bodies": "no service does that",
    "Broken schemas": "every reply is as its schema says",
    "Calls and resting instances": "every instance takes connections",
    "Equal calls": "no run makes a call twice",
    "Connections that fail": "every instance takes connections",
    "Elements left out": "no step has `invalid: drop`",
    "Garbage collection": "it comes when it comes",
    "Issuers that fail": "the issuer is well",
    "Log lines lost": "none is",
    "Not stored": "everything could be",
    "Refreshes": "screens are seldom asked for again once they are stale",
    "Replies from the cache": "no operation shares its replies",
    "Slow issuers": "its keys are fetched once",
    "Store that fails": "Redis is well",
    "Waits for other workers": "workers seldom run the same at once",
}
# Alerts that fire where the machine itself is too busy.
OF_SLOWNESS = {alert.name for alert in SLO_ALERTS} | {
    "BffScreenSlow",
    "BffInstanceSlow",
    "BffEventLoopLate",
}
MOST_WORDS = 24  # of a label that is no name of the project's


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObservedShop]:
    """A shop that is well, which everybody has been through."""
    with observed_shop(tmp_path_factory.mktemp("prometheus")) as shop:
        shop.wait_for_rounds(1)
        yield shop


@pytest.fixture(scope="module")
def signs(shop: ObservedShop) -> list[Sign]:
    """What was seen of a fault, once it is over."""
    broken_at = time.time()
    with switched(shop, "orders", fail=503):
        return find_signs(shop, "orders", broken_at)


def test_prometheus_evaluates_every_rule_and_no_alert_of_a_failure_fires_while_all_is_well(
    shop: ObservedShop,
) -> None:
    rules = [rule for group in shop.store.ask("rules")["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}, [rule.get("lastError") for rule in rules]
    firing = [alert for alert in shop.store.alerts() if alert["state"] == "firing"]
    assert {alert["labels"]["alertname"] for alert in firing} <= OF_SLOWNESS


def test_exemplar_of_a_slow_screen_leads_to_its_trace_and_to_its_line_in_the_log(
    shop: ObservedShop,
) -> None:
    with switched(shop, "products", delay_ms=450):
        spans = find_slow_trace(shop, "home", 0.4)
    tree = draw_tree(spans)
    assert tree.startswith("GET /screens/home/{user_id} ")
    assert "step products" in tree
    (line,) = (each for each in shop.log(shop.began) if each.get("trace.id") == spans[0].trace_id)
    assert line["bff.composition"] == "home"


def test_fault_in_one_service_is_seen_in_the_log_in_the_graph_and_by_the_alert_within_a_minute(
    signs: list[Sign], capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        for sign in signs:
            print(f"\n{sign.after_seconds:5.1f} s after the fault, in {sign.name}: {sign.seen}")
    assert {sign.name for sign in signs} == {
        "the log",
        "the graph “Instances that fail”",
        "the alert, pending",
        "the alert, firing",
    }
    assert signs[-1].after_seconds < FOUND_WITHIN_SECONDS


@pytest.mark.usefixtures("signs")
def test_every_graph_of_the_dashboard_has_something_to_show(shop: ObservedShop) -> None:
    panels = read_panels(shop.dashboard)
    now = time.time()
    window = Window(shop.began, now, 1)
    page = draw_page(shop.dashboard["title"], panels, shop.store, window)
    empty = {panel.title for panel in panels if f">{panel.title}</h" not in page}
    assert empty <= QUIET_GRAPHS.keys()


def test_series_are_as_many_as_the_project_and_short_lists_of_words_make(
    shop: ObservedShop,
) -> None:
    found = count_series(shop.metrics(), sample_project())
    assert {each.definition for each in found} <= set(DEFINITIONS)
    for each in found:
        assert each.series <= each.most, each
        assert each.of_lists <= MOST_WORDS, each
