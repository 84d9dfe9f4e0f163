"""How a call is shown: as text for people, or as one JSON object for programs. Prints nothing."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bff.cli.calling.masks import printable
from bff.cli.calling.run import CallReport, Failure, SentRequest
from bff.cli.calling.waterfall import draw_waterfall

_TRACK_WIDTH = 40
_DIM = "bright_black"
_MOST_LINES = 50  # of requests; JSON has all
_SHOWN_HEADERS = ("cache-status", "proxy-status", "location", "retry-after")


def draw_call(report: CallReport) -> RenderableType:
    """What happened, but for the payload; to be printed with `soft_wrap`, so that lines copy
    whole."""
    style = "green" if report.status < 400 else "bold red"
    head = Text.assemble(
        (report.method, "green"), " ", (printable(report.target), "bold"), "  →  ",
        (str(report.status), style), f"  in {report.duration_ms:.0f} ms",
    )  # fmt: skip
    parts: list[RenderableType] = [head]
    if report.waterfall.bars:
        parts += [Text(), draw_waterfall(report.waterfall, _TRACK_WIDTH)]
    parts += [Text(), *_requests(report)]
    shown = [(name, report.headers[name]) for name in _SHOWN_HEADERS if name in report.headers]
    parts += [Text.assemble((f"{name.title()}: ", _DIM), printable(value)) for name, value in shown]
    for failure in report.failures:
        parts += [Text(), *_failure(failure)]
    for join, count in report.ambiguous.items():
        repeated = "a key of its source comes" if count == 1 else f"{count} keys of its source come"
        said = f": {repeated} more than once, and the first one counts"
        parts += [Text(), Text.assemble(("! ", "bold yellow"), (f"join {join}", "bold"), said)]
    return Group(*parts)


def payload_text(body: bytes) -> str:
    """A payload for a terminal: laid out, and without characters that it obeys."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        text = body.decode("utf-8", errors="replace")
    return "\n".join(map(printable, text.split("\n")))


def as_json(report: CallReport) -> str:
    """All of it as one object, in ASCII: `payload` is the reply's body."""
    try:
        payload: Any = json.loads(report.body) if report.body else None
    except ValueError:
        payload = report.body.decode("utf-8", errors="replace")
    found = {
        "composition": report.composition,
        "method": report.method,
        "target": report.target,
        "status": report.status,
        "duration_ms": round(report.duration_ms, 3),
        "headers": dict(report.headers),
        "steps": [asdict(bar) for bar in report.waterfall.bars],
        "requests": [_rounded(asdict(each)) for each in report.requests],
        "from_cache": list(report.stored),
        "failures": [asdict(each) for each in report.failures],
        "ambiguous_matches": dict(report.ambiguous),
        "payload": payload,
    }
    return json.dumps(found, indent=2)


def _rounded(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in fields.items()
    }


def _requests(report: CallReport) -> Iterable[Text]:
    """A line for each request to a service: what, where, status, time, bytes, what it says of
    storing the reply."""
    if not report.requests:
        yield Text("no request to a service", style=_DIM)
    width = max((len(each.method) + len(each.url) + 1 for each in report.requests), default=0)
    for each in report.requests[:_MOST_LINES]:
        target = f"{each.method} {each.url}".ljust(min(width, 72))
        size = f"{each.size_bytes} B" if each.status is not None else ""
        line = Text.assemble(
            target, "  ", _came_to(each), f"  {each.duration_ms:5.0f} ms  {size:>9}",
            (f"  {each.caching}", _DIM),
        )  # fmt: skip
        line.rstrip()
        yield line
    if (more := len(report.requests) - _MOST_LINES) > 0:
        yield Text(f"… and {more} more; --format json has all", style=_DIM)
    for step in report.stored:
        yield Text.assemble((step, "bold"), "  its reply came from the cache")


def _came_to(each: SentRequest) -> tuple[str, str]:
    if each.reason or each.status is None:
        return each.reason, "red"
    return str(each.status), "green" if each.status < 400 else "red"


def _failure(failure: Failure) -> Iterable[Text]:
    status = "" if failure.status is None else f" {failure.status}"
    yield Text.assemble(("✗ ", "bold red"), (failure.what, "bold"), f": {failure.reason}{status}")
    if failure.detail:
        yield Text(f"  {failure.detail}")
    if failure.words:
        yield Text.assemble(("  the service's own words: ", _DIM), failure.words)
