"""`bff check`: compile everything, print every problem."""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

import click

from bff.cli.project import print_problems, project_option
from bff.plan.compiler.project import CheckResult, check_project


@click.command()
@project_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def check(project: Path, form: str) -> None:
    """Compile the project and print every problem; exit 1 when there is any."""
    with redirect_stdout(sys.stderr):  # what a schema module prints is no part of the result
        checked = check_project(project)
    if form == "json":
        click.echo(_as_json(checked))
    elif checked.problems:
        print_problems(checked.problems)
    else:
        compositions = _counted(checked.compositions, "composition")
        click.echo(f"{compositions} over {_counted(checked.operations, 'operation')}: no problem.")
    sys.exit(1 if checked.problems else 0)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _as_json(checked: CheckResult) -> str:
    problems = [
        {
            "file": problem.place.file,
            "line": problem.place.line,
            "column": problem.place.column,
            "path": problem.path,
            "what": problem.what,
            "mend": problem.mend,
        }
        for problem in checked.problems
    ]
    return json.dumps({"problems": problems}, indent=2, ensure_ascii=False)
