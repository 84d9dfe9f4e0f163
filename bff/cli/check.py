"""`bff check`: compile everything, print every problem."""

import json
import os
import sys
from contextlib import redirect_stdout
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bff.cli.env_file import has_env_file
from bff.cli.project import print_problems, project_option
from bff.declarations.documents import Wanted
from bff.environment import Environment
from bff.errors import ProjectError, SettingsError
from bff.plan.compiler.project import CheckResult, check_project
from bff.settings import load_settings

if TYPE_CHECKING:
    from flask.cli import ScriptInfo


@click.command()
@project_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("--strict", is_flag=True, help="Take warnings for problems.")
@click.option(
    "--app",
    envvar="BFF_APP",
    show_envvar=True,
    help="MODULE:NAME of the Flask app that the gateway is mounted in: its hooks are looked at.",
)
@click.option(
    "--env",
    "with_environment",
    is_flag=True,
    help="Read the environment and secrets, as `bff serve` does; --env-file implies it.",
)
@click.pass_context
def check(
    context: click.Context,
    project: Path,
    form: str,
    app: str | None,
    *,
    strict: bool,
    with_environment: bool,
) -> None:
    """Compile the project, and print every problem and warning.

    The exit status is 1 where there is a problem. As `flask bff check` it looks at Flask's app."""
    environment = _environment() if with_environment or has_env_file(context) else None
    with redirect_stdout(sys.stderr):  # what a schema module prints is no part of the result
        checked = check_project(project, environment, _app_guards(app, context.obj))
    if strict:
        checked = checked.strict()
    if form == "json":
        click.echo(_as_json(checked))
        sys.exit(1 if checked.problems else 0)
    for warning in checked.warnings:
        click.echo(f"warning: {warning}")
    if checked.problems:
        print_problems(checked.problems)
    else:
        compositions = _counted(checked.compositions, "composition")
        click.echo(f"{compositions} over {_counted(checked.operations, 'operation')}: no problem.")
    _print_wanted(checked.wanted)
    sys.exit(1 if checked.problems else 0)


def _environment() -> Environment:
    try:
        return Environment(os.environ, load_settings(os.environ).secrets_dir)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def _print_wanted(wanted: tuple[Wanted, ...]) -> None:
    """Print each name that the environment has to have, with the places that refer to it."""
    if wanted:
        click.echo("\nWanted of the environment, which was not read (--env reads it):")
    for name, group in groupby(wanted, key=lambda each: each.name):
        places = (each.place for each in group)
        shown = ", ".join(f"{each.file}:{each.line}:{each.column}" for each in places)
        click.echo(f"  {name}  {shown}")


def _app_guards(name: str | None, script: "ScriptInfo | None") -> tuple[str, ...]:
    """The hooks of the app of this name, or of the one that `flask` was started with."""
    if name is None and script is None:
        return ()
    # Not above, since Flask takes longer to import than the compiler.
    from bff.cli.serving.apps import load_app
    from bff.web.hosts.flask.rules import guards_of_command

    guards: tuple[str, ...] = ()
    try:
        if name is not None:
            guards = load_app(name).extensions["bff"].guards()
        elif script is not None:
            guards = guards_of_command(script)
    except ProjectError:  # the app mounts a project that is broken: the check itself reports it
        pass
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    return guards


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _as_json(checked: CheckResult) -> str:
    found = {"problems": checked.problems, "warnings": checked.warnings}
    forms: dict[str, list[dict[str, object]]] = {
        kind: [
            {
                "file": each.place.file,
                "line": each.place.line,
                "column": each.place.column,
                "path": each.path,
                "what": each.what,
                "mend": each.mend,
            }
            for each in entries
        ]
        for kind, entries in found.items()
    }
    forms["wanted"] = [
        {
            "name": each.name,
            "file": each.place.file,
            "line": each.place.line,
            "column": each.place.column,
        }
        for each in checked.wanted
    ]
    return json.dumps(forms, indent=2, ensure_ascii=False)
