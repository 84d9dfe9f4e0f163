"""The workers of `bff serve`: granian's processes, which a signal ends at any moment.

granian does not ensure this while a worker starts. It takes a signal for the launcher's while the
project is loaded; uvloop loses a signal that comes while the loop does not run; a worker blocks for
ever on a second signal before it listens. So:

1. A worker reports when signals are safe. A worker that has not reported serves nobody: it is
   killed.
2. From then on the launcher alone ends a worker, with one SIGTERM.
3. The launcher waits for an `Interrupt`, where granian has it wait for a `threading.Event`.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from typing import Any

import click
from granian.server import MPServer

import bff
from bff.cli.serving.schedulers import answer_at_once
from bff.errors import ProjectError
from bff.settings import Scheduling, load_settings

# The loop's rounds until signals are safe. It stops at the end of the start-up, which is three
# rounds after the message of its end, and runs on when granian listens.
_ROUNDS = 10


class WorkerServer(MPServer):
    """granian's launcher. `serving_reports` is an argument of `load_in_worker`."""

    def __init__(self, target: str, **options: Any) -> None:
        super().__init__(target, **options)
        self.main_loop_interrupt = Interrupt()
        self._serving, self.serving_reports = multiprocessing.Pipe(duplex=False)

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop the workers, then exit with the code.

        A worker that ends after a signal has not failed. granian counts it as failed where the
        signal reaches the worker before granian ends it.
        """
        serving = set()
        while self._serving.poll():
            serving.add(self._serving.recv())
        for worker in self.wrks:
            if worker.inner.pid not in serving:
                worker.kill()  # type: ignore[no-untyped-call]
        try:
            super().shutdown(exit_code)  # type: ignore[no-untyped-call]
        except SystemExit:
            if not self.interrupt_signal:
                raise

    def _respawn_workers(self, workers: list[int], *arguments: Any, **options: Any) -> None:
        """Start a worker again that a signal killed. A worker that ended with a status of its own
        could not start, and the next one could not either. (granian gives up when one worker dies
        twice within 5.5 s, but forgets this when another one dies between.)"""
        if any((self.wrks[index].inner.exitcode or 0) > 0 for index in workers):
            self.shutdown(1)
        else:
            super()._respawn_workers(workers, *arguments, **options)
        if self.interrupt_signal:
            self.main_loop_interrupt.set()  # granian has cleared it without looking again


class Interrupt(threading.Event):
    """An event that a signal's handler may set, whatever the interrupted code does with the event.

    `threading.Event` holds a lock while it is set and when its wait begins and ends. The handler of
    a signal that comes at this moment, as a second Ctrl-C does, would wait for ever for the code
    that it has interrupted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._signals: SimpleQueue[None] = SimpleQueue()  # its `put` is made for handlers

    def is_set(self) -> bool:
        return not self._signals.empty()

    def set(self) -> None:
        self._signals.put(None)

    def clear(self) -> None:
        with suppress(Empty):
            while True:
                self._signals.get_nowait()

    def wait(self, timeout: float | None = None) -> bool:
        with suppress(Empty):
            self._signals.put(self._signals.get(timeout=timeout))
        return self.is_set()


def load_in_worker(serving_reports: "Connection[int, int]", scheduling: Scheduling) -> Any:
    """The ASGI edge, which reports the process's id to the launcher when signals are safe."""
    if scheduling == "batch":
        _let_threads_end_their_turns()
    try:
        # The launcher has described the variables that are ignored.
        edge = bff.create_asgi(settings=load_settings(os.environ))
    except ProjectError as error:  # the launcher has compiled it, but files change
        click.echo(error, err=True)
        sys.exit(1)

    answer_at_once(edge)

    def app(scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] == "http":
            return edge.serve(scope, receive, send)

        async def send_and_settle(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                _settle(serving_reports, _ROUNDS)

        return edge(scope, receive, send_and_settle)

    return app


def _let_threads_end_their_turns() -> None:
    """Have this thread, and the threads that it starts, wait for a busy core.

    A request crosses three threads. Each wakes the next one, which would otherwise push it off a
    core that they share, once for each request. With batches a core serves an eighth more screens,
    a fifth more from cache.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it
            if os.sched_getscheduler(0) == os.SCHED_OTHER:  # or another policy was chosen before
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _settle(serving_reports: "Connection[int, int]", rounds: int) -> None:
    loop = asyncio.get_running_loop()
    if rounds:
        loop.call_soon(_settle, serving_reports, rounds - 1)
        return
    # A terminal sends SIGINT to every process; the launcher ends the workers. granian bears two
    # signals; the third, of a second Ctrl-C, would keep requests in flight from ending.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    serving_reports.send(os.getpid())
