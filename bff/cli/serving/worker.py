"""One worker of `bff serve`: the project, on an event loop and our HTTP/1.1 server.

The launcher starts it as `python -m bff.cli.serving.worker LISTENER COUNTS LINK PLACE`: three file
descriptors and the worker's place in the counts. Rules:

1. It reports on the link when it serves. Until then a signal ends it at once.
2. It ends at once when the link breaks: the launcher is gone, however that ended.
3. SIGTERM ends it: requests in flight are answered first. The launcher alone decides about other
   signals.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Coroutine
from typing import Any

import click

from bff.cli.serving.shares import ConnectionCounts, WorkerShare
from bff.errors import ProjectError, SettingsError
from bff.settings import load_settings
from bff.web.applications import create_server
from bff.web.hosts.garbage import sparing_what_stays
from bff.web.hosts.http1.server import Http1Server

GRACE_SECONDS = 30  # longer than the longest deadline: requests in flight end first
READY = b"1"


def main() -> None:
    """Serve until SIGTERM. Where the project can't be served, report why and end with 1."""
    listener, counts, link, place = map(int, sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    launcher = socket.socket(fileno=link)
    threading.Thread(target=_end_with, args=(launcher,), daemon=True).start()
    try:
        # The launcher has described the variables that are ignored.
        server = create_server(settings=load_settings(os.environ))
        share = ConnectionCounts(counts).share_of(place)
        _run(_serve(server, socket.socket(fileno=listener), share, launcher))
    except (ProjectError, SettingsError) as error:
        click.echo(error, err=True)
        sys.exit(1)


def _end_with(launcher: socket.socket) -> None:
    launcher.recv(1)  # nothing is ever sent
    os._exit(1)


async def _serve(
    server: Http1Server, listener: socket.socket, share: WorkerShare, launcher: socket.socket
) -> None:
    stopped = asyncio.Event()
    log = server.gateway.log
    log.take_library_lines()
    try:
        await server.start(sock=listener, share=share)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        launcher.send(READY)
        with sparing_what_stays():
            await stopped.wait()
        await server.close(GRACE_SECONDS)
    finally:
        log.leave_library_lines()
        log.flush()


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        asyncio.run(main)
    else:
        uvloop.run(main)


if __name__ == "__main__":
    main()
