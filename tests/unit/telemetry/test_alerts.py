"""`bff alerts`: rules that name what there is, and where to look."""

import re
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from bff.cli import bff
from bff.telemetry.alerts.alert import Alert
from bff.telemetry.alerts.prometheus import ALERTS
from bff.telemetry.alerts.screens import BURN_RATES, SLO_ALERTS, SLO_RECORDINGS, recorded
from bff.telemetry.dashboard.grafana import panel_id
from bff.telemetry.dashboard.panel import VARIABLES
from bff.telemetry.dashboard.rows import dashboard_rows
from bff.telemetry.logs.fields import FIELDS
from tests.support.telemetry.promql import labels_by, metrics_of, unknown_labels

PANELS = {panel.title for row in dashboard_rows() for panel in row.panels}
RECORDED = {each.name: each.expression for each in SLO_RECORDINGS}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The rules that `bff alerts` prints, in a folder that is no project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        run = CliRunner().invoke(bff, ["alerts"], catch_exceptions=False)
    assert (run.exit_code, run.stderr) == (0, "")
    rules: dict[str, Any] = yaml.safe_load(run.stdout)
    return rules


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_alert_names_only_metrics_and_labels_that_there_are(alert: Alert) -> None:
    expression = re.sub(r"\bup\{", "{", alert.expression)
    for name, recording in RECORDED.items():
        expression = expression.replace(name, f"({recording})")
    metrics_of(expression)
    assert unknown_labels(expression) == set()
    named = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.mend))
    assert named <= set(alert.by)
    if "up{" not in alert.expression:
        assert set(labels_by(expression)) - {"le"} == {"job", *alert.by}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_alert_says_what_is_wrong_what_to_do_and_which_graph_shows_it(
    alert: Alert, printed: dict[str, Any]
) -> None:
    rules = [rule for group in printed["groups"] for rule in group["rules"]]
    (rule,) = [each for each in rules if each.get("alert") == alert.name]
    notes = rule["annotations"]
    assert notes["summary"].endswith(".")
    assert notes["runbook"].endswith(".")
    assert notes["panel"] in PANELS
    assert f"viewPanel={panel_id(notes['panel'])}&var-job=" in notes["dashboard"]
    assert set(re.findall(r"&var-(\w+)=", notes["dashboard"])) == {"job", *alert.by} & {*VARIABLES}
    assert rule.get("for", "") == alert.held
    assert rule["labels"] == {"severity": alert.severity}


def test_fields_of_the_log_that_an_alert_names_are_there() -> None:
    named = {field for alert in ALERTS for field in re.findall(r"`(bff\.\w+)`", alert.mend)}
    assert {"bff.failures", "bff.field"} <= named <= {field.name for field in FIELDS}


def test_graph_is_red_where_its_alert_fires() -> None:
    graphs = {panel.title: panel for row in dashboard_rows() for panel in row.panels}
    compared = set()
    for alert in ALERTS:
        alarm = graphs[alert.panel].alarm
        above = re.search(r" > ([\d.]+)(?: and |$)", alert.expression)
        if alarm is not None and above is not None:
            compared.add(alert.name)
            assert alarm in (float(above[1]), float(above[1]) + 1)  # whole numbers above 0
    assert {"BffScreenFailing", "BffScreenSlow", "BffInstanceFailing", "BffPurgesOwed"} <= compared


def test_burn_rates_are_those_of_the_workbook() -> None:
    assert [each[:4] for each in BURN_RATES] == [
        (14.4, "1h", "5m", "page"),
        (6, "6h", "30m", "page"),
        (1, "3d", "6h", "ticket"),
    ]
    for burn, alert in zip(BURN_RATES, SLO_ALERTS, strict=True):
        budget = f"{burn.rate:g} * (1 - max by (job, composition) (bff_slo_target_ratio))"
        burning = f"{recorded(burn.long)} > {budget} and {recorded(burn.short)} > {budget}"
        several = f"sum by (job, composition) (increase(bff_slo_misses_total[{burn.long}])) >= 3"
        pages = burn.severity == "page"
        assert alert.expression == (f"{burning} and {several}" if pages else burning)


def test_each_share_is_recorded_once_before_the_alerts_that_use_it(printed: dict[str, Any]) -> None:
    first = printed["groups"][0]["rules"]
    assert [each["record"] for each in first] == list(RECORDED)
    assert set(RECORDED) == {recorded(w) for each in BURN_RATES for w in (each.long, each.short)}
