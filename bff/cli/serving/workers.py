"""The workers of `bff serve`: granian's processes, which a signal ends at whatever moment it comes.

granian leaves that open while a worker starts: it takes a signal for the launcher's while the
project is loaded; uvloop loses one that comes while the loop does not run; and a worker blocks for
ever on a second one before it listens. So:

1. A worker says when signals are safe. One that has not said so serves nobody: it is killed.
2. From then on a worker is told to end by SIGTERM, once, by the launcher alone.

The launcher itself, which granian lets wait for a `threading.Event`, waits for an `Interrupt`.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import click
from granian.server import MPServer

import bff
from bff.cli.serving.interrupts import Interrupt
from bff.cli.serving.schedulers import answer_at_once
from bff.errors import ProjectError
from bff.settings import Scheduling, load_settings

# How often the loop goes round before signals are safe. It stops at the end of the start-up, which
# is three rounds after that was told, and runs on when granian listens.
_ROUNDS = 10


class WorkerServer(MPServer):
    """granian's own launcher; `says_serving` goes to `load_in_worker`."""

    def __init__(self, target: str, **options: Any) -> None:
        super().__init__(target, **options)
        self.main_loop_interrupt = Interrupt()
        self._serving, self.says_serving = multiprocessing.Pipe(duplex=False)

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop the workers, then exit with the code.

        Who was told to end has not failed, although a worker that the signal reached by itself may
        end before granian tells it to, and granian counts it as failed then.
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
        """A worker that a signal killed is started again. One that ended with a status of its own
        could not start, and the next one could not either. (granian gives up when one worker dies
        twice within 5.5 s, but forgets that when another dies between.)"""
        if any((self.wrks[index].inner.exitcode or 0) > 0 for index in workers):
            self.shutdown(1)
        else:
            super()._respawn_workers(workers, *arguments, **options)
        if self.interrupt_signal:
            self.main_loop_interrupt.set()  # granian has cleared it without looking again


def load_in_worker(says_serving: "Connection[int, int]", scheduling: Scheduling) -> Any:
    """The ASGI edge, which says the process's id to the launcher when signals are safe."""
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
                _settle(says_serving, _ROUNDS)

        return edge(scope, receive, send_and_settle)

    return app


def _let_threads_end_their_turns() -> None:
    """Have this thread, and those that it begins, wait for a busy core rather than take it over.

    A request crosses three threads. Each wakes the next, which would push the one that woke it off
    a core that they share, once for each request; so the work comes in batches, and a core serves
    an eighth more screens, a fifth more from cache.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it
            if os.sched_getscheduler(0) == os.SCHED_OTHER:  # or whoever started us chose another
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _settle(says_serving: "Connection[int, int]", rounds: int) -> None:
    loop = asyncio.get_running_loop()
    if rounds:
        loop.call_soon(_settle, says_serving, rounds - 1)
        return
    # A terminal sends SIGINT to every process: the launcher will tell the workers. granian bears
    # two signals; the third, of a second Ctrl-C, would keep requests in flight from ending.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    says_serving.send(os.getpid())
