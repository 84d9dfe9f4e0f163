"""The dashboard as Grafana reads it: JSON of the schema of Grafana 10 and 11."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from bff.telemetry.dashboard.panel import VARIABLES, Link, Panel, Query
from bff.telemetry.dashboard.rows import DashboardRow
from bff.telemetry.metrics.definitions.screens import COMPOSITIONS, REQUESTS
from bff.telemetry.metrics.definitions.services import SERVICE_CALLS
from bff.telemetry.metrics.promql import SCRAPED, series

UID: Final = "bff"
PATH: Final = f"/d/{UID}/bff"  # of the dashboard, behind Grafana's own address

_SCHEMA_VERSION: Final = 39
_COLUMNS: Final = 24
_HEIGHT: Final = 8
_STAT_HEIGHT: Final = 4
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

# Each variable's values are those that its label has in this metric.
_METRIC_OF: Final = {
    "job": REQUESTS,
    "instance": REQUESTS,
    "composition": COMPOSITIONS,
    "service": SERVICE_CALLS,
    "server_address": SERVICE_CALLS,
    "server_port": SERVICE_CALLS,
}
_TITLES: Final = {
    "job": "Scrape job",
    "instance": "Gateway",
    "composition": "Composition",
    "service": "Service",
    "server_address": "Instance",
    "server_port": "Port",
}


def grafana_dashboard(rows: Sequence[DashboardRow]) -> dict[str, Any]:
    """The whole dashboard, for Grafana to import."""
    return {
        "uid": UID,
        "title": "bff",
        "description": "The gateway: screens, cache and degradation, services, limits, process.",
        "tags": ["bff"],
        "schemaVersion": _SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # one time under the pointer, in every panel
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "timezone": "",
        "links": [],
        "annotations": {"list": []},
        "templating": {"list": [_data_source(), *map(_variable, VARIABLES)]},
        "panels": list(_panels(rows)),
    }


def panel_ids(rows: Sequence[DashboardRow]) -> dict[str, int]:
    """The number of each panel, by its title."""
    titles = [panel.title for row in rows for panel in row.panels]
    return {title: number for number, title in enumerate(titles, 1)}


def _data_source() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _variable(label: str) -> dict[str, Any]:
    metric = _METRIC_OF[label]
    before = VARIABLES[: VARIABLES.index(label)]
    narrowed = [each for each in before if each in (*SCRAPED, *metric.labels)]
    known = series(metric, *(f'{each}=~"${each}"' for each in narrowed), part="count")
    query = f"label_values({known}, {label})"
    return {
        "name": label,
        "label": _TITLES[label],
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": label},
        "refresh": 2,  # whenever the shown time changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _panels(rows: Sequence[DashboardRow]) -> Iterable[dict[str, Any]]:
    ids = panel_ids(rows)
    top = 0
    for number, row in enumerate(rows, len(ids) + 1):
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": top, "w": _COLUMNS, "h": 1},
            "panels": [],
        }
        top += 1
        left = height = 0
        for panel in row.panels:
            if left + panel.width > _COLUMNS:
                top, left, height = top + height, 0, 0
            own = _STAT_HEIGHT if panel.kind == "stat" else _HEIGHT
            place = {"x": left, "y": top, "w": panel.width, "h": own}
            yield _panel(panel, place, ids)
            left, height = left + panel.width, max(height, own)
        top += height


def _panel(panel: Panel, place: dict[str, int], ids: dict[str, int]) -> dict[str, Any]:
    return {
        "id": ids[panel.title],
        "type": panel.kind,
        "title": panel.title,
        "description": panel.question,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": [
            _target(query, name) for query, name in zip(panel.queries, "ABC", strict=False)
        ],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": _thresholds(panel)},
                "links": [_link(link, ids) for link in panel.links],
                "custom": _LOOK | {"thresholdsStyle": {"mode": _threshold_style(panel)}}
                if panel.kind == "timeseries"
                else {},
            },
            "overrides": [],
        },
        "options": _OPTIONS[panel.kind],
    }


_LOOK: Final = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 8, "showPoints": "never"}
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "values": False},
        "colorMode": "background",
        "graphMode": "area",
    },
}


def _target(query: Query, name: str) -> dict[str, Any]:
    return {
        "refId": name,
        "datasource": _SOURCE,
        "expr": query.expression,
        "legendFormat": query.legend,
        "range": True,
        "exemplar": "_bucket{" in query.expression,  # only buckets have them
    }


def _thresholds(panel: Panel) -> list[dict[str, Any]]:
    steps = [("green", None), ("yellow", panel.warn), ("red", panel.alarm)]
    return [
        {"color": color, "value": value}
        for color, value in steps
        if color == "green" or value is not None
    ]


def _threshold_style(panel: Panel) -> str:
    return "off" if panel.alarm is None else "dashed"


def _link(link: Link, ids: dict[str, int]) -> dict[str, str]:
    kept = "&".join(f"${{{each}:queryparam}}" for each in ("datasource", *SCRAPED))
    chosen = "&".join(f"var-{each}=${{__field.labels.{each}}}" for each in link.labels)
    view = f"viewPanel={ids[link.panel]}"
    return {
        "title": f"{link.panel} of ${{__field.labels.{link.labels[-1]}}}",
        "url": f"{PATH}?{kept}&{chosen}&{view}&${{__url_time_range}}",
    }
