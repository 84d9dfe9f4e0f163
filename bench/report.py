"""What a run shows on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from bench.tables import Record, Table, crowds_table, rows_table, verdicts_table

_STYLES = {"met": "green", "missed": "red", "doubtful": "yellow", "not measured": "yellow"}


def show(console: Console, record: Record) -> None:
    """All tables of a record, and what to mind about them. The verdicts come last."""
    if record["rows"]:
        console.print(_rich(rows_table(record)))
        console.print(
            "~ its server had time left: the load generator, the upstream or a neighbour was the "
            "limit. What is met over such a row, and isn't by CPU, is doubtful."
        )
    for row in record["rows"].values():
        if "not_measured" in row:
            _warn(console, f"{row['group']}: {row['title']}: {row['not_measured']}")
    if not record["machine"]["pinned"]:
        console.print("[yellow]One core for everything: what loads is in the figures.[/]")
    _show_crowds(console, record["crowds"])
    console.print(_facts(record["machine"]), style="dim")
    console.print(_rich(verdicts_table(record)))


def _show_crowds(console: Console, crowds: Mapping[str, Any]) -> None:
    if "not_measured" in crowds:
        _warn(console, f"crowds: {crowds['not_measured']}")
    elif crowds:
        console.print(_rich(crowds_table(crowds)))
        for kind in (crowds["cold"], *crowds["floods"]):
            for what, count in kind["wrong"].items():
                console.print(f"Wrong: {count:,} answers: {what}", style="red", markup=False)


def _warn(console: Console, text: str) -> None:
    console.print(f"Not measured: {text}", style="yellow", markup=False)


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left", min_width=len(table.title))
    for number, column in enumerate(table.columns):
        shown.add_column(column, justify="left" if number < table.names else "right", no_wrap=True)
    for number, row in enumerate(table.rows):
        if number and row[0]:
            shown.add_section()
        style = "bold" if number in table.ours else ""
        shown.add_row(*(_coloured(cell) for cell in row), style=style)
    return shown


def _coloured(cell: str) -> str:
    return f"[{_STYLES[cell]}]{cell}[/]" if cell in _STYLES else cell


def _facts(machine: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in machine.items())
