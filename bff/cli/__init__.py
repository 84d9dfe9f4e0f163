"""The `bff` command; the same group is mounted as `flask bff`."""

import errno
from importlib import import_module
from typing import Any

import click

from bff.cli.env_file import env_file_option
from bff.version import __version__

_COMMANDS = (
    "new",
    "check",
    "plan",
    "routes",
    "call",
    "serve",
    "purge",
    "keys",
    "dashboard",
    "alerts",
)


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Commands(click.Group):
    """Imports the module of a command when the command runs: each needs a small part of bff. Every
    command has `--env-file`, and says in one line that its output can't be written."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OSError as problem:
            if problem.errno not in _NO_ROOM or problem.filename is not None:
                raise
            raise click.ClickException(f"the output can't be written: {problem.strerror}") from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"bff.cli.{cmd_name}"), cmd_name)
        of_group = command.commands.values() if isinstance(command, click.Group) else (command,)
        for each in of_group:
            if not any(param.name == "env_file" for param in each.params):
                each.params.append(env_file_option())
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bff")
def bff() -> None:
    """A backend-for-frontend gateway: declared screens over REST services."""


def main() -> None:
    """The console script's entry."""
    bff(prog_name="bff")
