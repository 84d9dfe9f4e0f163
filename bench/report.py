"""What a run shows on the terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from bench.figures import Ratio, RowFigures
from bench.rows import ROWS, Row

_NOT_BUSY = 0.9


def show(
    console: Console,
    machine: Mapping[str, object],
    figures: list[RowFigures],
    compared: list[Ratio],
) -> None:
    """Both tables, and what to mind about them."""
    console.print(_rows_table(figures))
    if any(each.busy < _NOT_BUSY for each in figures):
        console.print("~ its server had time left: load generator or upstream were the limit")
    console.print(_ratios_table(compared))
    if not machine["pinned"]:
        console.print("[yellow]One core for everything: what loads is in the figures.[/]")
    console.print(_facts(machine), style="dim")


def _rows_table(figures: list[RowFigures]) -> Table:
    table = Table(title="One core, 32 connections; medians over the rounds", title_justify="left")
    table.add_column("job", no_wrap=True)
    table.add_column("how", no_wrap=True)
    for column in ("requests/s", "lowest–highest", "p50 ms", "p99 ms", "CPU µs", "busy", "MiB"):
        table.add_column(column, justify="right")
    last_group = ""
    for each in figures:
        rate = each.requests_per_second
        if last_group and each.row.group != last_group:
            table.add_section()
        table.add_row(
            each.row.group if each.row.group != last_group else "",
            each.row.title,
            f"{rate.median:,.0f}",
            f"{rate.low:,.0f}–{rate.high:,.0f}",
            f"{each.p50_ms:.2f}",
            f"{each.p99_ms:.2f}",
            f"{each.cpu_us_per_request:,.0f}",
            f"{'~' if each.busy < _NOT_BUSY else ''}{each.busy:.0%}",
            f"{each.rss_mib:.0f}",
            style="bold" if each.row.server == "gateway" else "",
        )
        last_group = each.row.group
    return table


def _ratios_table(compared: list[Ratio]) -> Table:
    table = Table(
        title="Ratios of requests/s, within each round; their median", title_justify="left"
    )
    table.add_column("row", no_wrap=True)
    table.add_column("over", no_wrap=True)
    for column in ("times", "lowest–highest", "asked", ""):
        table.add_column(column, justify="right")
    rows = {row.key: row for row in ROWS}
    for each in compared:
        asked = each.comparison.at_least
        table.add_row(
            _name(rows[each.comparison.row]),
            _name(rows[each.comparison.baseline]),
            f"{each.times.median:.2f}",
            f"{each.times.low:.2f}–{each.times.high:.2f}",
            "" if asked is None else f"≥ {asked:g}",
            {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[each.met],
        )
    return table


def _name(row: Row) -> str:
    return f"{row.group}: {row.title}"


def _facts(machine: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in machine.items())
