"""The dashboard shows every metric, and asks for nothing that there isn't."""

import json
import re
from typing import Any, get_args

import pytest
from click.testing import CliRunner

from bff.cli import bff
from bff.telemetry.dashboard.grafana import panel_id
from bff.telemetry.dashboard.panel import VARIABLES, Panel
from bff.telemetry.dashboard.rows import dashboard_rows
from bff.telemetry.metrics.definitions.definition import Definition, Row
from bff.telemetry.metrics.definitions.table import DEFINITIONS
from tests.support.telemetry.promql import labels_by, metrics_of, unknown_labels

ROWS = dashboard_rows()
PANELS = {panel.title: panel for row in ROWS for panel in row.panels}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `bff dashboard` prints, in a folder that is no project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        run = CliRunner().invoke(bff, ["dashboard"], catch_exceptions=False)
    assert (run.exit_code, run.stderr) == (0, "")
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_rows_stand_in_their_order() -> None:
    assert [row.title.lower() for row in ROWS] == list(get_args(Row))


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: each.name)
def test_every_metric_is_in_a_panel_of_its_row(definition: Definition) -> None:
    row = next(row for row in ROWS if row.title.lower() == definition.row)
    queries = [query.expression for panel in row.panels for query in panel.queries]
    assert any(definition in metrics_of(query) for query in queries)


def test_metric_that_no_panel_was_made_for_gets_one_that_shows_all_its_labels() -> None:
    new = [
        Definition("bff_new_things", "counter", "New things.", "limits", ("a",)),
        Definition("bff_new_level", "gauge", "A new level.", "limits", ("b",), merge="largest"),
        Definition("bff_new_seconds", "histogram", "New times.", "limits", ("c",), "seconds", (1,)),
    ]
    rows = dashboard_rows((*DEFINITIONS, *new))
    assert [row for row in rows if row not in ROWS] == [rows[3]]
    limits = rows[3]
    assert limits.title == "Limits"
    things, levels, seconds = limits.panels[-3:]
    both = 'job=~"$job", instance=~"$instance"'
    assert [each.queries[0].expression for each in (things, levels, seconds)] == [
        f"sum by (a) (rate(bff_new_things_total{{{both}}}[$__rate_interval]))",
        f"max by (b) (bff_new_level{{{both}}})",
        "histogram_quantile(0.95, sum by (le, c)"
        f" (rate(bff_new_seconds_bucket{{{both}}}[$__rate_interval])))",
    ]
    assert [each.queries[0].legend for each in limits.panels[-3:]] == ["{{a}}", "{{b}}", "{{c}}"]
    assert (things.title, things.question, things.unit) == ("New things", "New things.", "ops")
    assert seconds.unit == "s"


@pytest.mark.parametrize("panel", PANELS.values(), ids=lambda panel: panel.title)
def test_panel_names_only_metrics_and_labels_that_there_are(panel: Panel) -> None:
    for query in panel.queries:
        assert metrics_of(query.expression)
        assert unknown_labels(query.expression) == set()
        shown = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
        assert shown <= set(labels_by(query.expression))
        for link in panel.links:
            assert set(link.labels) <= set(labels_by(query.expression)) & set(VARIABLES)
            assert link.panel in PANELS


@pytest.mark.parametrize("panel", PANELS.values(), ids=lambda panel: panel.title)
def test_panel_is_filtered_by_every_variable_that_its_metrics_have(panel: Panel) -> None:
    for query in panel.queries:
        for metric in metrics_of(query.expression):
            series = re.search(rf"{metric.shown_name}\w*{{([^}}]*)}}", query.expression)
            assert series is not None
            for label in VARIABLES:
                known = label in ("job", "instance", *metric.labels)
                assert (f'{label}=~"${label}"' in series[1]) == known


def test_each_panel_answers_a_question_of_its_own() -> None:
    assert len(PANELS) == sum(len(row.panels) for row in ROWS)
    questions = [panel.question for panel in PANELS.values()]
    assert len(set(questions)) == len(questions)
    assert all(question.rstrip(".")[:1].isupper() for question in questions)


