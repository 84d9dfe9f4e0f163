"""What is reported of a crowd: nothing that went wrong may look like a figure."""

import asyncio
import json
from collections import Counter

import pytest

from bench.crowds.client import Answer, ask_at_once, parse_head
from bench.crowds.figures import (
    Cold,
    ColdKind,
    ColdScreen,
    CrowdResults,
    Flood,
    FloodKind,
    Latencies,
    Memory,
    count_how,
    count_wrong,
    latencies,
)
from bench.crowds.stage import expected_screen, screen_path, step_paths
from bench.crowds.verdicts import judge_crowds
from bench.lists.documents import list_bytes

_LATENCIES = Latencies(1.0, 2.0, 3.0)


def answer(value: object, *, status: int = 200, trouble: str = "") -> Answer:
    return Answer("/screens/crowd/7", 0.1, status, {}, json.dumps(value).encode(), trouble)


def test_screen_is_made_of_what_its_steps_are_called_for() -> None:
    screen = expected_screen(screen_path(7))
    for step, path in step_paths(7).items():
        _, _, count, name = path.split("/")
        assert json.loads(list_bytes(int(count), name)) == screen[step]


def test_right_answer_is_not_wrong() -> None:
    assert not count_wrong([answer(expected_screen("/screens/crowd/7"))], expected_screen)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (answer(expected_screen("/screens/crowd/8")), "another screen's values, or none"),
        (answer({}, status=504), "status 504: {}"),
        (answer({}, trouble="no answer within 30 s"), "no answer within 30 s"),
        (Answer("/screens/crowd/7", 0.1, 200, {}, b"{"), "a body that is no JSON"),
    ],
)
def test_wrong_answer_is_reported_with_how_often_it_came(wrong: Answer, reason: str) -> None:
    assert count_wrong([wrong, wrong], expected_screen) == {reason: 2}


def judged(calls: int, launcher_bytes: int, wrong: int) -> list[str]:
    screens = [ColdScreen(_LATENCIES, {"user": 1, "orders": calls}, {})]
    memory = Memory(launcher_bytes, 200_000_000, 150_000_000)
    errors = Counter({"status 504": wrong} if wrong else {})
    flood = Flood(FloodKind(3_000, ("user",), 1.0, 250), [_LATENCIES], memory, 3_000, errors)
    results = CrowdResults(Cold(ColdKind(1_000, 2, 0.2), screens, Counter()), [flood])
    return [each.outcome for each in judge_crowds(results)]


@pytest.mark.parametrize(("calls", "outcome"), [(1, "met"), (2, "missed"), (0, "missed")])
def test_cold_screen_is_met_by_just_one_call_a_step(calls: int, outcome: str) -> None:
    assert judged(calls, 0, 0)[0] == outcome


@pytest.mark.parametrize(
    ("launcher_bytes", "wrong", "outcome"),
    [(50_000_000, 0, "met"), (50_000_001, 0, "missed"), (50_000_000, 1, "missed")],
)
def test_flood_is_met_without_errors_and_within_the_memory_of_both_processes(
    launcher_bytes: int, wrong: int, outcome: str
) -> None:
    assert judged(1, launcher_bytes, wrong)[1] == outcome


def test_latencies_are_those_of_the_slowest_of_so_many() -> None:
    answers = [Answer("/", 1 + number / 1000) for number in range(101)]
    assert latencies(answers, less_seconds=1) == Latencies(
        pytest.approx(50), pytest.approx(99), pytest.approx(100)
    )


@pytest.mark.parametrize(
    ("value", "how"),
    [
        ("bff; fwd=miss; stored; ttl=3600", "miss"),
        ("bff; fwd=miss; collapsed", "collapsed"),
        ("bff; hit; ttl=3599", "hit"),
        ("bff; fwd=bypass", "uncached"),
        ("proxy; hit", "something else"),
        ("", "something else"),
    ],
)
def test_what_the_cache_did_is_read_from_cache_status(value: str, how: str) -> None:
    assert count_how([Answer("/", 0, 200, {"cache-status": value})]) == {how: 1}


def test_names_of_headers_are_read_in_any_case() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCACHE-STATUS: bff; hit"
    assert parse_head(head) == (200, {"content-length": "5", "cache-status": "bff; hit"})


class Scripted(asyncio.Protocol):
    """Answers as a test says, and counts the connections that were open when it was first asked."""

    def __init__(self, counts: dict[str, int], answers: tuple[bytes, ...] | None) -> None:
        self._counts, self._answers = counts, answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._counts["open"] += 1

    def data_received(self, data: bytes) -> None:
        self._counts.setdefault("open at first", self._counts["open"])
        if self._answers is None:
            self._transport.abort()
            return
        for piece in self._answers:
            self._transport.write(piece)


def ask(
    answers: tuple[bytes, ...] | None, clients: int = 1, within_seconds: float = 5
) -> tuple[list[Answer], dict[str, int]]:
    counts = {"open": 0}

    async def run() -> list[Answer]:
        server = await asyncio.get_running_loop().create_server(
            lambda: Scripted(counts, answers), "127.0.0.1", 0
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await ask_at_once(port, ["/"] * clients, within_seconds)

    return asyncio.run(run()), counts


def test_all_connections_are_open_before_anything_is_asked() -> None:
    answers, counts = ask((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",), clients=250)
    assert [each.status for each in answers] == [200] * 250
    assert counts["open at first"] == 250


def test_answer_in_pieces_is_put_together() -> None:
    pieces = (b"HTTP/1.1 200 OK\r\nContent-", b"Length: 6\r\n\r\nabc", b"def")
    ((answered,), _) = ask(pieces)
    assert (answered.body, answered.trouble) == (b"abcdef", "")


def test_broken_connection_is_told() -> None:
    ((answered,), _) = ask(None)
    assert "the connection" in answered.trouble


def test_answer_that_does_not_come_whole_in_time_is_told() -> None:
    cut = (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc",)
    ((answered,), _) = ask(cut, within_seconds=0.05)
    assert answered.trouble == "no answer within 0.05 s"
