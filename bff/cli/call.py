"""`bff call NAME`: one screen against the real services, with each request that it makes."""

import asyncio
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

import click
from rich.console import Console

from bff.cli.calling.callers import played_caller
from bff.cli.calling.drawing import as_json, draw_call, payload_text
from bff.cli.calling.masks import RecordedEnvironment
from bff.cli.calling.requests import Pair, WrongCall, screen_call
from bff.cli.calling.run import CallReport, call_screen
from bff.cli.project import compile_or_exit, project_option
from bff.declarations.suggestions import known_names
from bff.errors import SettingsError
from bff.plan.model.composition import CompiledProject, Composition
from bff.secret import Secret
from bff.settings import load_settings
from bff.web.serving.matches import ToComposition
from bff.web.serving.routing import RoutingTable


def _read_params(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> list[Pair]:
    pairs = [text.partition("=") for text in texts]
    for name, sign, text in pairs:
        if not name or not sign:
            raise click.BadParameter(f"'{name or text}' is not NAME=VALUE.")
    return [(name, text) for name, _, text in pairs]


def _read_headers(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> list[Pair]:
    pairs = [text.partition(":") for text in texts]
    if not all(name and sign for name, sign, _ in pairs):
        raise click.BadParameter("a header is 'NAME: VALUE'.")  # the value may be a secret
    return [(name, text.strip(" \t")) for name, _, text in pairs]


@click.command()
@click.argument("name")
@project_option
@click.option(
    "--param",
    "params",
    metavar="NAME=VALUE",
    callback=_read_params,
    multiple=True,
    help="A param of the screen; repeated for a list, JSON for an object.",
)
@click.option(
    "--header",
    "headers",
    metavar="'NAME: VALUE'",
    callback=_read_headers,
    multiple=True,
    help="A header of the caller's request.",
)
@click.option("--claims", metavar="JSON", help="Claims of the caller who is played.")
@click.option("--token", metavar="TOKEN", help="That caller's access token, for the services.")
@click.option("--view", help="A view of the payload.")
@click.option("--yes", is_flag=True, help="Call what writes without asking.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def call(
    name: str,
    project: Path,
    params: list[Pair],
    headers: list[Pair],
    claims: str | None,
    token: str | None,
    view: str | None,
    form: str,
    *,
    yes: bool,
) -> None:
    """Call the composition NAME against the real services. The payload goes to standard output,
    what happened to standard error; with --format json, all of it to standard output. Exit 1 when
    the reply's status is 400 or more."""
    with redirect_stdout(sys.stderr):  # problems, and what a schema module prints
        report = _report(project, name, params, headers, view, (claims, token), yes=yes)
    if form == "json":
        click.echo(as_json(report))
    else:
        _print(report)
    sys.exit(1 if report.status >= 400 else 0)


def _report(
    project: Path,
    name: str,
    params: list[Pair],
    headers: list[Pair],
    view: str | None,
    caller: tuple[str | None, str | None],
    *,
    yes: bool,
) -> CallReport:
    """What came of the call; what keeps it from being made ends the command."""
    try:
        settings = load_settings(os.environ)
        environment = RecordedEnvironment(os.environ, settings.secrets_dir)
        compiled = compile_or_exit(project, environment)
        composition = _named(compiled, name)
        prepared = screen_call(composition, params, headers, view)
        _see_where_it_leads(compiled, composition, prepared.path)
        if composition.writes and not yes:
            _ask(composition)
        played = played_caller(compiled.identity, *caller)
        secrets = [*environment.secrets, *(Secret(token) for token in caller[1:] if token)]
        calling = call_screen(compiled, settings, composition, prepared, secrets, played)
        return asyncio.run(calling)
    except (WrongCall, SettingsError) as error:
        raise click.ClickException(str(error)) from None


def _named(compiled: CompiledProject, name: str) -> Composition:
    compositions = {each.name: each for each in compiled.compositions}
    if name not in compositions:
        raise WrongCall(f"unknown composition '{name}'. {known_names(name, compositions)}")
    return compositions[name]


def _see_where_it_leads(compiled: CompiledProject, composition: Composition, path: str) -> None:
    """Another composition may have the path that the params make, and it may write."""
    match = RoutingTable(compiled.compositions, compiled.routes).match(composition.method, path)
    if not (isinstance(match, ToComposition) and match.name == composition.name):
        led = f"to '{match.name}'" if isinstance(match, ToComposition) else "nowhere"
        raise WrongCall(f"with these params {composition.method} {path} leads {led}")


def _ask(composition: Composition) -> None:
    writes = ", ".join(
        f"{step.operation.name} ({step.operation.method} {step.operation.path_text})"
        for step in composition.steps
        if step.operation.writes
    )
    what = f"{composition.name} writes: {writes}."
    if not sys.stdin.isatty():
        raise WrongCall(f"{what} Nobody can be asked here: --yes calls it")
    click.confirm(f"{what} Call it?", abort=True, err=True)


def _print(report: CallReport) -> None:
    errors = Console(file=sys.stderr, markup=False, highlight=False, emoji=False)
    errors.print(draw_call(report), soft_wrap=True)
    if not report.body:
        return
    if sys.stdout.isatty():
        click.echo(f"\n{payload_text(report.body)}")
    else:
        click.echo(report.body)
