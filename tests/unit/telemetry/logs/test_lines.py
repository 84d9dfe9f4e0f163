"""What a line of the log holds, and what no value in it can do."""

import json
from typing import Any

import pytest

from bff.engine.values.results import Degradation, StepTiming
from bff.telemetry.logs.events import AuditEntry
from bff.telemetry.logs.fields import ECS_VERSION
from bff.telemetry.logs.texts import Facts
from bff.version import __version__
from bff.web.http.replies import Account, Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.json_lines import _target
from bff.web.logs.log import Log
from tests.support.telemetry.log_lines import read_lines
from tests.support.telemetry.log_streams import Recorder, request

_LINE_BYTES = 16 * 1024


def logged(*replies: Reply, path: str = "/a") -> list[bytes]:
    stream = Recorder()
    log = Log("info", stream)
    for reply in replies:
        log.request(request(path), reply, 1)
    log.flush()
    return b"".join(stream.pieces).split(b"\n")[:-1]


def bug(error: BaseException) -> dict[str, Any]:
    stream = Recorder()
    log = Log("info", stream)
    log.bug(request("/a"), error)
    log.flush()
    (line,) = stream.lines()
    assert len(b"".join(stream.pieces)) <= _LINE_BYTES
    return line


# What some readers take for the end of a line, what a terminal obeys, what UTF-8 can't hold.
HOSTILE = (
    "\n",
    "\r",
    "\x1b[2J",
    "\x85",
    "\x9b31m",
    "\u2028",
    "\u2029",
    "\u202e",
    "\ud800",
    "é",
    '"}',
)


@pytest.mark.parametrize("text", HOSTILE)
def test_character_of_a_value_neither_ends_a_line_nor_acts_on_a_terminal(text: str) -> None:
    value = f"a{text}b"
    (line,) = logged(Reply(200, [], facts={"error.message": value}), path=f"/{value}")
    (shared,) = logged(Reply(200, [], facts=Facts({"error.message": value})))
    failed = bug(ValueError(value))
    assert line.isascii()
    assert line.decode().isprintable()
    assert (json.loads(line)["error.message"], json.loads(line)["url.path"]) == (value, f"/{value}")
    assert json.loads(shared)["error.message"] == value
    assert value in failed["error.stack_trace"]


def test_traceback_keeps_its_head_and_its_tail() -> None:
    def descend(depth: int) -> None:
        if depth == 0:
            raise ValueError("at the bottom")
        (descend if depth % 2 else descend_further)(depth - 1)

    def descend_further(depth: int) -> None:
        descend(depth)

    try:
        descend(200)
    except ValueError as error:
        exception = bug(error)["error.stack_trace"]
    assert exception.startswith("Traceback (most recent call last)")
    assert exception.endswith("ValueError: at the bottom\n")
    assert len(exception) == 8 * 1024


@pytest.mark.parametrize("text", ["x" * 100_000, "\x85" * 100_000, "\ud800" * 100_000])
def test_entry_is_bounded_whatever_is_in_it(text: str) -> None:
    assert bug(ValueError(text))["event.dataset"] == "bff.bug"
    facts = {"error.message": text, "bff.failures": [text], "bff.step": "user"}
    (line,) = logged(Reply(200, [], facts=facts))
    assert len(line) < _LINE_BYTES
    (fields,) = read_lines(line)
    assert (fields["bff.step"], fields["http.response.status_code"]) == ("user", 200)
    assert text[:200] in fields["error.message"]


def test_line_of_a_request_whose_many_steps_fail_has_room_for_what_else_is_in_it() -> None:
    names = [f"{number:03}{'x' * 40}" for number in range(300)]
    failures = tuple(Degradation(each, "timeout", "", 504, "d" * 200) for each in names)
    timings = tuple(StepTiming(each, 0.0, 1.0, 1, "failed") for each in names)
    account = Account("", "miss", "degraded", timings, failures)
    (line,) = logged(Reply(200, [], facts={"bff.not_stored": "y" * 5000}, account=account))
    assert len(line) < _LINE_BYTES
    (fields,) = read_lines(line)
    assert f"{names[0]}:timeout" in fields["bff.degraded"][0]
    assert (fields["bff.outcome"], fields["http.response.status_code"]) == ("degraded", 200)


def test_method_and_path_are_cut() -> None:
    stream = Recorder()
    log = Log("info", stream)
    log.request(GatewayRequest("M" * 20_000, "/p" * 20_000, "", ()), Reply(200, []), 1)
    log.flush()
    (line,) = stream.lines()
    assert (line["http.request.method"], line["url.path"]) == ("M" * 32, "/p" * 100)


def test_what_is_cached_of_a_path_is_what_is_written_of_it() -> None:
    for number in range(3):
        logged(Reply(200, []), path="/a" * 100 + str(number) * 30_000)
    hits_before = _target.cache_info().hits
    logged(Reply(200, []), path="/a" * 100 + "another end")
    assert _target.cache_info().hits == hits_before + 1


def test_audit_line_is_written_at_every_level_and_each_value_is_cut() -> None:
    stream = Recorder()
    log = Log("error", stream)
    facts = {"http.request.id": b"r1", "bff.sessions": 3}
    log.audit(AuditEntry("login", "done", "s" * 1000, None, facts))
    refused = GatewayRequest("M" * 99, "/p" * 20_000, "secret", (), client_host="::1")
    log.refusal(refused, Reply(401, [], facts={"error.type": "\ud800\n" + "r" * 1000}))
    log.flush()
    assert b"".join(stream.pieces).count(b"\n") == 2
    assert b"secret" not in b"".join(stream.pieces)
    login, refusal = stream.lines()
    assert login.pop("@timestamp")
    assert login == {
        "log.level": "info", "message": "login", "ecs.version": ECS_VERSION,
        "event.dataset": "bff.audit", "event.kind": "event", "event.category": ["authentication"],
        "event.type": ["start"], "event.action": "login", "event.outcome": "success",
        "user.id": "s" * 199 + "…", "http.request.id": "r1", "bff.sessions": 3,
        "service.name": "bff", "service.version": __version__,
    }  # fmt: skip
    assert (refusal["event.action"], refusal["http.response.status_code"]) == ("refusal", 401)
    assert (refusal["client.ip"], len(refusal["event.reason"])) == ("::1", 200)
    assert (refusal["http.request.method"], len(refusal["url.path"])) == ("M" * 32, 200)
    assert "user.id" not in refusal


def test_audit_line_that_can_not_be_made_is_counted_and_ends_nothing() -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError

    stream = Recorder()
    log = Log("error", stream)
    log.audit(AuditEntry("purge", "done", None, None, {"bff.tags": Broken()}))
    log.audit(AuditEntry("purge", "done", None, None))
    log.flush()
    assert [line["event.dataset"] for line in stream.lines()] == ["bff.lost", "bff.audit"]
