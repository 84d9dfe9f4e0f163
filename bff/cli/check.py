"""`bff check`: compile everything, print every problem."""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bff.cli.project import print_problems, project_option
from bff.errors import ProjectError, SettingsError
from bff.plan.compiler.project import CheckResult, check_project

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
@click.pass_obj
def check(
    script: "ScriptInfo | None", project: Path, form: str, strict: bool, app: str | None
) -> None:
    """Compile the project and print every problem and warning; exit 1 when there is a problem. As
    `flask bff check` it looks at Flask's app."""
    with redirect_stdout(sys.stderr):  # what a schema module prints is no part of the result
        checked = check_project(project, _app_guards(app, script))
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
    sys.exit(1 if checked.problems else 0)


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
    forms = {
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
    return json.dumps(forms, indent=2, ensure_ascii=False)
