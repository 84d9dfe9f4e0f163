"""The launcher of `bff serve`: one process that checks everything, and then starts the workers.

It reads the settings, compiles the project, claims the address, and starts the embedded Redis where
none is given; only then granian starts the workers, which `create_asgi` gives the same settings
through the environment. So each mistake is reported once, and before anything runs.
"""

import os
import sys
from functools import partial

import click
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings

from bff.cache.redis.clients import refuse_bad_url
from bff.cache.redis.embedded import RunningRedis, start_embedded_redis
from bff.cli.project import compile_or_exit
from bff.cli.serving.listening import claimed, shown
from bff.cli.serving.server_lines import ServerLines
from bff.cli.serving.workers import WorkerServer, load_in_worker
from bff.errors import SettingsError
from bff.settings import Settings, describe_ignored, load_settings

_KILL_TIMEOUT_SECONDS = 30  # longer than the longest deadline: requests in flight end first
_OPEN_FILES = 1 << 20
_HEADER_READ_TIMEOUT_MS = 10_000
# Of a request's line and headers. granian reads by pieces, and refuses from 48 KiB on, with 431.
_HEAD_BYTES = 32 * 1024
_SERVER_LINES = {"()": ServerLines, "formatter": "generic"}  # instead of granian's handlers


def launch(environ: dict[str, str]) -> None:
    """Serve until a signal ends it. Report what is wrong at the start, and end the process with 1
    then."""
    settings = _settings_or_exit(environ)
    for line in describe_ignored(environ):
        click.echo(line, err=True)
    _allow_open_files()
    compiled = compile_or_exit(settings.project)
    with (
        claimed(settings.host, settings.port) as address,
        _running_redis(environ) as redis,
    ):
        if redis.url is not None:
            environ["BFF_REDIS_URL"] = redis.url
        os.environ.update(environ)
        count = len(compiled.compositions)
        click.echo(
            f"{count} composition{'' if count == 1 else 's'} at"
            f" http://{shown(settings.host, settings.port)}, cache: {redis.description}",
            err=True,
        )
        server = WorkerServer(
            "bff:create_asgi",
            address=address,
            port=settings.port,
            interface=Interfaces.ASGI,
            workers=settings.workers,
            loop=Loops.auto,
            backpressure=settings.backpressure,
            backlog=max(1024, settings.backpressure),
            websockets=False,
            # Cleartext HTTP/2 takes heads of 16 MiB, and no browser speaks it.
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=_HEADER_READ_TIMEOUT_MS, max_buffer_size=_HEAD_BYTES
            ),
            workers_kill_timeout=_KILL_TIMEOUT_SECONDS,
            respawn_failed_workers=True,
            log_access=False,
            log_dictconfig={"handlers": {"console": _SERVER_LINES, "access": _SERVER_LINES}},
        )
        # granian's own loader would put the current folder before all others on the import path.
        load = partial(load_in_worker, server.serving_reports, settings.scheduling)
        server.serve(target_loader=load, wrap_loader=False)


def _allow_open_files() -> None:
    """Allow as many open files as this user may have. Every client and every call takes one, and
    the usual 1,024 are too few for a crowd. The workers inherit the limit."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _running_redis(environ: dict[str, str]) -> RunningRedis:
    """The Redis that workers share, unless Flask-Caching's configuration names another store."""
    backend = environ.get("FLASK_CACHE_TYPE")
    if backend:
        return RunningRedis(None, f"Flask-Caching's {backend}")
    return start_embedded_redis(environ)


def _settings_or_exit(environ: dict[str, str]) -> Settings:
    """The settings. Where some can't be used, print a line for each and end the process with 1."""
    try:
        settings = load_settings(environ)
        if settings.redis_url is not None:
            refuse_bad_url(settings.redis_url)
        return settings
    except SettingsError as error:
        click.echo(error, err=True)
        sys.exit(1)
