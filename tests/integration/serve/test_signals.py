"""`bff serve` is told to end, at whatever moment."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.gateway.serving import (
    IN_LAUNCHER,
    IN_WORKER,
    Serve,
    Serving,
    command_of,
    gateways,
    on_linux,
    schemas_that,
)
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import json_reply

WAIT_FOR_EVER = """
    pathlib.Path({marker!r}).touch()
    time.sleep(600)
"""

# A worker that starts up on its loop, for ever.
STARTING_UP = """
    import asyncio, uvloop

    async def start_up():
        pathlib.Path({marker!r}).touch()
        await asyncio.sleep(600)

    run = uvloop.run
    uvloop.run = lambda main: run(start_up())
"""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with gateways(tmp_path) as start:
        yield start


endings = pytest.mark.parametrize("end", [Serving.terminate, Serving.press_ctrl_c])


@endings
def test_signal_while_it_serves_ends_it_with_0_and_frees_redis(
    serve: Serve, end: Callable[[Serving], None]
) -> None:
    serving = serve("--workers", "2")
    serving.wait_until_it_answers()
    assert serving.has_redis()
    end(serving)
    serving.assert_ended_well()


@endings
def test_signal_while_the_project_is_compiled_ends_it_with_0(
    serve: Serve, tmp_path: Path, end: Callable[[Serving], None]
) -> None:
    marker = tmp_path / "begun"
    waiting = WAIT_FOR_EVER.format(marker=str(marker))
    write_project(tmp_path, schemas=schemas_that(IN_LAUNCHER, waiting))
    serving = serve()
    serving.wait_for(marker.exists)
    end(serving)
    serving.assert_ended_well()


@on_linux
def test_launcher_that_is_killed_while_the_project_is_compiled_leaves_no_process(
    serve: Serve, tmp_path: Path
) -> None:
    marker = tmp_path / "begun"
    waiting = WAIT_FOR_EVER.format(marker=str(marker))
    write_project(tmp_path, schemas=schemas_that(IN_LAUNCHER, waiting))
    serving = serve()
    serving.wait_for(marker.exists)
    pid = serving.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1
    serving.process.kill()
    serving.process.wait()
    serving.wait_until(lambda: not command_of(int(children[0])))


@endings
@pytest.mark.parametrize("doing", [WAIT_FOR_EVER, STARTING_UP], ids=["loading", "starting up"])
def test_signal_while_a_worker_starts_ends_it_with_0_and_does_not_wait_for_the_worker(
    serve: Serve, tmp_path: Path, doing: str, end: Callable[[Serving], None]
) -> None:
    marker = tmp_path / "begun"
    doing = doing.format(marker=str(marker))
    write_project(tmp_path, schemas=schemas_that(IN_WORKER, doing))
    serving = serve()
    serving.wait_for(marker.exists)
    assert serving.has_redis()
    end(serving)
    serving.assert_ended_well()


@on_linux
def test_signal_that_reached_the_workers_by_itself_ends_the_gateway_with_0(serve: Serve) -> None:
    serving = serve()
    serving.wait_until_it_answers()
    (worker,) = serving.workers()
    serving.process.send_signal(signal.SIGSTOP)  # so that it learns of both at once
    os.kill(worker, signal.SIGTERM)
    serving.wait_for(lambda: command_of(worker) == b"")  # a zombie
    serving.terminate()
    serving.process.send_signal(signal.SIGCONT)
    serving.assert_ended_well()


@on_linux
def test_request_in_flight_is_answered_however_often_ctrl_c_is_pressed(
    serve: Serve, tmp_path: Path
) -> None:
    pressed = threading.Event()

    def slow(exchange: Exchange) -> None:
        pressed.wait(WAIT_BUDGET_SECONDS)
        json_reply('{"id": 1, "first_name": "Ann"}')(exchange)

    with WireServer(slow) as upstream, ThreadPoolExecutor(1) as client:
        service = f"timeout: 10s\n{SHOP_SERVICE.lstrip()}".replace(
            "http://127.0.0.1:9", upstream.url
        )
        write_project(
            tmp_path, {"home": f"deadline: 12s\n{HOME.lstrip()}"}, services={"shop": service}
        )
        serving = serve()
        serving.wait_until_it_answers()
        (worker,) = serving.workers()
        answer = client.submit(serving.host.get, "/home/1")
        serving.wait_for(lambda: len(upstream.requests) == 1)
        for _ in range(4):
            serving.press_ctrl_c()
            serving.wait_for(lambda: not has_pending_signals(worker))
        pressed.set()
        assert answer.result(WAIT_BUDGET_SECONDS).status == 200
        serving.assert_ended_well()


def has_pending_signals(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    (pending,) = (line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd:"))
    return int(pending, 16) != 0
