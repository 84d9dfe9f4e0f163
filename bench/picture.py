"""A run as an SVG picture: a bar for each row's requests per second, each job on a scale of its
own, and beside the gateway's bars how many times the hand-written one they are.
"""

from html import escape

from bench.figures import Ratio, RowFigures

_WIDTH = 860
_LABELS = 210
_BARS = 430
_BAR = 20
_STEP = 27
_HEADING = 40
_INK, _FAINT, _PAPER = "#1f2328", "#656d76", "#ffffff"
_COLOURS = {
    "gateway": "#1f6feb",
    "by-hand": "#bc4c00",
    "by-hand-few": "#bc4c00",
    "proxy-by-hand": "#bc4c00",
    "proxy-by-hand-few": "#bc4c00",
    "bare": "#afb8c1",
    "reference": "#afb8c1",
}


def draw(figures: list[RowFigures], compared: list[Ratio]) -> str:
    """The picture's text; it names no machine."""
    groups: dict[str, list[RowFigures]] = {}
    for each in figures:
        groups.setdefault(each.row.group, []).append(each)
    times = {
        each.comparison.row: each.times.median
        for each in compared
        if each.comparison.baseline.endswith("-by-hand")
    }
    parts: list[str] = []
    y = 14
    for group, rows in groups.items():
        parts.append(_text(16, y + 18, group, weight="bold"))
        y += _HEADING - 10
        longest = max(row.requests_per_second.high for row in rows)
        for row in rows:
            parts.extend(_bar(row, y, _BARS / longest, times.get(row.row.key)))
            y += _STEP
        y += 12
    parts.append(_text(16, y + 10, _NOTE, colour=_FAINT, size=11))
    height = y + 26
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" font-family="sans-serif">'
        f"<title>Requests per second on one core</title>"
        f'<rect width="{_WIDTH}" height="{height}" fill="{_PAPER}"/>'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


_NOTE = (
    "Requests per second on one core, medians; the thin line goes from the lowest to the highest "
    "round. Each job has a scale of its own."
)


def _bar(each: RowFigures, y: int, scale: float, times: float | None) -> list[str]:
    rate = each.requests_per_second
    middle = y + _BAR // 2
    label = f"{rate.median:,.0f}"
    if times is not None:
        label += f"  = {times:.1f} × by hand"
    is_ours = each.row.server == "gateway"
    return [
        _text(_LABELS, middle + 4, each.row.title, anchor="end", weight="bold" if is_ours else ""),
        f'<rect x="{_LABELS + 10}" y="{y}" width="{max(1.0, rate.median * scale):.1f}" '
        f'height="{_BAR}" fill="{_COLOURS[each.row.server]}"/>',
        f'<path d="M{_LABELS + 10 + rate.low * scale:.1f} {middle}'
        f'H{_LABELS + 10 + rate.high * scale:.1f}" stroke="{_INK}" stroke-width="1.5"/>',
        _text(round(_LABELS + 18 + rate.high * scale), middle + 4, label),
    ]


def _text(
    x: int,
    y: int,
    text: str,
    *,
    anchor: str = "start",
    weight: str = "",
    colour: str = _INK,
    size: int = 13,
) -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"{bold}>'
        f"{escape(text)}</text>"
    )
