"""What a run shows on the terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from bench.figures import BUSY, Ratio, RowFigures
from bench.rounds import Results
from bench.rows import Row

_VERDICTS = {
    "": "",
    "met": "[green]met[/]",
    "missed": "[red]missed[/]",
    "doubtful": "[yellow]doubtful[/]",
    "not measured": "[yellow]not measured[/]",
}


def show(
    console: Console,
    machine: Mapping[str, object],
    results: Results,
    figures: list[RowFigures],
    compared: list[Ratio],
) -> None:
    """Both tables, and what to mind about them."""
    console.print(_rows_table(results, figures))
    if any(each.busy < BUSY for each in figures):
        console.print(
            "~ its server had time left: the load generator, the upstream or a neighbour was the "
            "limit. What is met over such a row, and isn't by CPU, is doubtful."
        )
    for row in results.rows:
        if row.key in results.unmeasured:
            reason = results.unmeasured[row.key].reason
            console.print(f"Not measured: {_name(row)}: {reason}", style="yellow", markup=False)
    console.print(_ratios_table(results, compared))
    if not machine["pinned"]:
        console.print("[yellow]One core for everything: what loads is in the figures.[/]")
    console.print(_facts(machine), style="dim")


def _rows_table(results: Results, figures: list[RowFigures]) -> Table:
    table = Table(title="One core, 32 connections; medians over the rounds", title_justify="left")
    table.add_column("job", no_wrap=True)
    table.add_column("how", no_wrap=True)
    for column in ("requests/s", "lowest–highest", "p50 ms", "p99 ms", "CPU µs", "busy", "MiB"):
        table.add_column(column, justify="right", no_wrap=True)
    by_key = {each.row.key: each for each in figures}
    last_group = ""
    for row in results.rows:
        if last_group and row.group != last_group:
            table.add_section()
        table.add_row(
            row.group if row.group != last_group else "",
            row.title,
            *(_cells(by_key[row.key]) if row.key in by_key else ("not measured",)),
            style="bold" if row.server == "gateway" else "",
        )
        last_group = row.group
    return table


def _cells(each: RowFigures) -> tuple[str, ...]:
    rate = each.requests_per_second
    return (
        f"{rate.median:,.0f}",
        f"{rate.low:,.0f}–{rate.high:,.0f}",
        f"{each.p50_ms:.2f}",
        f"{each.p99_ms:.2f}",
        f"{each.cpu_us_per_request:,.0f}",
        f"{'~' if each.busy < BUSY else ''}{each.busy:.0%}",
        f"{each.rss_mib:.0f}",
    )


def _ratios_table(results: Results, compared: list[Ratio]) -> Table:
    table = Table(
        title="Ratios of requests/s, within each round; their median", title_justify="left"
    )
    table.add_column("row", no_wrap=True)
    table.add_column("over")
    for column in ("times", "lowest–highest", "target", "", "times by CPU"):
        table.add_column(column, justify="right", no_wrap=True)
    rows = {row.key: row for row in results.rows}
    for each in compared:
        asked, times, cpu_times = each.comparison.at_least, each.times, each.cpu_times
        row, baseline = rows[each.comparison.row], rows[each.comparison.baseline]
        table.add_row(
            _name(row),
            baseline.title if baseline.group == row.group else _name(baseline),
            "" if times is None else f"{times.median:.2f}",
            "" if times is None else f"{times.low:.2f}–{times.high:.2f}",
            "" if asked is None else f"≥ {asked:g}",
            _VERDICTS[each.verdict],
            "" if cpu_times is None else f"{cpu_times.median:.2f}",
        )
    return table


def _name(row: Row) -> str:
    return f"{row.group}: {row.title}"


def _facts(machine: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in machine.items())
