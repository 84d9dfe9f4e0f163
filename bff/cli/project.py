"""What the commands share: the `--project` option, the compiled project, what they print."""

import getpass
import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bff.errors import Problem, ProjectError

if TYPE_CHECKING:
    from bff.environment import Environment
    from bff.plan.model.composition import CompiledProject
    from bff.telemetry.logs.events import AuditAction

_Command = TypeVar("_Command", bound=Callable[..., Any])


def project_option(command: _Command) -> _Command:
    """`--project DIR`, or BFF_PROJECT, or else the current folder."""
    return click.option(
        "--project",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=".",
        envvar="BFF_PROJECT",
        show_envvar=True,
        help="The project's folder; the current one by default.",
    )(command)


def compile_or_exit(folder: Path, environment: "Environment | None" = None) -> "CompiledProject":
    """The compiled project. Where it has problems, print them and end the command with 1. Without
    an environment it can be shown, and not served."""
    # Not above, so that `bff serve` answers signals before it imports the compiler.
    from bff.plan.compiler.project import compile_project

    try:
        with redirect_stdout(sys.stderr):  # what a schema module prints is no part of the result
            return compile_project(folder, environment)
    except ProjectError as error:
        print_problems(error.problems)
        sys.exit(1)


def print_problems(problems: tuple[Problem, ...]) -> None:
    """Print a line for each problem on standard output, for pipes, then their number."""
    for problem in problems:
        click.echo(str(problem))
    count = len(problems)
    click.echo(f"\n{count} problem{'s' if count != 1 else ''}.", err=True)


def audit_command(action: "AuditAction", outcome: str, facts: Mapping[str, Any]) -> None:
    """Print the audit line of a command on standard error: the user of the system did this."""
    from bff.telemetry.logs.events import OWN, AuditEntry, audit_event, json_line

    entry = AuditEntry(action, outcome, _user(), socket.gethostname(), facts)
    click.echo(json_line(audit_event(entry, OWN)).decode(), nl=False, err=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
