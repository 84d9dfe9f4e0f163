"""A worker's process, as the launcher sees it."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from contextlib import suppress

from bff.cli.serving.shares import ConnectionCounts


class Worker:
    """A process that serves, or is to. `status` is its exit status, negative for a signal; None
    while it runs."""

    def __init__(self, process: Process, link: socket.socket, place: int) -> None:
        self.place = place
        self.is_ready = False
        self._process = process
        self._link = link
        self._readiness = asyncio.create_task(self._read_link())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        return self._process.returncode

    async def wait_until_ready(self) -> bool:
        """Wait until it serves; False where it ends before."""
        return await asyncio.shield(self._readiness)

    async def wait(self) -> int:
        """Wait until it ends; return its exit status."""
        status = await self._process.wait()
        self._link.close()
        return status

    async def stop(self, most_seconds: float) -> None:
        """End it: after its requests in flight where it serves, at once where it doesn't."""
        self._send(signal.SIGTERM if self.is_ready else signal.SIGKILL)
        try:
            await asyncio.wait_for(self.wait(), most_seconds)
        except TimeoutError:
            self._send(signal.SIGKILL)
            await self.wait()

    async def _read_link(self) -> bool:
        with suppress(OSError):
            self.is_ready = bool(await asyncio.get_running_loop().sock_recv(self._link, 1))
        return self.is_ready

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


async def start_worker(listener: socket.socket, counts: ConnectionCounts, place: int) -> Worker:
    """Start a worker at this place. It has this process's environment. Raises `OSError`."""
    own, of_worker = socket.socketpair()
    with of_worker:
        descriptors = (listener.fileno(), counts.descriptor, of_worker.fileno())
        try:
            process = await asyncio.create_subprocess_exec(
                # -P: the current folder is not where modules are imported from.
                *(sys.executable, "-P", "-m", "bff.cli.serving.worker"),
                *map(str, (*descriptors, place)),
                pass_fds=descriptors,
                # A terminal sends SIGINT to its whole group; the launcher alone ends workers.
                process_group=0,
                env=os.environ,
            )
        except BaseException:
            own.close()
            raise
    own.setblocking(False)
    return Worker(process, own, place)
