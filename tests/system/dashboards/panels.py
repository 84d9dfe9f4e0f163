"""What a Grafana dashboard's JSON asks for: panels in rows, with queries for Prometheus.

Variables are filled in as Grafana does where somebody has chosen "All"; `$__rate_interval` is
`RATE_SECONDS`, long enough for a scrape each second, and `$__range` is `RANGE_SECONDS`.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

RATE_SECONDS: Final = 15
RANGE_SECONDS: Final = 120


class Target(NamedTuple):
    """A query, and the form of its legend: `{{label}}` stands for a label's value. Its lines may be
    dashed, and an `instant` one is asked for once, for the end of the time."""

    expression: str
    legend: str
    dashed: bool
    instant: bool


class Threshold(NamedTuple):
    """From this value on a panel has another colour; the first has no value."""

    value: float | None
    colour: str


class Panel(NamedTuple):
    """One panel, so many columns wide of Grafana's 24, and so many of its rows high; one of the
    kind `row` has a title alone."""

    kind: str
    title: str
    unit: str
    columns: int
    rows: int
    targets: tuple[Target, ...]
    thresholds: tuple[Threshold, ...]
    filled: bool  # with the colour of its threshold
    least_top: float  # how far its scale reaches at least


def read_panels(dashboard: Mapping[str, Any]) -> list[Panel]:
    """Every panel, those inside of rows too, in the order of the page."""
    return [_panel(each, dashboard) for each in _flat(dashboard["panels"])]


def rows_titled(panels: Sequence[Panel], titles: Collection[str]) -> list[Panel]:
    """The rows with these titles, and all panels in them."""
    chosen, row = [], ""
    for panel in panels:
        row = panel.title if panel.kind == "row" else row
        if row in titles:
            chosen.append(panel)
    return chosen


def panels_titled(panels: Sequence[Panel], titles: Sequence[str]) -> list[Panel]:
    """The panels with these titles, in their order."""
    by_title = {panel.title: panel for panel in panels}
    return [by_title[title] for title in titles]


def fill_in(text: str, dashboard: Mapping[str, Any]) -> str:
    """A query with the dashboard's variables filled in."""
    known = {each["name"]: _chosen(each) for each in dashboard["templating"]["list"]}
    known["__rate_interval"] = f"{RATE_SECONDS}s"
    known["__range"], known["__range_s"] = f"{RANGE_SECONDS}s", str(RANGE_SECONDS)
    return re.sub(r"\$(?:{(\w+)(?::\w+)?}|(\w+))", lambda found: known[found[1] or found[2]], text)


def _chosen(variable: Mapping[str, Any]) -> str:
    if variable.get("includeAll"):
        return str(variable.get("allValue") or ".*")
    current: str = variable.get("current", {}).get("value", "")
    return current


def _flat(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from _flat(panel.get("panels", []))


def _panel(panel: Mapping[str, Any], dashboard: Mapping[str, Any]) -> Panel:
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    overrides = panel.get("fieldConfig", {}).get("overrides", [])
    dashed = {each["matcher"]["options"] for each in overrides}
    return Panel(
        kind=panel["type"],
        title=panel["title"],
        unit=defaults.get("unit", "short"),
        columns=panel["gridPos"]["w"],
        rows=panel["gridPos"]["h"],
        targets=tuple(
            Target(
                fill_in(each["expr"], dashboard),
                each.get("legendFormat", ""),
                each["refId"] in dashed,
                each["instant"],
            )
            for each in panel.get("targets", [])
        ),
        thresholds=tuple(
            Threshold(each["value"], each["color"])
            for each in defaults.get("thresholds", {}).get("steps", [])
        ),
        filled=panel.get("options", {}).get("colorMode") == "background",
        least_top=defaults.get("custom", {}).get("axisSoftMax", 0.0),
    )
