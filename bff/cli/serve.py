"""`bff serve`: the gateway on its own HTTP/1.1 server, in production shape."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from bff.cli.project import project_option
from bff.cli.serving.streams import open_closed_streams
from bff.settings import Settings, parse_setting


def _setting_option(name: str, meaning: str) -> Callable[[Any], Any]:
    """An option that replaces its `BFF_` variable, and takes the same values."""
    variable = f"BFF_{name.upper()}"

    def checked(_context: click.Context, _param: click.Parameter, text: str | None) -> str | None:
        if text is not None:
            try:
                parse_setting(variable, text)
            except ValueError as error:
                raise click.BadParameter(str(error)) from None
        return text

    default = getattr(Settings(), name)
    help_text = f"{meaning} [env var: {variable}; default: {default}]"
    option = "--" + name.replace("_", "-")
    return click.option(option, callback=checked, help=help_text)


@click.command()
@project_option
@_setting_option("app", "A Flask app with a gateway mounted, MODULE:NAME; it brings its project.")
@_setting_option("host", "Address to listen at.")
@_setting_option("port", "Port to listen at.")
@_setting_option("workers", "Worker processes.")
@_setting_option("certfile", "PEM file with the certificates to speak TLS with.")
@_setting_option("keyfile", "PEM file with the certificate's key, where the certfile lacks it.")
@_setting_option("requests_in_flight", "Requests in flight, per worker; more get 503.")
def serve(project: Path, **options: str | None) -> None:
    """Serve the project.

    Compositions and routes are served on the event loop, all else through Flask."""
    open_closed_streams()
    given = {f"BFF_{name.upper()}": text for name, text in options.items() if text is not None}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there are workers to restart
    with _signals_end_it():
        # Imported here, because it takes most of a second, in which signals come too.
        from bff.cli.serving.launcher import launch

        status = launch({**os.environ, **given, "BFF_PROJECT": str(project.resolve())})
    sys.exit(status)


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """SIGINT and SIGTERM end the process with 0, at once, until the launcher takes them over; once
    its work is done they are ignored.

    An exception was rejected, since a project's schema module that is being loaded may catch it.
    Nothing is left behind: an embedded Redis ends with the process, in whatever way this ends.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        os._exit(0)

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
