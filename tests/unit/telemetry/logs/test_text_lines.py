"""Lines for people: aligned, bounded, and no text in them acts on a terminal or begins a line."""

import re
from pathlib import Path

import pytest

from bff.engine.values.results import Degradation
from bff.telemetry.logs.events import AuditEntry
from bff.web.http.replies import Account, Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.log import Log
from tests.support.telemetry.log_streams import Recorder
from tests.unit.telemetry.logs.test_lines import HOSTILE

DOCS = Path(__file__).parents[4] / "docs/running.md"
_BEGIN = r"\d\d:\d\d:\d\d\.\d{3}Z "


class Terminal(Recorder):
    def isatty(self) -> bool:
        return True


def text_of(stream: Recorder, *replies: Reply, path: str = "/a") -> list[str]:
    log = Log("info", stream, form="text")
    for reply in replies:
        log.request(GatewayRequest("GET", path, "", ()), reply, 1)
    log.flush()
    return b"".join(stream.pieces).decode("ascii").splitlines()


def test_requests_have_one_aligned_line_each_with_what_failed() -> None:
    failed = Degradation("orders", "timeout", "http_response_timeout", None, "after 2 s")
    hit, degraded, error = text_of(
        Recorder(),
        Reply(200, [], account=Account("", "hit", "ok")),
        Reply(200, [], account=Account("", "miss", "degraded", (), (failed,))),
        Reply(503, [], facts={"error.type": "closing", "bff.broken": "client left"}),
    )

    def line(status: int, cache: str, rest: str = "") -> str:
        return rf"{_BEGIN}{status} +\d+\.\d ms {cache:14} GET    /a{rest}"

    assert re.fullmatch(line(200, "hit"), hit)
    why = "  degraded: orders: timeout: after 2 s"
    assert re.fullmatch(line(200, "miss", why), degraded)
    why = "  broken: client left  error: closing  trace=[0-9a-f]{32}"
    assert re.fullmatch(line(503, "-", why), error)
    assert len({each.index("GET") for each in (hit, degraded, error)}) == 1


def test_lines_that_the_docs_show_are_as_real_ones_are() -> None:
    stream = Recorder()
    late = Degradation("orders", "timeout", "http_response_timeout")
    text_of(stream, Reply(200, [], account=Account("", "hit", "ok")), path="/account/7")
    degraded = Account("", "miss", "degraded", (), (late,))
    text_of(stream, Reply(200, [], account=degraded), path="/account/8")
    log = Log("info", stream, form="text")
    said = {"log.logger": "bff.redis.health"}
    log.event("warning", "bff.library", "redis at cache:6379 answers again", said)
    log.flush()
    shown = DOCS.read_text("utf-8").partition("### For people")[2].split("```\n")[1]
    real = b"".join(stream.pieces).decode()
    assert _shape(shown) == _shape(real)


def _shape(text: str) -> list[str]:
    """Lines without what differs at each run: when it was made, and how long it took."""
    return [re.sub(r"^[\d:.]{12}Z|[ \d]{6}\.\d ms", "…", line) for line in text.splitlines()]


def test_line_says_once_what_failed() -> None:
    refused = Degradation("book", "refused", "connection_refused", None, "Connect call failed")
    facts = {"error.type": "refused", "error.message": "Connect call failed"}
    account = Account("mobile", "miss", "failed", (), (refused,))
    (line,) = text_of(Recorder(), Reply(502, [], facts=facts, account=account))
    why = "  view=mobile  failed: book: refused: Connect call failed  trace="
    assert re.search(rf"/a{why}[0-9a-f]{{32}}$", line)
    stood_in = Account("", "stale_if_error", "ok", (), (refused,))
    (line,) = text_of(Recorder(), Reply(200, [], account=stood_in))
    assert line.endswith("/a  older, since: book: refused: Connect call failed")
    missing = Degradation("book", "status", "http_response_status", 404)
    nowhere = Account("", "miss", "refused", (), (missing,))
    (line,) = text_of(Recorder(), Reply(404, [], account=nowhere))
    assert line.endswith("/a  refused: book: status 404")
    (line,) = text_of(Recorder(), Reply(413, [], facts={"error.type": "a", "error.message": "b"}))
    assert line.endswith("/a  error: a  why: b")


def test_status_and_what_failed_have_colors_on_a_terminal_and_nowhere_else() -> None:
    late = Account("", "miss", "degraded", (), (Degradation("orders", "timeout", "timeout"),))
    assert "\x1b[32m200\x1b[0m" in text_of(Terminal(), Reply(200, []))[0]
    assert "\x1b[31m500\x1b[0m" in text_of(Terminal(), Reply(500, []))[0]
    (line,) = text_of(Terminal(), Reply(200, [], account=late))
    assert line.endswith("  \x1b[33mdegraded: orders: timeout\x1b[0m")
    assert "\x1b" not in text_of(Recorder(), Reply(500, [], account=late))[0]


@pytest.mark.parametrize("text", [*HOSTILE, "\x7f"])
def test_value_neither_begins_a_line_nor_acts_on_a_terminal(text: str) -> None:
    value = f"a{text}12:00:00.000Z b"
    stream = Recorder()
    (line,) = text_of(stream, Reply(500, [], facts={"error.message": value}), path=f"/{value}")
    assert line.isascii()
    assert line.isprintable()
    log = Log("info", stream, form="text")
    log.bug(GatewayRequest("GET", f"/{value}", "", ()), ValueError(value))
    log.audit(AuditEntry("login", value, value, value))
    log.refusal(
        GatewayRequest("GET", f"/{value}", "", ()), Reply(401, [], facts={"error.type": value})
    )
    log.flush()
    lines = b"".join(stream.pieces).decode("ascii").split("\n")[:-1]
    assert all(each.isprintable() for each in lines)
    begun = [each for each in lines if re.match(_BEGIN, each)]
    assert len(begun) == 4
    assert all(each.startswith("    | ") for each in lines if each not in begun)


def test_traceback_is_read_below_its_line() -> None:
    stream = Recorder()
    log = Log("info", stream, form="text")
    try:
        raise ZeroDivisionError("why")
    except ZeroDivisionError as error:
        log.bug(GatewayRequest("GET", "/a", "", ()), error)
    log.flush()
    first, second, *_, last = b"".join(stream.pieces).decode().splitlines()
    assert re.match(_BEGIN + "ERROR    bug: ZeroDivisionError  http.request.method=GET", first)
    assert second == "    | Traceback (most recent call last):"
    assert last == "    | ZeroDivisionError: why"


@pytest.mark.parametrize("text", ["x" * 100_000, "\x85" * 100_000, "\n" * 100_000])
def test_line_is_bounded_whatever_is_in_it(text: str) -> None:
    stream = Recorder()
    text_of(stream, Reply(500, [], facts={"error.message": text, "error.type": text}))
    assert len(b"".join(stream.pieces)) <= 16 * 1024
    stream.pieces.clear()
    log = Log("info", stream, form="text")
    log.bug(GatewayRequest("GET", "/a", "", ()), ValueError(text))
    log.flush()
    assert len(b"".join(stream.pieces)) <= 16 * 1024
