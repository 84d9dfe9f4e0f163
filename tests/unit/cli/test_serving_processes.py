"""How the launcher learns of a worker whether it serves."""

import asyncio
import socket
from pathlib import Path

import pytest

from bff.cli.serving.processes import Worker, start_worker
from bff.cli.serving.shares import ConnectionCounts
from tests.support.gateway.serving import IN_WORKER, on_linux, schemas_that
from tests.support.projects import write_project

pytestmark = on_linux


async def outcome(start_seconds: float) -> tuple[bool, int, str]:
    """Whether a worker comes to serve, its exit status, and its problem."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = await start_worker(listener, ConnectionCounts.create(1), 0, start_seconds, None)
        is_ready = await worker.wait_until_ready()
        if is_ready:
            await worker.stop(10)
        return is_ready, await worker.wait(), worker.problem


@pytest.mark.parametrize(
    ("what", "start_seconds", "expected"),
    [
        ("    pass", 60, (True, 0, "")),
        ("    time.sleep(600)", 1, (False, -9, "it does not serve after 1 s")),
        ("    sys.exit('gone')", 60, (False, 1, "schemas/shop.py:3:1: SystemExit: gone.")),
    ],
    ids=["serves", "hangs", "ends"],
)
def test_worker_serves_or_has_a_problem(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    start_seconds: float,
    expected: tuple[bool, int, str],
) -> None:
    write_project(tmp_path, schemas=schemas_that(IN_WORKER, what))
    monkeypatch.setenv("BFF_PROJECT", str(tmp_path))
    is_ready, status, problem = asyncio.run(outcome(start_seconds))
    assert (is_ready, status) == expected[:2]
    assert expected[2] in problem


class EndingProcess:
    """A process whose end the test decides."""

    pid = 1 << 30  # nobody's
    returncode: int | None = None

    def __init__(self) -> None:
        self.end = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        return await self.end


def test_stop_that_is_cancelled_as_the_worker_ends_is_cancelled() -> None:
    """Else a restart would go on while the gateway ends, and the gateway never would."""

    async def scene() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            process = EndingProcess()
            worker = Worker(process, ours, 0, start_seconds=10)  # type: ignore[arg-type]
            stopping = asyncio.create_task(worker.stop(10))
            await asyncio.sleep(0)
            process.end.set_result(0)
            stopping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await stopping
            theirs.close()
            assert not await worker.wait_until_ready()

    asyncio.run(scene())