def test_one_comes_from_a_screen_to_its_steps_their_services_and_instances(
    printed: dict[str, Any],
) -> None:
    ids = {panel["title"]: panel["id"] for panel in printed["panels"]}
    for title, label, to in [
        ("Slow screens", "composition", "Slow steps"),
        ("Degraded screens", "composition", "Steps that fail"),
        ("Slow steps", "service", "Slow instances"),
        ("Services that fail", "service", "Instances that fail"),
    ]:
        panel = next(each for each in printed["panels"] if each["title"] == title)
        urls = [link["url"] for link in panel["fieldConfig"]["defaults"]["links"]]
        wanted = f"&var-{label}=${{__field.labels.{label}}}&viewPanel={ids[to]}&"
        assert any(url.startswith("/d/bff/bff?") and wanted in url for url in urls)


def test_printed_dashboard_is_whole_and_none_of_its_panels_cover_each_other(
    printed: dict[str, Any],
) -> None:
    assert (printed["schemaVersion"], printed["uid"]) == (39, "bff")
    names = [each["name"] for each in printed["templating"]["list"]]
    assert names == ["datasource", *VARIABLES]
    for variable in printed["templating"]["list"][1:]:  # several may be chosen, or all
        chosen = variable["multi"], variable["includeAll"], variable["allValue"]
        assert chosen == (True, True, ".*")
    panels = printed["panels"]
    assert [each["title"] for each in panels if each["type"] != "row"] == list(PANELS)
    assert len({each["id"] for each in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_numbers_lead_to_their_graphs(printed: dict[str, Any]) -> None:
    ids = {panel["title"]: panel["id"] for panel in printed["panels"]}
    found = {
        panel["title"]: [link["title"] for link in panel["fieldConfig"]["defaults"]["links"]]
        for panel in printed["panels"]
        if panel["type"] == "stat"
    }
    assert found == {
        "Alerts firing": [],
        "Requests now": [],
        "Failed screens now": ["Screens that fail"],
        "Degraded screens now": ["Degraded screens"],
        "95 % of screens within": ["Slow screens"],
        "Error budget used": ["Error budgets"],
    }
    (link,) = panel_of(printed, "Error budget used")["fieldConfig"]["defaults"]["links"]
    assert f"&${{instance:queryparam}}&viewPanel={ids['Error budgets']}&" in link["url"]


def test_error_budget_is_asked_for_once_over_the_shown_time(printed: dict[str, Any]) -> None:
    (target,) = panel_of(printed, "Error budget used")["targets"]
    assert (target["instant"], target["range"]) == (True, False)
    assert target["expr"].endswith(" * $__range_s / 2592000")
    others = [each for panel in printed["panels"] for each in panel.get("targets", [])]
    assert [each["expr"] for each in others if each["instant"]] == [target["expr"]]


def test_promised_latencies_are_dashed_and_follow_what_is_measured(printed: dict[str, Any]) -> None:
    panel = panel_of(printed, "Slow screens")
    (dashed,) = panel["fieldConfig"]["overrides"]
    assert dashed["matcher"] == {"id": "byFrameRefID", "options": "B"}
    assert "bff_slo_latency_seconds" in panel["targets"][1]["expr"]
    assert "sortBy" not in panel["options"]["legend"]


def test_scale_of_a_share_that_is_zero_ends_at_its_alarm(printed: dict[str, Any]) -> None:
    def scale(title: str) -> Any:
        return panel_of(printed, title)["fieldConfig"]["defaults"]["custom"].get("axisSoftMax")

    assert scale("Screens that fail") == 0.05
    assert scale("Screens from the cache") == 0.1
    assert scale("Purges owed") == 1
    assert scale("Slow screens") is None
    assert scale("Refreshes") is None


def test_number_of_a_panel_follows_from_its_title(printed: dict[str, Any]) -> None:
    assert panel_id("Instances that fail") == 777058
    assert {panel["title"]: panel_id(panel["title"]) for panel in printed["panels"]} == {
        panel["title"]: panel["id"] for panel in printed["panels"]
    }


def panel_of(printed: dict[str, Any], title: str) -> Any:
    """The panel of a title."""
    return next(each for each in printed["panels"] if each["title"] == title)


def test_queries_over_buckets_have_exemplars(printed: dict[str, Any]) -> None:
    targets = [each for panel in printed["panels"] for each in panel.get("targets", [])]
    exemplars = {each["expr"] for each in targets if each["exemplar"]}
    assert exemplars == {each["expr"] for each in targets if "_bucket{" in each["expr"]}
    assert exemplars
