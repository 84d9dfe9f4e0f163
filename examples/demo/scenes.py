"""How the demo looks: a scene for each act, tables of the acts and the callers, what to try next.

Rich renderables from measured values; nothing here calls anything.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.highlighter import JSONHighlighter
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bff.cli.calling.waterfall import draw_track, draw_waterfall
from examples.demo.callers import AttemptResult
from examples.demo.numbers import Numbers
from examples.demo.processes import DemoServers
from examples.demo.show import ACTS, Act, ActResult

_TRACK_WIDTH = 66
_SIZE_WIDTH = 55
_PAYLOAD_LINES = 10
_PAYLOAD_WIDTH = 98
_DIM = "bright_black"


def draw_scene(result: ActResult) -> RenderableType:
    """One act: the request, its waterfall, its sizes, the second call, the payload's beginning."""
    act = result.act
    status = (str(result.first.status), "green" if result.first.status < 400 else "bold red")
    request = Text.assemble((act.method, "green"), " ", (act.target, "bold"), "  →  ", status)
    parts: list[RenderableType] = [
        Text(),
        Rule(Text(act.title, style="bold"), align="left", style=_DIM, characters="─"),
        request,
        Text(),
        draw_waterfall(result.waterfall, _TRACK_WIDTH),
        _tempo(result),
        Text(),
        _sizes(result),
        _second_call(result),
        Text(),
        _payload(result.first.body),
    ]
    parts += [Text(f"✗ {failure}", style="bold red") for failure in result.failures]
    return Padding(Group(*parts), (0, 1))


def draw_summary(show: Sequence[ActResult]) -> RenderableType:
    """Every act in one table."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style=_DIM)
    table.add_column("")
    table.add_column("composition", no_wrap=True)
    for heading in ("calls", "one by one", "took", "from cache", "upstream", "payload", "mobile"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in show:
        broken = f", {result.act.broken} failing" if result.act.broken else ""
        table.add_row(
            Text("✗", style="red") if result.failures else Text("✓", style="green"),
            Text.assemble((result.act.composition, "bold"), (broken, _DIM)),
            str(result.upstream_requests),
            f"{result.waterfall.calls_ms:.0f} ms",
            f"{result.first.took_ms:.0f} ms",
            f"{result.again.took_ms:.1f} ms" if result.again else "",
            _kilobytes(result.upstream_bytes),
            _kilobytes(len(result.first.body)),
            _kilobytes(len(result.mobile.body)) if result.mobile else "",
        )
    title = Rule(Text("All of it", style="bold"), align="left", style=_DIM, characters="─")
    return Padding(Group(Text(), title, table), (0, 1))


def draw_attempts(tried: Sequence[AttemptResult]) -> RenderableType:
    """Each caller's request, and what came of it."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style=_DIM)
    for heading, width in (("", 1), ("caller", 24), ("GET", 21), ("", 3), ("", 41)):
        table.add_column(heading, width=width, no_wrap=True)
    for result in tried:
        table.add_row(
            Text("✗", style="red") if result.failure else Text("✓", style="green"),
            Text(result.attempt.who, style="bold"),
            result.attempt.target,
            Text(str(result.status), style="green" if result.status < 400 else "yellow"),
            Text(result.said, style=_DIM),
        )
    title = Rule(Text("Who may ask", style="bold"), align="left", style=_DIM, characters="─")
    return Padding(Group(Text(), title, table), (0, 1))


def draw_numbers(numbers: Numbers, address: str) -> RenderableType:
    """What the show cost, and where all of the gateway's numbers are."""
    step, seconds = numbers.slowest
    degraded = ", ".join(f"{name} {count} ×" for name, count in numbers.degraded.items())
    share = f"{numbers.from_cache / max(numbers.requests, 1):.0%}".replace("%", " %")
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_row(Text("from the cache", "bold"), f"{share} of {numbers.requests} requests")
    table.add_row(Text("slowest step", "bold"), f"{step}, {seconds * 1000:.0f} ms on average")
    table.add_row(Text("degraded by", "bold"), degraded or "nothing")
    table.add_row(Text("all numbers", "bold"), address)
    title = Rule(Text("What it cost", style="bold"), align="left", style=_DIM, characters="─")
    return Padding(Group(Text(), title, table), (0, 1))


