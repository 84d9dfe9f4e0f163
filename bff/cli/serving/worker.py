"""One worker of `bff serve`: the project, on an event loop and our HTTP/1.1 server.

The launcher starts it as `python -m bff.cli.serving.worker LISTENER COUNTS LINK PLACE [METRICS]`:
three file descriptors, the worker's place in the counts, and the descriptor of a socket for
metrics, where these are on. Rules:

1. It reports on the link that it serves, or why it can't. Until then a signal ends it at once.
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

import uvloop

from bff.cli.serving.apps import load_app
from bff.cli.serving.metrics.link import MetricsLink
from bff.cli.serving.processes import MOST_REPORT_BYTES, READY
from bff.cli.serving.shares import ConnectionCounts, WorkerShare
from bff.cli.serving.tls import server_context
from bff.errors import ProjectError, SettingsError
from bff.settings import Settings, load_settings
from bff.web.applications import create_server
from bff.web.hosts.garbage import sparing_what_stays
from bff.web.hosts.http1.server import Http1Server


def main() -> None:
    """Serve until SIGTERM. Where the project can't be served, report why and end with 1."""
    listener, counts, link, place, *metrics = map(int, sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    launcher = socket.socket(fileno=link)
    threading.Thread(target=_end_with, args=(launcher,), daemon=True).start()
    try:
        # The launcher has described the variables that are ignored.
        settings = load_settings(os.environ)
        app = None if settings.app is None else load_app(settings.app)
        server = create_server(settings=settings, app=app)
        share = ConnectionCounts(counts).share_of(place)
        sockets = (socket.socket(fileno=each) for each in (listener, *metrics))
        uvloop.run(_serve(server, settings, share, launcher, *sockets))
    except (ProjectError, SettingsError) as error:
        launcher.sendall(str(error).encode(errors="replace")[:MOST_REPORT_BYTES])
        sys.stdout.flush()
        os._exit(1)  # at once: threads of an app may go on


def _end_with(launcher: socket.socket) -> None:
    launcher.recv(1)  # nothing is ever sent
    os._exit(1)


async def _serve(
    server: Http1Server,
    settings: Settings,
    share: WorkerShare,
    launcher: socket.socket,
    listener: socket.socket,
    metrics: socket.socket | None = None,
) -> None:
    stopped = asyncio.Event()
    gateway = server.gateway
    log = gateway.log
    log.take_library_lines()
    link = None
    try:
        if metrics is not None:
            link = await MetricsLink.open(gateway.metrics, metrics)
            gateway.render_metrics = link.render
        await server.start(sock=listener, share=share, tls=server_context(settings))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        launcher.send(READY)
        with sparing_what_stays():
            await stopped.wait()
        await server.close(settings.grace_seconds)
        if link is not None:
            await link.close()
    finally:
        log.leave_library_lines()
        log.flush()


if __name__ == "__main__":
    main()
