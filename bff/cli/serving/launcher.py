"""The launcher of `bff serve`: one process that checks everything, and then starts the workers.

It reads the settings, has a child compile the project, takes the address, and starts the embedded
Redis where none is given; only then it starts the workers, which have the same settings through the
environment. So each mistake is reported once, and before anything runs.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from bff.cli.serving.checks import describe_or_exit
from bff.cli.serving.listening import (
    OF_METRICS,
    is_of_this_machine,
    listen,
    refuse_connections,
    shown,
)
from bff.cli.serving.metrics.collector import MetricsCollector
from bff.cli.serving.metrics.server import MOST_CONNECTIONS, MetricsServer
from bff.cli.serving.processes import Worker, start_worker
from bff.cli.serving.shares import ConnectionCounts
from bff.cli.serving.streams import LinePrinter, print_line
from bff.cli.serving.supervisor import Start, Supervisor
from bff.cli.serving.tls import server_context
from bff.errors import SettingsError
from bff.redis.embedded import RunningRedis, start_embedded_redis
from bff.settings import Settings, describe_ignored, load_settings
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.process import watch_process
from bff.web.logs.log import log_of

_START_SECONDS = 120.0  # for a worker; five thousand compositions take ten
_STOP_SECONDS = 15.0  # for a worker, after its requests at work; views of an app have ten of them
_OPEN_FILES = 1 << 20
_LEAST_BACKLOG = 1024


def launch(environ: dict[str, str]) -> int:
    """Serve until a signal ends it, and return the exit status. Where something is wrong at the
    start, report it and end the process with 1."""
    settings = _settings_or_exit(environ)
    for line in describe_ignored(environ):
        print_line(line)
    _allow_open_files()
    what = describe_or_exit(settings)
    backlog = max(_LEAST_BACKLOG, settings.requests_in_flight)
    with (
        listen(settings.host, settings.port, backlog) as listener,
        listening_for_scrapes(settings) as scrapes,
    ):
        return asyncio.run(_serve(settings, environ, what, listener, scrapes))


async def _serve(
    settings: Settings,
    environ: dict[str, str],
    what: str,
    listener: socket.socket,
    scrapes: socket.socket | None,
) -> int:
    counts = ConnectionCounts.create(2 * settings.workers)
    metrics = Metrics()
    watch_process(metrics, "launcher")
    collector = MetricsCollector(metrics)
    server = MetricsServer(collector.render, settings.metrics_token)
    supervisor = Supervisor(
        _start_of(listener, counts, collector if settings.has_metrics else None),
        settings.workers,
        settings.grace_seconds + _STOP_SECONDS,
        metrics,
        LinePrinter().print,
    )
    log = log_of(settings)
    log.take_library_lines()
    with _running_redis(environ) as redis:
        if redis.url is not None:
            environ["BFF_REDIS_URL"] = redis.url
        os.environ.update(environ)
        scheme = "http" if settings.certfile is None else "https"
        address = f"{scheme}://{shown(settings.host, settings.port)}"
        print_line(f"{what} at {address}, cache: {redis.description}")
        for line in describe_telemetry(settings, address):
            print_line(line)
        if scrapes is not None:
            await server.start(scrapes)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, supervisor.end)
        loop.add_signal_handler(signal.SIGHUP, supervisor.restart)
        status = await supervisor.run()
        refuse_connections(listener)
        listener.close()  # from now on the workers alone have it, and close it when it is empty
        await supervisor.stop()
        server.close()
    log.flush()
    return status


@contextmanager
def listening_for_scrapes(settings: Settings) -> Iterator[socket.socket | None]:
    """The socket of the separate port for metrics, if there is one."""
    host, port = settings.metrics_host, settings.metrics_port
    if port is None:
        yield None
        return
    with listen(host, port, MOST_CONNECTIONS, OF_METRICS) as listener:
        print_line(f"metrics at http://{shown(host, port)}/metrics")
        if settings.metrics_token is None and not is_of_this_machine(listener):
            print_line(
                "BFF_METRICS_HOST: whoever reaches this address may read the metrics. Set"
                " BFF_METRICS_TOKEN, or have them at 127.0.0.1."
            )
        yield listener


def describe_telemetry(settings: Settings, address: str) -> Iterator[str]:
    """Lines that say where metrics are at the gateway's own address, and where traces are sent. The
    gateway of an app may serve its metrics below a prefix."""
    if settings.metrics_token is not None and settings.app is None:
        yield f"metrics at {address}/metrics, with BFF_METRICS_TOKEN"
    if settings.traces is not None:
        yield f"traces to {settings.traces.collector}"


def _start_of(
    listener: socket.socket, counts: ConnectionCounts, collector: MetricsCollector | None
) -> Start:
    """A function that starts a worker, and has its metrics collected where they are on."""

    async def start(place: int) -> Worker:
        with nullcontext() if collector is None else collector.link() as metrics:
            return await start_worker(listener, counts, place, _START_SECONDS, metrics)

    return start


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
        server_context(settings)
        return settings
    except SettingsError as error:
        print_line(error)
        sys.exit(1)
