"""A worker's process, as the launcher sees it.

Rules:
1. A worker reports on its link: one byte when it serves, or why it can't, and ends then.
2. A worker that reports neither in time is killed.
"""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from contextlib import suppress
from typing import Final

from bff.cli.serving.shares import ConnectionCounts

READY: Final = b"\0"  # no text begins with it
MOST_REPORT_BYTES: Final = 1 << 16


class Worker:
    """A process that serves, or is to. `status` is its exit status, negative for a signal; None
    while it runs. `problem` is why it can't serve, where that is known."""

    def __init__(
        self, process: Process, link: socket.socket, place: int, start_seconds: float
    ) -> None:
        self.place = place
        self.is_ready = False
        self.problem = ""
        self._start_seconds = start_seconds
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
            # Not `wait_for`: Python 3.11's swallows a cancellation that comes with the end.
            async with asyncio.timeout(most_seconds):
                await self.wait()
        except TimeoutError:
            self._send(signal.SIGKILL)
            await self.wait()

    async def _read_link(self) -> bool:
        try:
            async with asyncio.timeout(self._start_seconds):
                await self._read_report()
        except TimeoutError:
            self.problem = f"it does not serve after {self._start_seconds:g} s"
            self._send(signal.SIGKILL)
        except OSError:  # it has ended
            pass
        return self.is_ready

    async def _read_report(self) -> None:
        loop = asyncio.get_running_loop()
        report = b""
        while len(report) < MOST_REPORT_BYTES and (
            received := await loop.sock_recv(self._link, 4096)
        ):
            report += received
            if report == READY:
                self.is_ready = True
                return
        self.problem = report.decode(errors="replace")

    def _send(self, number: signal.Signals) -> None:
        if self.status is None:
            # Not `send_signal` of the process: it may reap it before asyncio does, whose status is
            # 255 then.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


async def start_worker(
    listener: socket.socket,
    counts: ConnectionCounts,
    place: int,
    start_seconds: float,
    metrics: socket.socket | None,
) -> Worker:
    """Start a worker at this place, which serves within `start_seconds`. It has this process's
    environment, and sends its metrics, where there is a socket for them. Raises `OSError`."""
    own, of_worker = socket.socketpair()
    with of_worker:
        descriptors = [listener.fileno(), counts.descriptor, of_worker.fileno()]
        more = [] if metrics is None else [metrics.fileno()]
        try:
            process = await asyncio.create_subprocess_exec(
                # -P: the current folder is not where modules are imported from.
                *(sys.executable, "-P", "-m", "bff.cli.serving.worker"),
                *map(str, (*descriptors, place, *more)),
                pass_fds=descriptors + more,
                # A terminal sends SIGINT to its whole group; the launcher alone ends workers.
                process_group=0,
                env=os.environ,
            )
        except BaseException:
            own.close()
            raise
    own.setblocking(False)
    return Worker(process, own, place, start_seconds)
