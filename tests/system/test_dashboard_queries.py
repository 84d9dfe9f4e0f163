"""Every query of the dashboard gives a line where its metrics have series, in a real Prometheus:
those too that a shop which is well never has."""

import math
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path

import pytest

from bff.telemetry.dashboard.grafana import grafana_dashboard
from bff.telemetry.dashboard.rows import dashboard_rows
from bff.telemetry.metrics.definitions.table import DEFINITIONS
from bff.telemetry.metrics.exposition import choose_rendition, render
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.snapshots import table_of
from tests.system.dashboards.panels import fill_in, read_panels
from tests.system.prometheus import Prometheus, prometheus

WAIT_SECONDS = 20.0
RULES = """
groups:
  - name: what always fires
    rules: [{alert: BffAnything, expr: bff_runs_total > 0, labels: {severity: page}}]
"""
# Words of labels by which queries choose; other labels have one value.
WORDS = {
    "outcome": ("ok", "degraded", "failed", "refused", "skipped"),
    "error_type": ("", "404", "503", "timeout", "cancelled"),
    "cache": ("hit", "stale", "miss", "bypass"),
    "decision": ("allowed", "refused", "uncounted"),
    "http_response_status_code": ("200", "404", "501", "503"),
}
# What shares come to, where each of these happens as often as the others.
SHARES = {
    "Failed screens now": 1 / 3,  # what is refused is no answer
    "Degraded screens now": 1 / 3,
    "Screens that fail": 1 / 3,
    "Degraded screens": 1 / 3,
    "Calls for a screen": 1 / 5,
    "Steps that fail": 1 / 4,  # what is skipped is not called
    "Paths that fail": 1 / 4,
    "Screens from the cache": 2 / 3,  # what passes it by does not ask it
    "Replies from the cache": 2 / 4,
    "Services that fail": 2 / 5,  # callers' mistakes, and what nobody waits for, are no faults
    "Instances that fail": 2 / 5,
    "Reused connections": 1 / 2,
    "Limits used up": 1 / 3,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen everything happen three times."""
    with everything() as target:
        folder = tmp_path_factory.mktemp("prometheus")
        with prometheus(folder, target, RULES) as store:
            ends = time.monotonic() + WAIT_SECONDS
            while not any(each.value > 2 for each in store.query("bff_runs_total and on() ALERTS")):
                assert time.monotonic() < ends
                time.sleep(0.2)
            yield store


@contextmanager
def everything() -> Iterator[str]:
    """The address of a gateway to which everything happens once more at each scrape."""
    metrics = Metrics()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            happen(metrics)
            rendition = choose_rendition(self.headers["accept"].encode(), None)
            body = render(table_of(metrics), rendition)
            self.send_response(200)
            for name, value in rendition.headers():
                self.send_header(name.decode(), value.decode())
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def happen(metrics: Metrics) -> None:
    """Every series of every metric grows by one, in the bucket of its least values; those that only
    name something are one."""
    for definition in DEFINITIONS:
        family = metrics.families[definition.name]
        for labels in product(*(WORDS.get(each, ("one",)) for each in definition.labels)):
            cell = family.at(*labels)
            cell[0] = 1 if definition.name.endswith("_info") else cell[0] + 1


def test_every_query_of_every_panel_gives_a_line(store: Prometheus) -> None:
    """And not one of nothing: a share is 0 where no series is of its part."""
    targets = [
        (panel.title, target.expression)
        for panel in read_panels(grafana_dashboard(dashboard_rows()))
        for target in panel.targets
    ]
    assert len(targets) > len(DEFINITIONS)
    without = [
        (title, query)
        for title, query in targets
        if not any(each.value and math.isfinite(each.value) for each in store.query(query))
    ]
    assert without == []


def test_share_is_that_of_its_part(store: Prometheus) -> None:
    dashboard = grafana_dashboard(dashboard_rows())
    panels = {panel.title: panel for panel in read_panels(dashboard)}
    found = {
        title: [each.value for each in store.query(panels[title].targets[0].expression)]
        for title in SHARES
    }
    assert found == {title: [pytest.approx(share, rel=0.2)] for title, share in SHARES.items()}


def test_each_variable_of_the_dashboard_has_values_to_choose_from(store: Prometheus) -> None:
    dashboard = grafana_dashboard(dashboard_rows())
    _, *variables = dashboard["templating"]["list"]  # the first is the data source
    for variable in variables:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
        assert found is not None
        assert found[2] == variable["name"]
        known = store.query(fill_in(found[1], dashboard))
        assert {each.labels[found[2]] for each in known} - {""}, variable["name"]


def test_marks_of_the_dashboard_have_what_their_titles_and_tags_name(store: Prometheus) -> None:
    dashboard = grafana_dashboard(dashboard_rows())
    releases, alerts = dashboard["annotations"]["list"]
    (release,) = store.query(fill_in(releases["expr"], dashboard))
    assert {"release", "instance"} <= release.labels.keys()
    assert release.value >= 2000  # a second after the epoch is a thousand
    assert {
        each.labels["alertname"] for each in store.query(fill_in(alerts["expr"], dashboard))
    } == {"BffAnything"}


def test_queries_of_the_page_are_asked_as_they_stand_there(store: Prometheus) -> None:
    """They are the panels' without the dashboard's variables, so they have lines of the same."""
    page = (Path(__file__).parents[2] / "docs/observability.md").read_text("utf-8")
    part = page.split("<!-- made: questions -->")[1].split("<!-- end -->")[0]
    cells = [line.rstrip(" |").rpartition(" | ")[2] for line in part.splitlines() if "`" in line]
    queries = [each for cell in cells for each in cell.strip("`").split("`, `")]
    assert len(queries) > len(DEFINITIONS)
    for query in queries:
        assert store.query(query.replace("\\|", "|")), query
