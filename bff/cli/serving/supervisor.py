"""Starts the workers of `bff serve`, replaces those that die, restarts and stops them.

Rules:
1. A worker that dies is replaced, after a pause that grows with each death in a row; a worker that
   served for a minute ends the row.
2. A worker that can't load the project ends the gateway with 1, at the start and where no other
   worker serves. Otherwise it counts as one that died.
3. A restart starts a successor for each worker, one after the other, and stops the worker when the
   successor serves. A successor that doesn't come to serve ends the restart.
4. At the end each worker ends by SIGTERM, after its requests in flight; one that doesn't serve yet
   is killed, and so is one that takes too long.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import Final

from bff.cli.serving.processes import Worker
from bff.telemetry.metrics.definitions.process import (
    FAILED_RESTARTS,
    WORKER_DEATHS,
    WORKER_RESTARTS,
    WORKERS,
)
from bff.telemetry.metrics.families import Metrics

_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 30.0
_STEADY_SECONDS: Final = 60.0

Start = Callable[[int], Awaitable[Worker]]

_log = logging.getLogger(__name__)


class Supervisor:
    """Runs `count` workers, which `start` starts at places from 0 to 2 · `count` - 1. `show` gets
    a text for people about a worker that can't serve."""

    def __init__(
        self,
        start: Start,
        count: int,
        stop_seconds: float,
        metrics: Metrics,
        show: Callable[[str], None],
    ) -> None:
        self._start = start
        self._show = show
        self._stop_seconds = stop_seconds
        self._current: list[Worker | None] = [None] * count
        self._free_places = set(range(2 * count))
        self._alive: set[Worker] = set()
        self._status = 0
        self._ending = asyncio.Event()
        self._started = asyncio.Event()
        self._restart_wanted = asyncio.Event()
        self._deaths = metrics.counter(WORKER_DEATHS).at()
        self._restarts = metrics.counter(WORKER_RESTARTS).at()
        self._failed_restarts = metrics.counter(FAILED_RESTARTS).at()
        workers = metrics.gauge(WORKERS)
        workers.watch(("ready",), lambda: self._count(is_ready=True))
        workers.watch(("starting",), lambda: self._count(is_ready=False))

    def end(self) -> None:
        """Have `run` stop the workers and return. May be called again."""
        self._ending.set()

    def restart(self) -> None:
        """Restart the workers one by one, once all of them have started."""
        self._restart_wanted.set()

    async def run(self) -> int:
        """Run the workers until `end`, or until none can be run; return the exit status."""
        tasks = [asyncio.create_task(self._keep(slot)) for slot in range(len(self._current))]
        tasks.append(asyncio.create_task(self._restart_when_wanted()))
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait([ending, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (ending, *tasks):
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
        return self._status

    async def stop(self) -> None:
        """Stop all workers, after `run`."""
        await asyncio.gather(*map(self._stop, list(self._alive)))

    async def _keep(self, slot: int) -> None:
        """Keep a worker in the slot."""
        loop = asyncio.get_running_loop()
        deaths = 0
        worker = await self._start_one()
        while True:
            self._current[slot] = worker
            began = loop.time()
            is_ready = await worker.wait_until_ready()
            if all(each is not None and each.is_ready for each in self._current):
                self._started.set()
            status = await self._wait(worker)
            successor = self._current[slot]
            if successor is not None and successor is not worker:
                worker, deaths = successor, 0
                continue
            if status > 0 and not is_ready and not self._serves_without(worker):
                if not self._ending.is_set():  # the others have the same problem
                    self._report(worker)
                    self._status = 1
                    self.end()
                return
            self._deaths[0] += 1
            deaths = 1 if loop.time() - began > _STEADY_SECONDS else deaths + 1
            pause = pause_seconds(deaths)
            self._report(worker)
            _log.warning("%s; another starts in %g s", _described(worker, status), pause)
            await asyncio.sleep(pause)
            worker = await self._start_one()

    def _count(self, *, is_ready: bool) -> float:
        return float(sum(each.is_ready is is_ready for each in self._alive))

    def _serves_without(self, worker: Worker) -> bool:
        """Whether the gateway has started, and serves though this worker can't."""
        return self._started.is_set() and any(
            each.is_ready for each in self._alive if each is not worker
        )

    async def _restart_when_wanted(self) -> None:
        await self._started.wait()
        while True:
            await self._restart_wanted.wait()
            self._restart_wanted.clear()
            await self._restart_all()

    async def _restart_all(self) -> None:
        for slot in range(len(self._current)):
            worker = self._current[slot]
            if worker not in self._alive:  # it died: the next one starts with the new files
                continue
            successor = await self._start_one()
            if not await successor.wait_until_ready():
                why = _described(successor, await self._wait(successor))
                self._report(successor)
                self._failed_restarts[0] += 1
                _log.error("the restart ends here, and the workers before go on: %s", why)
                return
            if worker in self._alive:
                self._current[slot] = successor
                self._restarts[0] += 1
                await self._stop(worker)
            else:
                await self._stop(successor)

    async def _start_one(self) -> Worker:
        place = min(self._free_places)
        self._free_places.discard(place)
        while True:
            try:
                worker = await self._start(place)
            except OSError as error:
                _log.error("no process can be started: %s", error.strerror)
                await asyncio.sleep(_LONGEST_PAUSE_SECONDS)
            else:
                self._alive.add(worker)
                return worker

    def _report(self, worker: Worker) -> None:
        if worker.problem:
            self._show(worker.problem)

    async def _stop(self, worker: Worker) -> None:
        await worker.stop(self._stop_seconds)
        await self._wait(worker)

    async def _wait(self, worker: Worker) -> int:
        """Wait until it ends; return its exit status."""
        status = await worker.wait()
        if worker in self._alive:
            self._alive.discard(worker)
            self._free_places.add(worker.place)
        return status


def pause_seconds(deaths: int) -> float:
    """The pause after so many deaths in a row, from 1."""
    return min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * float(2 ** min(deaths - 1, 10)))


def _described(worker: Worker, status: int) -> str:
    if status >= 0:
        return f"worker {worker.pid} ended with status {status}"
    return f"worker {worker.pid} was ended by {signal.Signals(-status).name}"
