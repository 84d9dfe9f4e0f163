"""A dashboard as one page: its grid, its panels, and what Prometheus has for each."""

from collections.abc import Sequence
from html import escape
from typing import Final

from tests.system.dashboards.answers import Line, lines_of
from tests.system.dashboards.charts import (
    COLOURS,
    Window,
    colour_of,
    draw_chart,
    draw_spark,
    format_value,
)
from tests.system.dashboards.panels import Panel
from tests.system.prometheus import Prometheus

PAGE_WIDTH: Final = 1000  # what a page of documents shows in nearly its size
_EDGE, _GAP, _ROW_HEIGHT, _LINE_HEIGHT, _BIG_HEIGHT = 12, 8, 34, 17, 50
_COLUMN = (PAGE_WIDTH - 2 * _EDGE - 23 * _GAP) / 24
_AROUND = (20, 40)  # what a panel's edge and title take of its width and height

_STYLE: Final = """
body { margin: 0; padding: 12px; background: #f0f2f5; color: #24292e;
       font: 12px "Liberation Sans", sans-serif; }
h1 { font-size: 19px; margin: 2px 4px 10px; font-weight: normal; }
h1 small { color: #6a737d; font-size: 12px; padding-left: 12px; }
main { display: grid; grid-template-columns: repeat(24, 1fr); gap: 8px; }
h2 { font-size: 15px; margin: 6px 4px 0; grid-column: 1 / span 24; }
section { background: white; border: 1px solid #dde1e6; border-radius: 3px; padding: 7px 9px;
          overflow: hidden; box-sizing: border-box; min-width: 0; }
h3 { font-size: 12px; margin: 0 0 4px; }
h3, td, th { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
svg { display: block; } svg text { font-size: 11px; fill: #6a737d; }
polyline { fill: none; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
td, th { height: 17px; padding: 0 4px; }
th { text-align: left; color: #6a737d; font-weight: normal; }
.value { text-align: right; width: 52px; }
td i { display: inline-block; width: 12px; height: 3px; margin: 0 6px 3px 0; }
p { font-size: 34px; height: 50px; margin: 0; text-align: center; }
"""


def draw_page(title: str, panels: Sequence[Panel], store: Prometheus, window: Window) -> str:
    """The page of what the panels show of a window of time; those that have nothing to show are
    left out."""
    drawn = []
    for panel in panels:
        lines = lines_of(panel, store, *window[:3])
        if lines or panel.kind == "row":
            drawn.append(_draw(panel, lines, window))
    return (
        f'<!doctype html><meta charset="utf-8"><style>{_STYLE}</style>'
        f"<h1>{escape(title)}<small>{window.end - window.begin:.0f} seconds, in UTC"
        "</small></h1>"
        f"<main>{''.join(drawn)}</main>"
    )


def _draw(panel: Panel, lines: Sequence[Line], window: Window) -> str:
    if panel.kind == "row":
        return f"<h2>{escape(panel.title)}</h2>"
    columns, height = panel.columns, panel.rows * _ROW_HEIGHT
    inside = (_COLUMN * columns + _GAP * (columns - 1) - _AROUND[0], height - _AROUND[1])
    filled = f"; background: {_colour(panel, lines[0].last)}; color: white" if panel.filled else ""
    return (
        f'<section style="grid-column: span {columns}; height: {height}px{filled}">'
        f"<h3>{escape(panel.title)}</h3>{_draw_inside(panel, lines, inside, window)}</section>"
    )


def _draw_inside(
    panel: Panel, lines: Sequence[Line], size: tuple[float, float], window: Window
) -> str:
    width, height = size
    match panel.kind:
        case "timeseries":
            legend = _draw_legend(lines, panel.unit, int(height * 0.5 / _LINE_HEIGHT))
            left = height - legend.count("<tr>") * _LINE_HEIGHT
            size = (width, left)
            chart = draw_chart(lines, panel.unit, panel.thresholds, size, window, panel.least_top)
            return chart + legend
        case "stat":
            size = (width, height - _BIG_HEIGHT)
            spark = draw_spark(lines[0], size, window, "white" if panel.filled else COLOURS[0])
            return f"<p>{format_value(lines[0].last, panel.unit)}</p>{spark}"
        case other:
            raise AssertionError(f"{panel.title}: nothing draws a panel of the kind {other}")


def _draw_legend(lines: Sequence[Line], unit: str, most: int) -> str:
    """The lines by name, with values, in so many rows at most; at least in two."""
    shown = lines if len(lines) < most else lines[: max(most - 2, 1)]
    rows = [
        f'<tr><td><i style="background: {COLOURS[place % len(COLOURS)]}"></i>{escape(line.name)}'
        f'<td class="value">{format_value(line.last, unit)}'
        f'<td class="value">{format_value(line.largest, unit)}'
        for place, line in enumerate(shown)
    ]
    if len(shown) < len(lines):
        rows.append(f"<tr><th>and {len(lines) - len(shown)} more<th><th>")
    head = '<tr><th><th class="value">last<th class="value">most'
    return f"<table>{head}{''.join(rows)}</table>"


def _colour(panel: Panel, value: float) -> str:
    """The colour of the last threshold that the value has reached."""
    reached = [each for each in panel.thresholds if each.value is None or each.value <= value]
    return colour_of(reached[-1].colour) if reached else COLOURS[0]