def draw_addresses(running: DemoServers, user: Mapping[str, str]) -> RenderableType:
    """What to try while it stays up; to be printed with `soft_wrap`, so that lines copy whole.
    `user` are the headers of somebody who is logged in."""
    orders = running.services["orders"]
    partner = {"X-Api-Key": running.partner_key}
    home, checkout = ACTS[0], next(act for act in ACTS if act.method == "POST")
    examples = [
        ("A screen, with its headers", _curl(running, home, user)),
        ("Trimmed for a phone", f"curl '{running.gateway}/screens/products/5?view=mobile'"),
        ("A checkout", _curl(running, checkout, user)),
        ("Bad params, all named", f"curl '{running.gateway}/search?q=a&limit=many'"),
        ("A partner, up to the limit", _request(f"{running.gateway}/partner/offers", partner)),
        ("Nobody", f"curl -i '{running.gateway}{home.target}'"),
        ("Make the orders service slow", _switch(orders, '{"delay_ms": 2000}')),
        ("… or fail", _switch(orders, '{"fail": 503}')),
        ("… and mend it", _switch(orders, '{"delay_ms": 55, "fail": null}')),
    ]
    parts: list[RenderableType] = [
        Text(),
        Rule(Text("Try it", style="bold"), align="left", style=_DIM, characters="─"),
        Text(" # In a browser: log in as jana, with the password jana", style=_DIM),
        Text(f" {running.gateway}/app/"),
    ]
    for title, command in examples:
        parts += [Text(f" # {title}", style=_DIM), Text(f" {command}")]
    return Group(*parts)


def _tempo(result: ActResult) -> Text:
    waterfall = result.waterfall
    text = Text(f"{waterfall.total_ms:.0f} ms", style="bold")
    if waterfall.most_at_once > 1:
        text.append(
            f" instead of {waterfall.calls_ms:.0f} ms one by one, "
            f"{waterfall.most_at_once} steps at once",
            style="not bold",
        )
    elif len(waterfall.bars) > 1:
        text.append(", one step after the other", style="not bold")
    calls = result.upstream_requests
    text.append(f", {calls} upstream request{'' if calls == 1 else 's'}", style="not bold")
    return text


def _sizes(result: ActResult) -> Table:
    sizes = [("upstream replies", result.upstream_bytes, "magenta")]
    sizes.append(("payload", len(result.first.body), "green"))
    if result.mobile is not None:
        sizes.append(("view mobile", len(result.mobile.body), "green"))
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(style="bold", no_wrap=True, min_width=16)
    table.add_column(width=_SIZE_WIDTH, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    largest = max(size for _, size, _ in sizes)
    for name, size, style in sizes:
        share = f"{100 * size / result.upstream_bytes:.0f} %" if result.upstream_bytes else ""
        track = draw_track(0, size, largest, _SIZE_WIDTH, style)
        table.add_row(name, track, _kilobytes(size), Text(share, style=_DIM))
    return table


def _second_call(result: ActResult) -> Text:
    if result.again is None:
        proxy_status = result.first.headers.get("proxy-status")
        if proxy_status is not None:
            return Text.assemble(("Proxy-Status: ", "bold"), (proxy_status, "yellow"))
        return Text.assemble(("second call       ", "bold"), ("a write is never cached", _DIM))
    return Text.assemble(
        ("second call       ", "bold"),
        (f"{result.again.took_ms:.1f} ms", "bold green"),
        f" instead of {result.first.took_ms:.0f} ms   ",
        ("Cache-Status: ", _DIM),
        (result.again.headers.get("cache-status", "none"), "green"),
    )


def _payload(body: bytes) -> Text:
    try:
        lines = list(_json_lines(json.loads(body), "", ""))
    except ValueError:
        lines = body.decode("utf-8", errors="replace").splitlines()
    text = Text("\n".join(lines[:_PAYLOAD_LINES]), no_wrap=True, overflow="ellipsis")
    JSONHighlighter().highlight(text)
    if len(lines) > _PAYLOAD_LINES:
        text.append(f"\n… {len(lines) - _PAYLOAD_LINES} more lines", style=_DIM)
    return text


def _json_lines(value: Any, indent: str, before: str, after: str = "") -> Iterator[str]:
    """JSON text with everything on one line that fits on one, so that the beginning shows much."""
    line = f"{indent}{before}{json.dumps(value, ensure_ascii=False)}{after}"
    if len(line) <= _PAYLOAD_WIDTH or not isinstance(value, list | dict):
        yield line
        return
    if isinstance(value, dict):
        inner = [(f"{json.dumps(key, ensure_ascii=False)}: ", part) for key, part in value.items()]
    else:
        inner = [("", part) for part in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield f"{indent}{before}{opening}"
    for index, (name, part) in enumerate(inner, start=1):
        yield from _json_lines(part, f"{indent}  ", name, "," if index < len(inner) else "")
    yield f"{indent}{closing}{after}"


def _kilobytes(size: int) -> str:
    return f"{size / 1000:.1f} kB"


def _curl(running: DemoServers, act: Act, user: Mapping[str, str]) -> str:
    headers = {**user, **act.headers}
    if act.body is None:
        return _request(f"{running.gateway}{act.target}", headers)
    headers["Content-Type"] = "application/json"
    return _request(f"{running.gateway}{act.target}", headers, "-d", json.dumps(act.body))


def _request(url: str, headers: Mapping[str, str], *options: str) -> str:
    named = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    return shlex.join(["curl", "-i", *named, *options, url])


def _switch(address: str, switches: str) -> str:
    return shlex.join(["curl", "-d", switches, f"{address}/_switch"])
