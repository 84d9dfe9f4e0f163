"""A worker in a process of its own, to be killed while it leads.

Run as `python -m tests.support.cache.process <Redis URL> <key>`: it says "leads" once its run has
begun, which never ends.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bff.cache.results import RunResult
from bff.deadline import Deadline
from tests.support.cache.worker import RunningClock, Worker, job


class LeadingProcess:
    """Another worker that leads, until it is killed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def kill(self) -> None:
        """As `kill -9`."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)


@asynccontextmanager
async def leading_process(url: str, key: str) -> AsyncIterator[LeadingProcess]:
    """A process that leads for the key, from now on."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, url, key), stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    leading = LeadingProcess(process)
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"leads\n"
        yield leading
    finally:
        leading.kill()
        await process.wait()


async def _lead(url: str, key: str) -> None:
    async def run(_: Deadline) -> RunResult:
        print("leads", flush=True)
        await asyncio.sleep(60)
        raise AssertionError("nobody killed it")

    async with Worker(url, clock=RunningClock()) as worker:
        await worker.cache.get(job(key, run, deadline=15))


if __name__ == "__main__":
    asyncio.run(_lead(*sys.argv[1:]))
