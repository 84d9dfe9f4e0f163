"""The `bff` command; the same group is mounted as `flask bff`."""

import click

from bff import __version__
from bff.cli.check import check
from bff.cli.demo import demo
from bff.cli.plan import plan
from bff.cli.routes import routes
from bff.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bff")
def bff() -> None:
    """A backend-for-frontend gateway: declared screens over REST services."""


for command in (check, plan, routes, serve, demo):
    bff.add_command(command)


def main() -> None:
    """The console script's entry."""
    bff(prog_name="bff")
