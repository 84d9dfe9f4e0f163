"""A run as an SVG picture: a bar for each row's requests per second, each job on its own scale.

Beside a bar stands how the gateway's row compares with it, and what was asked; a row that was not
measured stands there with its reason.
"""

from html import escape

from bench.figures import Ratio, RowFigures
from bench.rounds import Results
from bench.rows import Row

_WIDTH = 1060
_LABELS = 240
_BARS = 400
_BAR = 20
_STEP = 27
_HEADING = 40
_REASON = 105  # characters that fit beside a label
_INK, _FAINT, _PAPER = "#1f2328", "#656d76", "#ffffff"
_MISSED, _MET, _DOUBTFUL = "#cf222e", "#1a7f37", "#9a6700"
_GATEWAY, _BY_HAND, _PEER, _FLOOR = "#1f6feb", "#bc4c00", "#8250df", "#afb8c1"
_COLOURS = {
    "gateway": _GATEWAY,
    "gateway-watched": _GATEWAY,
    "by-hand": _BY_HAND,
    "by-hand-few": _BY_HAND,
    "reference": _FLOOR,
}
_VERDICTS = {"met": _MET, "missed": _MISSED, "doubtful": _DOUBTFUL, "not measured": _DOUBTFUL}
_NOTE = (
    "Requests per second on one core, medians; the thin line goes from the lowest to the highest "
    "round. Each job has a scale of its own. “bff 1.2 ×”: the gateway over that row."
)


def draw(results: Results, figures: list[RowFigures], compared: list[Ratio]) -> str:
    """The picture's text; it names no machine."""
    rows = {row.key: row for row in results.rows}
    by_key = {each.row.key: each for each in figures}
    groups: dict[str, list[Row]] = {}
    for row in results.rows:
        groups.setdefault(row.group, []).append(row)
    parts: list[str] = []
    y = 14
    for group, members in groups.items():
        parts.append(_text(16, y + 18, group, weight="bold"))
        y += _HEADING - 10
        longest = max(
            (by_key[row.key].requests_per_second.high for row in members if row.key in by_key),
            default=1.0,
        )
        for row in members:
            parts.append(_title(row, y))
            if row.key in by_key:
                said = _compared(row, rows, compared)
                parts.extend(_bar(by_key[row.key], y, _BARS / longest, said))
            else:
                parts.append(_reason(results.unmeasured[row.key].reason, y))
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


def _compared(row: Row, rows: dict[str, Row], compared: list[Ratio]) -> list[tuple[str, str]]:
    """What is said of a row, each with its colour: the gateway's row over it, or over another
    job's row where the row is the gateway's."""
    said = []
    for each in compared:
        ours, other = rows[each.comparison.row], rows[each.comparison.baseline]
        times = "? ×" if each.times is None else f"{each.times.median:.2f} ×"
        if other is row and ours.group == row.group:
            text = f"bff {times}"
        elif ours is row and other.group != row.group:
            text = f"{times} {other.title}, uncached"
        else:
            continue
        if each.comparison.at_least is not None:
            text += f", target {each.comparison.at_least:g}: {each.outcome}"
        said.append((text, _VERDICTS.get(each.outcome, _FAINT)))
    return said


def _title(row: Row, y: int) -> str:
    weight = "bold" if row.server in ("gateway", "gateway-watched") else ""
    return _text(_LABELS, y + _BAR // 2 + 4, row.title, anchor="end", weight=weight)


def _reason(reason: str, y: int) -> str:
    text = f"not measured: {reason.splitlines()[-1].strip()}"  # where errors say what they are
    if len(text) > _REASON:
        text = text[: _REASON - 1] + "…"
    return _text(_LABELS + 10, y + _BAR // 2 + 4, text, colour=_MISSED)


def _bar(each: RowFigures, y: int, scale: float, said: list[tuple[str, str]]) -> list[str]:
    rate = each.requests_per_second
    middle = y + _BAR // 2
    colour = _COLOURS.get(each.row.server, _PEER)
    spans = [escape(f"{rate.median:,.0f}")]
    spans += [f'<tspan dx="10" fill="{fill}">{escape(text)}</tspan>' for text, fill in said]
    return [
        f'<rect x="{_LABELS + 10}" y="{y}" width="{max(1.0, rate.median * scale):.1f}" '
        f'height="{_BAR}" fill="{colour}"/>',
        f'<path d="M{_LABELS + 10 + rate.low * scale:.1f} {middle}'
        f'H{_LABELS + 10 + rate.high * scale:.1f}" stroke="{_INK}" stroke-width="1.5"/>',
        f'<text x="{round(_LABELS + 18 + rate.high * scale)}" y="{middle + 4}" font-size="13" '
        f'fill="{_INK}">{"".join(spans)}</text>',
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
