"""The upstream of generated projects: what it serves is known, and what it is asked is counted."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bench.crowds.client import Answer, ask_at_once
from bench.lists.documents import ITEM_BYTES, list_bytes, make_list
from bench.lists.project import composition, write_project
from bench.lists.server import Connection, Counts
from bff.plan.compiler.project import compile_project


@pytest.mark.parametrize("name", ["a", "user-1", "products-4999"])
def test_bytes_are_those_of_the_list(name: str) -> None:
    assert json.loads(list_bytes(12, name)) == make_list(12, name)


def test_list_has_the_size_that_it_is_said_to_have() -> None:
    assert len(list_bytes(100, "user-1")) == 100 * ITEM_BYTES + 1


def serve(delay_seconds: float, ask: Callable[[int], Awaitable[list[Answer]]]) -> list[Answer]:
    async def run() -> list[Answer]:
        counts = Counts()
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(counts, delay_seconds), "127.0.0.1", 0
        )
        async with server:
            return await ask(server.sockets[0].getsockname()[1])

    return asyncio.run(run())


def test_calls_are_counted_by_path_and_by_how_many_were_under_way_at_once() -> None:
    async def ask(port: int) -> list[Answer]:
        await ask_at_once(port, ["/lists/1/a", "/lists/1/a", "/lists/2/b"], 5)
        await ask_at_once(port, ["/lists/1/a"], 5)
        return await ask_at_once(port, ["/counts"], 5)

    (counted,) = serve(0.02, ask)
    assert json.loads(counted.body) == {
        "calls": {"/lists/1/a": 3, "/lists/2/b": 1},
        "most_at_once": 3,
    }


def test_call_takes_as_long_as_was_said() -> None:
    (answer,) = serve(0.05, lambda port: ask_at_once(port, ["/lists/3/a"], 5))
    assert json.loads(answer.body) == make_list(3, "a")
    assert answer.seconds >= 0.05


def test_unknown_path_is_not_found() -> None:
    (answer,) = serve(0, lambda port: ask_at_once(port, ["/lists/some/a"], 5))
    assert answer.status == 404


def test_generated_project_compiles(tmp_path: Path) -> None:
    steps = {"user": (3, "user-${params.key}"), "orders": (4, "orders-${params.key}")}
    compositions = {
        "kept": composition("/screens/kept/{key}", steps, ttl="1h"),
        "fixed": composition("/screens/fixed", {"list": (5, "list")}),
    }
    project = write_project(tmp_path, ["http://127.0.0.1:1", "http://127.0.0.2:1"], compositions)
    assert len(compile_project(project).compositions) == 2
