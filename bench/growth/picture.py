"""Curves as one SVG: a small picture for each, both axes logarithmic.

The dashed line is what is asked, through the first point that counts: as steep as what the curve is
drawn over, or level.
"""

import math
from collections.abc import Sequence
from html import escape

from bench.growth.curves import Curve, Point

_COLUMNS = 3
_WIDTH, _HEIGHT = 350, 236  # of a small picture with its texts
_LEFT, _TOP, _RIGHT, _BOTTOM = 62, 50, 18, 40  # around its axes
_INK, _FAINT, _PAPER, _GRID = "#1f2328", "#656d76", "#ffffff", "#d8dee4"
_LINE, _HELD, _BROKEN = "#1f6feb", "#1a7f37", "#cf222e"
_NOTE = (
    "Medians, with the lowest and highest of the rounds; both axes logarithmic. "
    "Dashed: what is asked, no steeper than what it is drawn over, or level."
)


def draw(curves: Sequence[Curve]) -> str:
    """The picture's text; it names no machine."""
    rows = math.ceil(len(curves) / _COLUMNS)
    width, height = _COLUMNS * _WIDTH + 16, rows * _HEIGHT + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" font-family="sans-serif">'
        f"<title>What things cost as they grow</title>"
        f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>'
    ]
    for number, each in enumerate(curves):
        x, y = number % _COLUMNS * _WIDTH, number // _COLUMNS * _HEIGHT
        parts += [f'<g transform="translate({x} {y})">', *_panel(each), "</g>"]
    parts.append(_text(16, height - 14, _NOTE, colour=_FAINT))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(each: Curve) -> list[str]:
    across = _Scale([point.size for point in each.points], _LEFT, _WIDTH - _RIGHT)
    asked = _asked(each)
    values = [value for point in each.points for value in (point.low, point.high)]
    up = _Scale(
        [*values, *(value for _, value in asked)], _HEIGHT - _BOTTOM, _TOP, least_decades=1.0
    )
    parts = [
        _text(16, 20, f"{each.title}, {each.unit}", weight="bold", size=13),
        *_verdict(each),
    ]
    for value in up.ticks():
        y = up.at(value)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="{_GRID}"/>')
        parts.append(_text(_LEFT - 6, y + 4, _short(value), anchor="end", colour=_FAINT))
    for point in each.points:
        x, y = across.at(point.size), _HEIGHT - _BOTTOM + 16
        parts.append(_text(x, y, _short(point.size), anchor="middle", colour=_FAINT))
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(_text(middle, _HEIGHT - 8, each.over, anchor="middle", colour=_FAINT))
    if asked:
        line = " ".join(f"{across.at(size):.1f},{up.at(value):.1f}" for size, value in asked)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{_FAINT}" stroke-dasharray="4 3"/>'
        )
    return [*parts, *_line(each.points, across, up)]


def _line(points: Sequence[Point], across: "_Scale", up: "_Scale") -> list[str]:
    places = [(across.at(point.size), up.at(point.median)) for point in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [f'<polyline points="{line}" fill="none" stroke="{_LINE}" stroke-width="2"/>']
    for point, (x, y) in zip(points, places, strict=True):
        spread = f"M{x:.1f} {up.at(point.low):.1f}V{up.at(point.high):.1f}"
        parts.append(f'<path d="{spread}" stroke="{_INK}" stroke-width="1.5"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_LINE}"/>')
    last, (x, y) = points[-1], places[-1]
    label = _text(x + 4, y - 8, _short(last.median), anchor="end", weight="bold")
    return [*parts, f'<g paint-order="stroke" stroke="{_PAPER}" stroke-width="4">{label}</g>']


def _asked(each: Curve) -> list[tuple[float, float]]:
    """Both ends of the dashed line."""
    last = each.points[-1].size
    if each.asked == "no worse than linear":
        first = each.points[len(each.points) // 2]
        return [(first.size, first.median), (last, first.median * last / first.size)]
    if each.asked == "flat":
        first = each.points[0]
        return [(first.size, first.median), (last, first.median)]
    return []


def _verdict(each: Curve) -> list[str]:
    if not each.verdict:
        return []
    colour = _HELD if each.verdict == "held" else _BROKEN
    return [_text(16, 37, f"{each.asked}: {each.verdict} ({each.growth:.2f})", colour=colour)]


class _Scale:
    """A logarithmic axis from `start` to `end` that holds all values; both may be reversed."""

    def __init__(
        self, values: Sequence[float], start: float, end: float, least_decades: float = 0.0
    ) -> None:
        low, high = math.log10(min(values)), math.log10(max(values))
        more = max(0.0, least_decades - (high - low)) / 2
        self._low, self._high = low - more, high + more
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """Where a value is."""
        span = self._high - self._low or 1.0
        share = (math.log10(value) - self._low) / span
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        """Powers of ten and, where there are few of these, twice and five times them."""
        decades = range(math.floor(self._low), math.ceil(self._high) + 1)
        steps = (1, 2, 5) if self._high - self._low < 2.5 else (1,)
        every = [step * 10.0**decade for decade in decades for step in steps]
        return [value for value in every if self._low <= math.log10(value) <= self._high]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.2g}"


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    weight: str = "normal",
    colour: str = _INK,
    size: int = 11,
) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" '
        f'font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
    )
