"""Prometheus's own tools take the rules, and each alert fires when it should, and not else."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bff.telemetry.alerts.alert import Alert
from bff.telemetry.alerts.prometheus import ALERTS, prometheus_rules
from tests.system.alert_cases import CASES, Case

RULES = prometheus_rules()
NOTES = {
    rule["alert"]: rule["annotations"]
    for group in RULES["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def test_promtool_takes_every_rule(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(RULES), "utf-8")
    said = promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "alerts.yml")
    assert f"{sum(len(each['rules']) for each in RULES['groups'])} rules found" in said


def test_each_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    assert list(CASES) == [alert.name for alert in ALERTS]
    for first, *others in CASES.values():
        assert first.labels is not None
        assert others
        assert all(each.labels is None for each in others)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_alert_fires_for_what_it_is_about_and_for_nothing_else(
    alert: Alert, tmp_path: Path
) -> None:
    groups = groups_of(alert)
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump({"groups": groups}), "utf-8")
    steps = {case.step for case in CASES[alert.name]}
    assert len(steps) == 1
    tests = {
        "rule_files": ["alerts.yml"],
        "evaluation_interval": steps.pop(),
        # Else in any order, and what is recorded late is too old in the next of such long steps.
        "group_eval_order": [group["name"] for group in groups],
        "tests": [as_promtool(alert, case) for case in CASES[alert.name]],
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests), "utf-8")
    assert "SUCCESS" in promtool(tmp_path, "test", "rules", "tests.yml")


def groups_of(alert: Alert) -> list[dict[str, Any]]:
    """The alert's group of rules, and those that record something. promtool evaluates all that it
    has, at every step."""
    return [
        group
        for group in RULES["groups"]
        if any("record" in rule or rule["alert"] == alert.name for rule in group["rules"])
    ]


def as_promtool(alert: Alert, case: Case) -> dict[str, Any]:
    """The case in the form of promtool's tests."""
    fires = [] if case.labels is None else [expected(alert, case, {"job": "bff", **case.labels})]
    return {
        "interval": case.step,
        "input_series": [{"series": name, "values": each} for name, each in case.series.items()],
        "alert_rule_test": [{"eval_time": case.at, "alertname": alert.name, "exp_alerts": fires}],
    }


def expected(alert: Alert, case: Case, labels: Mapping[str, str]) -> dict[str, Any]:
    """The alert as it fires, its texts filled in."""

    def filled(text: str) -> str:
        return re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)

    notes = {key: filled(text) for key, text in NOTES[alert.name].items()}
    return {
        "exp_labels": {"severity": alert.severity, **labels},
        "exp_annotations": {**notes, "summary": case.summary},
    }


def promtool(folder: Path, *words: str) -> str:
    """What promtool prints. Fails with it where promtool does."""
    run = subprocess.run(
        ["promtool", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr
