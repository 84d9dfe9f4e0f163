"""`bff routes`: every public endpoint of the project, as a table."""

from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from bff.cli.project import compile_or_exit, project_option


@click.command()
@project_option
def routes(project: Path) -> None:
    """Print every composition and pass-through route, in the order in which they match."""
    compiled = compile_or_exit(project)
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("method", "path", "answered by", "views", "cache"):
        table.add_column(column, overflow="fold")
    for composition in sorted(compiled.compositions, key=lambda each: each.path_text):
        table.add_row(
            composition.method,
            composition.path_text,
            f"composition {composition.name}",
            ", ".join(composition.views),
            f"{composition.cache.ttl_seconds:g} s" if composition.cache else "",
        )
    for route in compiled.routes:
        stripped = ", prefix stripped" if route.strip else ""
        table.add_row("any", f"{route.prefix}/…", f"service {route.service}{stripped}", "", "")
    table.add_row("GET", "/healthz", "the gateway", "", "")
    Console().print(table)
