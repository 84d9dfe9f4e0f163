"""`bff serve`: the ASGI edge on granian, in production shape.

One launcher process: it checks the project, starts the embedded Redis where none is given, and
hands its settings to the workers through the environment, which `create_asgi` reads in each.
"""

import os
from pathlib import Path

import click
from granian.constants import Interfaces, Loops
from granian.http import HTTP1Settings
from granian.server import Server

from bff.cache.embedded import start_embedded_redis
from bff.cli.project import compile_or_exit, project_option

_KILL_TIMEOUT_SECONDS = 30  # longer than the longest deadline: requests in flight end first
_HEADER_READ_TIMEOUT_MS = 10_000


@click.command()
@project_option
@click.option("--host", default="127.0.0.1", envvar="BFF_HOST", show_default=True, show_envvar=True)
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, envvar="BFF_PORT",
    show_default=True, show_envvar=True,
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1), default=1, envvar="BFF_WORKERS",
    show_default=True, show_envvar=True,
)  # fmt: skip
@click.option(
    "--backpressure", type=click.IntRange(1), default=4096, envvar="BFF_BACKPRESSURE",
    show_default=True, show_envvar=True, help="Requests in flight, per worker; more wait.",
)  # fmt: skip
def serve(project: Path, host: str, port: int, workers: int, backpressure: int) -> None:
    """Serve the project: compositions and routes at the edge, the rest through Flask."""
    compiled = compile_or_exit(project)
    os.environ["BFF_PROJECT"] = str(project.resolve())
    with start_embedded_redis() as redis:
        if redis.url is not None:
            os.environ["BFF_REDIS_URL"] = redis.url
        click.echo(
            f"{len(compiled.compositions)} compositions at http://{host}:{port},"
            f" cache: {redis.description}",
            err=True,
        )
        Server(
            "bff:create_asgi",
            address=host,
            port=port,
            interface=Interfaces.ASGI,
            factory=True,
            workers=workers,
            loop=Loops.auto,
            backpressure=backpressure,
            backlog=max(1024, backpressure),
            websockets=False,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_READ_TIMEOUT_MS),
            workers_kill_timeout=_KILL_TIMEOUT_SECONDS,
            respawn_failed_workers=True,
            log_access=False,
        ).serve()
