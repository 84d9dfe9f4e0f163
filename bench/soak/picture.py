"""A soak as an SVG picture: what each worker held over time, and when something happened."""

from collections.abc import Callable
from html import escape

from bench.soak.run import Outcome
from bench.soak.watch import Sample

_WIDTH, _HEIGHT, _TOP = 1060, 150, 30
_LEFT, _RIGHT, _BOTTOM = 70, 20, 26
_INK, _FAINT, _PAPER = "#1f2328", "#656d76", "#ffffff"
_COLOURS = ("#1f6feb", "#bc4c00", "#8250df", "#1a7f37", "#9a6700", "#cf222e")
_PANELS: tuple[tuple[str, Callable[[Sample], float]], ...] = (
    ("MB resident", lambda each: each.rss_megabytes),
    ("file descriptors", lambda each: each.files),
    ("tasks", lambda each: each.tasks),
)


def draw(outcome: Outcome) -> str:
    """The picture's text: a line for each worker, in the order in which they started."""
    height = _TOP + len(_PANELS) * (_HEIGHT + _BOTTOM) + 20
    samples = [each for each in outcome.samples if each.tasks >= 0]
    most = max([each.seconds for each in samples], default=1.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" font-family="sans-serif">'
        f"<title>What workers hold in a soak</title>"
        f'<rect width="{_WIDTH}" height="{height}" fill="{_PAPER}"/>'
    ]
    for number, (title, value) in enumerate(_PANELS):
        y = _TOP + number * (_HEIGHT + _BOTTOM)
        parts += [f'<g transform="translate(0 {y})">', *_panel(samples, title, value, most)]
        parts += [_event(at / most) for at, _ in outcome.events if at <= most]
        parts.append("</g>")
    for at, what in outcome.events:
        x = _x(min(at / most, 1.0))
        parts.append(_text(min(x + 3, _WIDTH - 7 * len(what)), _TOP - 4, what, _FAINT))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(
    samples: list[Sample], title: str, value: Callable[[Sample], float], seconds: float
) -> list[str]:
    top = max([value(each) for each in samples], default=0.0) * 1.1 or 1.0
    parts = [
        f'<path d="M{_LEFT} 0V{_HEIGHT}H{_WIDTH - _RIGHT}" stroke="{_FAINT}" fill="none"/>',
        _text(8, 12, f"{top:,.0f}", _FAINT),
        _text(8, _HEIGHT, "0", _FAINT),
        _text(_LEFT + 6, 14, title, _INK),
        _text(_WIDTH - _RIGHT - 60, _HEIGHT + 15, f"{seconds / 60:.1f} min", _FAINT),
    ]
    for number, process in enumerate(dict.fromkeys(each.process for each in samples)):
        line = " ".join(
            f"{_x(each.seconds / seconds):.1f},{_HEIGHT * (1 - value(each) / top):.1f}"
            for each in samples
            if each.process == process
        )
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}"/>')
    return parts


def _event(share: float) -> str:
    x = _x(share)
    return f'<path d="M{x:.1f} 0V{_HEIGHT}" stroke="{_FAINT}" stroke-dasharray="3 3"/>'


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _text(x: float, y: float, text: str, colour: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="12" fill="{colour}">{escape(text)}</text>'
