"""Lines over time, as SVG: pure functions of values.

The scale begins at zero and ends at a round number above the largest value. A line breaks where
its query had no value.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from typing import Final, NamedTuple

from tests.system.dashboards.answers import Line
from tests.system.dashboards.panels import Threshold

COLOURS: Final = (
    "#3274d9", "#56a64b", "#e0752d", "#a352cc", "#1f9e9e", "#d44a8a", "#8f6b32", "#5a6472",
    "#8ab8ff", "#96d98d", "#ffb357", "#ca95e5",
)  # fmt: skip
NAMED: Final = {
    "green": "#56a64b", "yellow": "#d9a514", "orange": "#e0752d", "red": "#d44a3a",
    "blue": "#3274d9",
}  # fmt: skip
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 8.0, 8.0, 20.0
_RULES = 4
_GRID = "#e3e6ea"


class Mark(NamedTuple):
    """When something happened, in seconds since the epoch, and what."""

    at: float
    name: str


class Window(NamedTuple):
    """The time that is shown, in seconds since the epoch, and how far its points are apart."""

    begin: float
    end: float
    step: float
    marks: tuple[Mark, ...] = ()


def draw_chart(
    lines: Sequence[Line],
    unit: str,
    thresholds: Sequence[Threshold],
    size: tuple[float, float],
    window: Window,
    least_top: float = 0.0,
) -> str:
    """An SVG, `size` wide and high, of what the lines were."""
    width, height = size
    top = top_of_scale(max(least_top, *(line.largest for line in lines)), unit)

    def x_of(at: float) -> float:
        share = (at - window.begin) / (window.end - window.begin)
        return _LEFT + (width - _LEFT - _RIGHT) * share

    def y_of(value: float) -> float:
        return height - _BOTTOM - (height - _TOP - _BOTTOM) * value / top

    parts = [f'<svg width="{width:g}" height="{height:g}">']
    for value in (top * part / _RULES for part in range(_RULES + 1)):
        parts.append(_rule(y_of(value), width - _RIGHT, _GRID))
        parts.append(_text(_LEFT - 6, y_of(value) + 4, format_value(value, unit), "end"))
    for at in _round_times(window):
        clock = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
        parts.append(_text(x_of(at), height - 4, clock, "middle"))
    for threshold in thresholds:
        if threshold.value is not None and 0 < threshold.value <= top:
            y, colour = y_of(threshold.value), colour_of(threshold.colour)
            parts.append(_rule(y, width - _RIGHT, colour, ' stroke-dasharray="5 4"'))
    for at, name in window.marks:
        parts.append(
            f'<line x1="{x_of(at):.1f}" y1="{_TOP}" x2="{x_of(at):.1f}" y2="{y_of(0):.1f}"'
            f' stroke="{colour_of("red")}" stroke-dasharray="2 3"/>'
        )
        parts.append(_text(x_of(at) - 3, _TOP + 9, name, "end"))
    for place, line in reversed(list(enumerate(lines))):
        colour = COLOURS[place % len(COLOURS)]
        for stretch in _stretches(line.points, window.step):
            points = " ".join(f"{x_of(at):.1f},{y_of(value):.1f}" for at, value in stretch)
            dashes = ' stroke-dasharray="5 5"' if line.dashed else ""
            parts.append(f'<polyline points="{points}" stroke="{colour}"{dashes}/>')
    return "".join([*parts, "</svg>"])


def draw_spark(line: Line, size: tuple[float, float], window: Window, colour: str) -> str:
    """An SVG of a line alone, without a scale."""
    width, height = size
    top = top_of_scale(line.largest, "")
    length = window.end - window.begin
    parts = [f'<svg width="{width:g}" height="{height:g}">']
    for stretch in _stretches(line.points, window.step):
        points = " ".join(
            f"{width * (at - window.begin) / length:.1f},{height - height * value / top:.1f}"
            for at, value in stretch
        )
        parts.append(f'<polyline points="{points}" stroke="{colour}"/>')
    return "".join([*parts, "</svg>"])


def format_value(value: float, unit: str) -> str:
    """A value as people read it, by Grafana's name of its unit."""
    match unit:
        case "s":
            return _seconds(value)
        case "percentunit":
            return f"{value * 100:.3g} %"
        case "bytes":
            return f"{_large(value)}B"
        case "Bps":
            return f"{_large(value)}B/s"
        case "reqps" | "ops":
            return f"{_large(value)}/s"
        case _:
            return _large(value).strip()


def top_of_scale(largest: float, unit: str) -> float:
    """The next of 1, 2, 4 and 8 times a power of ten that leaves some room; a share's ends at
    100 %."""
    if largest <= 0 or (unit == "percentunit" and 0.8 < largest <= 1):
        return 1.0
    wanted = largest * 1.05
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(power * each for each in (1, 2, 4, 8, 10) if power * each >= wanted)


def colour_of(name: str) -> str:
    """A colour of Grafana's by its name, or as it is."""
    return NAMED.get(name, name)


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.3g} s"
    if value >= 1e-3:
        return f"{value * 1e3:.3g} ms"
    return f"{value * 1e6:.3g} µs" if value else "0"


def _large(value: float) -> str:
    """The number, and its prefix: "12.5 k"."""
    for prefix, least in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= least:
            return f"{value / least:.3g} {prefix}"
    return f"{value:.3g} "


def _round_times(window: Window) -> Iterator[float]:
    """At most six times that are round, none too near to an edge."""
    length = window.end - window.begin
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
    step = next((each for each in steps if length / each <= 6), steps[-1])
    first = math.ceil((window.begin + length * 0.03) / step)
    last = math.floor((window.end - length * 0.05) / step)
    yield from (float(count * step) for count in range(first, last + 1))


def _stretches(
    points: Sequence[tuple[float, float]], step: float
) -> Iterator[list[tuple[float, float]]]:
    stretch = [points[0]]
    for before, after in pairwise(points):
        if after[0] - before[0] > 1.5 * step:
            yield stretch
            stretch = []
        stretch.append(after)
    yield stretch


def _rule(y: float, right: float, colour: str, more: str = "") -> str:
    return f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{right:g}" y2="{y:.1f}" stroke="{colour}"{more}/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
