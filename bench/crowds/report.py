"""What a run shows on the terminal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.crowds.figures import (
    CALLS_A_STEP,
    MOST_MEGABYTES,
    ColdScreen,
    Latencies,
    Memory,
)
from bench.memory import MEGABYTE


@dataclass(frozen=True, slots=True)
class Flood:
    """What the crowds got that asked for a screen each, of so many calls: latencies beyond the
    upstream's own, of each crowd; the gateway's memory at its peak; and the most calls that were
    under way at once."""

    calls_each: int
    added: list[Latencies]
    memory: Memory
    calls_at_once: int
    wrong: Counter[str]


def show_cold(console: Console, screens: Sequence[ColdScreen], clients: int) -> None:
    """A row for each screen that was asked for."""
    table = _table(f"{clients:,} clients at once, one screen that nobody has asked for")
    for column in ("p50 ms", "p99 ms", "max ms", "calls by step", "replies", ""):
        table.add_column(column, justify="right")
    for screen in screens:
        table.add_row(
            *_cells(screen.latencies),
            ", ".join(f"{name} {count}" for name, count in screen.calls.items()),
            ", ".join(f"{count:,} {how}" for how, count in sorted(screen.how.items())),
            _verdict(screen.is_met),
        )
    console.print(table)
    console.print(f"Asked: {CALLS_A_STEP} call a step.")


def show_flood(console: Console, flood: Flood, clients: int) -> None:
    """A row for each crowd, and what the gateway took."""
    calls = "one call" if flood.calls_each == 1 else f"{flood.calls_each} calls"
    table = _table(f"{clients:,} clients at once, a screen of {calls} each: latency that is added")
    for column in ("p50 ms", "p99 ms", "max ms"):
        table.add_column(column, justify="right")
    for each in flood.added:
        table.add_row(*_cells(each))
    console.print(table)
    memory = flood.memory
    console.print(
        f"At its peak the launcher held {memory.launcher / MEGABYTE:.0f} MB and the worker "
        f"{memory.worker / MEGABYTE:.0f} MB; asked: {MOST_MEGABYTES} MB together: "
        f"{_verdict(memory.is_met)}. "
        f"The crowds gone, the worker held {memory.worker_after / MEGABYTE:.0f} MB. "
        f"At most {flood.calls_at_once:,} calls were under way at the upstream."
    )


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", min_width=len(title))


def _cells(each: Latencies) -> tuple[str, str, str]:
    return f"{each.p50_ms:,.0f}", f"{each.p99_ms:,.0f}", f"{each.max_ms:,.0f}"


def _verdict(is_met: bool) -> str:
    return "[green]met[/]" if is_met else "[red]missed[/]"
