"""The standard streams of `bff serve`: closed, full, or with nobody who reads them any more.

The gateway serves all the same. The log has its own writer (`bff.telemetry.logs.writer`).
"""

import os
import sys
from contextlib import suppress

import click

from bff.telemetry.logs.writer import LogWriter, standard_stream


def open_closed_streams() -> None:
    """Open the null device for each standard stream that is closed. To be called first: the next
    socket would get the stream's number, and the log would be written to it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
            os.set_inheritable(null, True)
            setattr(sys, name, os.fdopen(null, "w" if number else "r"))


def print_line(line: object) -> None:
    """Print a line for people on standard error, if possible. It may wait for the reader of the
    stream, so it is for the start and for commands."""
    with suppress(OSError):
        click.echo(line, err=True)


class LinePrinter:
    """Prints lines for people on standard error, and never waits for the reader of the stream."""

    def __init__(self) -> None:
        self._writer = LogWriter(standard_stream("stderr"), _lost)

    def print(self, line: str) -> None:
        """Print a line soon."""
        self._writer.put_urgent(f"{line}\n".encode(errors="replace"))


def _lost(lines: int) -> bytes:
    return b"%d lines were lost\n" % lines
