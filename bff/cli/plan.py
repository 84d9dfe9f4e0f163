"""`bff plan NAME`: one compiled composition as text."""

from pathlib import Path

import click

from bff.cli.project import compile_or_exit, project_option
from bff.declarations.suggestions import known_names
from bff.plan.explain.composition import explain


@click.command()
@click.argument("name")
@project_option
def plan(name: str, project: Path) -> None:
    """Print the compiled plan of the composition NAME.

    The same plan always has the same text."""
    compiled = compile_or_exit(project)
    compositions = {each.name: each for each in compiled.compositions}
    if name not in compositions:
        raise click.ClickException(
            f"unknown composition '{name}'. {known_names(name, compositions)}"
        )
    click.echo(explain(compositions[name], compiled.services), nl=False)
    if compiled.wanted:
        names = ", ".join(compiled.wanted)
        click.echo(f"\nThe environment was not read. Left out where they stand: {names}.")
