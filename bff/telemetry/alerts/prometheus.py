"""Alerts as Prometheus reads them: a file of rules."""

from collections.abc import Mapping
from typing import Any, Final

from bff.telemetry.alerts.alert import JOB, Alert, Recording
from bff.telemetry.alerts.inside import CACHE_ALERTS, LIMIT_ALERTS, PROCESS_ALERTS, SERVICE_ALERTS
from bff.telemetry.alerts.screens import SCREEN_ALERTS, SLO_ALERTS, SLO_RECORDINGS
from bff.telemetry.dashboard.grafana import PATH, panel_id
from bff.telemetry.dashboard.panel import VARIABLES

GROUPS: Final[Mapping[str, tuple[Alert, ...]]] = {
    "bff slo": SLO_ALERTS,
    "bff screens": SCREEN_ALERTS,
    "bff services": SERVICE_ALERTS,
    "bff cache": CACHE_ALERTS,
    "bff limits": LIMIT_ALERTS,
    "bff process": PROCESS_ALERTS,
}
ALERTS: Final = tuple(alert for alerts in GROUPS.values() for alert in alerts)


def prometheus_rules() -> dict[str, Any]:
    """The file of rules: what is recorded first, then the alerts, by groups."""
    recordings = {"name": "bff slo recordings", "rules": list(map(_recording, SLO_RECORDINGS))}
    alerts = [
        {"name": name, "rules": [_alert(each) for each in alerts]}
        for name, alerts in GROUPS.items()
    ]
    return {"groups": [recordings, *alerts]}


def _recording(recording: Recording) -> dict[str, Any]:
    return {"record": recording.name, "expr": recording.expression}


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        **({"for": alert.held} if alert.held else {}),
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "runbook": alert.mend,
            "panel": alert.panel,
            "dashboard": f"{PATH}?viewPanel={panel_id(alert.panel)}{_chosen(alert)}",
        },
    }


def _chosen(alert: Alert) -> str:
    """The dashboard's variables, as the alert has them."""
    return "".join(
        f"&var-{label}={{{{ $labels.{label} }}}}"
        for label in (JOB, *alert.by)
        if label in VARIABLES
    )
