"""The dashboard as Grafana reads it: JSON of the schema of Grafana 10 and 11."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from zlib import crc32

from bff.telemetry.dashboard.annotations import ANNOTATIONS, Annotation
from bff.telemetry.dashboard.panel import RANGE, VARIABLES, Link, Panel, Query
from bff.telemetry.dashboard.rows import DashboardRow
from bff.telemetry.metrics.definitions.screens import COMPOSITIONS, REQUESTS
from bff.telemetry.metrics.definitions.services import SERVICE_CALLS
from bff.telemetry.metrics.promql import SCRAPED, series

UID: Final = "bff"
PATH: Final = f"/d/{UID}/bff"  # of the dashboard, behind Grafana's own address

_SCHEMA_VERSION: Final = 39
_COLUMNS: Final = 24
_HEIGHT: Final = 9
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
        "annotations": {"list": list(map(_annotation, ANNOTATIONS))},
        "templating": {"list": [_data_source(), *map(_variable, VARIABLES)]},
        "panels": list(_panels(rows)),
    }


def panel_id(title: str) -> int:
    """The number of a panel, or of a row. It follows from the title alone, so that a link of an
    alert leads to the same panel in the dashboard of another version."""
    return crc32(title.encode()) % 1_000_000


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


def _annotation(annotation: Annotation) -> dict[str, Any]:
    return {
        "name": annotation.name,
        "datasource": _SOURCE,
        "enable": True,
        "iconColor": annotation.colour,
        "expr": annotation.expression,
        "step": "15s",
        "titleFormat": annotation.title,
        "tagKeys": ",".join(annotation.tags),
        "useValueForTime": annotation.at == "value",
    }


def _panels(rows: Sequence[DashboardRow]) -> Iterable[dict[str, Any]]:
    top = 0
    for row in rows:
        yield {
            "id": panel_id(row.title),
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
            yield _panel(panel, place)
            left, height = left + panel.width, max(height, own)
        top += height


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": panel_id(panel.title),
        "type": panel.kind,
        "title": panel.title,
        "description": panel.question,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": [_target(query, name) for query, name in _named(panel)],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": _thresholds(panel)},
                "links": [_link(link) for link in panel.links],
                **_field_look(panel),
            },
            "overrides": [
                _DASHED | {"matcher": {"id": "byFrameRefID", "options": name}}
                for query, name in _named(panel)
                if query.style == "dashes"
            ],
        },
        "options": _options(panel),
    }


_LINE: Final = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "showPoints": "never"}
_DASHED: Final = {
    "properties": [{"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [6, 6]}}]
}
_NOTHING: Final = "–"  # of a share, where there was no request
_LEGEND: Final = {
    "displayMode": "table",
    "placement": "bottom",
    "showLegend": True,
    "calcs": ["lastNotNull", "max"],
}


def _field_look(panel: Panel) -> dict[str, Any]:
    if panel.kind == "timeseries":
        style = {"thresholdsStyle": {"mode": _threshold_style(panel)}}
        return {"custom": _LINE | style | _least_scale(panel)}
    nothing = {"match": "null+nan", "result": {"text": _NOTHING}}
    return {"noValue": _NOTHING, "mappings": [{"type": "special", "options": nothing}]}


def _least_scale(panel: Panel) -> dict[str, float]:
    """How far the scale reaches at least: to the alarm, but for times. Grafana's own reaches to
    10,000 % where a share is 0 throughout."""
    if panel.unit == "s":
        return {}
    if panel.alarm is None and panel.unit != "percentunit":
        return {}
    return {"axisSoftMax": 0.1 if panel.alarm is None else panel.alarm}


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "timeseries":
        # What is largest now stands first, but lines of one query stay together.
        order = {"sortBy": "Last *", "sortDesc": True} if len(panel.queries) == 1 else {}
        return {"legend": _LEGEND | order, "tooltip": {"mode": "multi", "sort": "desc"}}
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "values": False},
        "colorMode": "none" if panel.alarm is None else "background",
        "graphMode": "area",
    }


def _named(panel: Panel) -> Iterable[tuple[Query, str]]:
    """The panel's queries, as Grafana calls them."""
    return zip(panel.queries, "ABC", strict=False)


def _target(query: Query, name: str) -> dict[str, Any]:
    at_the_end = RANGE in query.expression
    return {
        "refId": name,
        "datasource": _SOURCE,
        "expr": query.expression,
        "legendFormat": query.legend,
        "range": not at_the_end,
        "instant": at_the_end,
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


def _link(link: Link) -> dict[str, str]:
    kept = "&".join(f"${{{each}:queryparam}}" for each in ("datasource", *SCRAPED))
    chosen = "".join(f"&var-{each}=${{__field.labels.{each}}}" for each in link.labels)
    whose = "".join(f" of ${{__field.labels.{each}}}" for each in link.labels[-1:])
    view = f"viewPanel={panel_id(link.panel)}"
    return {
        "title": f"{link.panel}{whose}",
        "url": f"{PATH}?{kept}{chosen}&{view}&${{__url_time_range}}",
    }
