"""A reply's `Server-Timing` as a waterfall: each step a bar from when it started to when it ended.

Pure: it parses a header and gives a rich renderable; it calls nothing and prints nothing.
"""

import re
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

_PART = re.compile(r"""(?:[^,;"]|"(?:[^"\\]|\\.)*")+|[,;]""")
_STYLES = {"ok": "cyan", "failed": "red", "skipped": "bright_black"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One step: when it started after the request came, how long it took, how it ended."""

    step: str
    started_ms: float
    duration_ms: float
    outcome: str  # "ok", "skipped", "failed", "cancelled"


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Every step of one reply, in declared order, and the time of the whole."""

    bars: tuple[Bar, ...]
    total_ms: float

    @property
    def calls_ms(self) -> float:
        """What the steps would have taken one after the other."""
        return sum(bar.duration_ms for bar in self.bars)

    @property
    def most_at_once(self) -> int:
        """How many steps were under way at the same moment, at most."""
        running = [bar for bar in self.bars if bar.duration_ms > 0]
        return max(
            (
                sum(
                    other.started_ms <= bar.started_ms < other.started_ms + other.duration_ms
                    for other in running
                )
                for bar in running
            ),
            default=0,
        )


def parse_server_timing(header: str) -> Waterfall:
    """`orders;dur=12.3;start=0.4;desc="ok", total;dur=20.1` as a waterfall.

    A metric without a start (the total) is no step. Unknown params are passed over.
    """
    bars: list[Bar] = []
    total_ms = 0.0
    for name, params in _metrics(header):
        duration = float(params.get("dur", "0"))
        if "start" in params:
            bars.append(Bar(name, float(params["start"]), duration, params.get("desc", "ok")))
        elif name == "total":
            total_ms = duration
    ended = (bar.started_ms + bar.duration_ms for bar in bars)
    return Waterfall(tuple(bars), max((total_ms, *ended)))


def draw_waterfall(waterfall: Waterfall, track_width: int) -> Table:
    """A line for each step; the tracks are `track_width` characters, half a character exact."""
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(width=track_width, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)  # how it ended, where that was not well
    for bar in waterfall.bars:
        style = _STYLES.get(bar.outcome, "yellow")
        if bar.outcome == "skipped":
            table.add_row(bar.step, "", "", Text("skipped", style=style))
            continue
        track = draw_track(bar.started_ms, bar.duration_ms, waterfall.total_ms, track_width, style)
        note = Text("" if bar.outcome == "ok" else bar.outcome, style=style)
        table.add_row(bar.step, track, f"{bar.duration_ms:.0f} ms", note)
    scale = f"{waterfall.total_ms:.0f} ms".rjust(track_width - 1)
    table.add_row("", Text(f"0{scale}", style="bright_black"), "", "")
    return table


def draw_track(start: float, length: float, whole: float, width: int, style: str) -> Text:
    """A line from `start`, `length` long, where `whole` would fill `width` characters.

    At least half a character, so that nothing that happened is invisible.
    """
    halves = 2 * width
    scale = halves / whole if whole > 0 else 0.0
    first = min(round(start * scale), halves - 1)
    last = min(max(round((start + length) * scale), first + 1), halves)
    line = " " * (first // 2)
    if first % 2:
        line += "╺"
        first += 1
    line += "━" * ((last - first) // 2)
    if last > first and (last - first) % 2:
        line += "╸"
    return Text(line, style=style)


def _metrics(header: str) -> list[tuple[str, dict[str, str]]]:
    """The header's metrics as (name, params): a list of items in RFC 8941's way of writing."""
    metrics: list[tuple[str, dict[str, str]]] = []
    parts: list[str] = []
    for part in [*_PART.findall(header), ","]:
        if part == ";":
            continue
        if part != ",":
            parts.append(part.strip())
            continue
        if parts and parts[0]:
            pairs = (param.partition("=") for param in parts[1:])
            metrics.append((parts[0], {key: _unquoted(value) for key, _, value in pairs}))
        parts = []
    return metrics


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
