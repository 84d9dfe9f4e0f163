"""Everything bad that an upstream can do, in one table, and what a client sees of it.

Of each: the answer is what the table says and tells nothing of the inside; others are served
meanwhile; nothing wrong is stored but for the moment that spares a failing service, so that the
next good reply is asked for, and is the answer.
"""

import gzip
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.gateway.hosts import Answer
from tests.support.gateway.pings import Pings
from tests.support.gateway.screens import Screens
from tests.support.leaks import refuse_leaks
from tests.support.structured_fields import read_list
from tests.support.upstream.products import (
    GOOD,
    HUSHED,
    after_degraded,
    is_complete,
    json_said,
    product_screens,
    product_with,
    said,
)
from tests.support.upstream.wire import Script, WireServer
from tests.support.upstream.wire_scripts import (
    chunk,
    drip,
    flood,
    head,
    never,
    raw,
    reply,
    stall_after,
    then_close,
    then_reset,
)

HTML = f"<!doctype html><title>{HUSHED}</title>".encode()

# The longest that anything else may wait meanwhile. `bff.engine.steps.bodies` states the bounds,
# 45 ms for these bodies; the rest is for machines with few cores and much to do.
LONGEST_WAIT_SECONDS = 1.0

# RFC 9209's error types, by the reason's word.
PROXY_ERRORS = {
    "deadline": "http_response_timeout",
    "disconnected": "connection_terminated",
    "encoded": "http_response_content_coding",
    "incomplete": "http_response_incomplete",
    "invalid": "http_protocol_error",
    "protocol": "http_protocol_error",
    "refused": "connection_refused",
    "status": "http_request_error",
    "timeout": "http_response_timeout",
    "too_large": "http_response_body_size",
}


@dataclass(frozen=True)
class Bad:
    """What the upstream does (None: it refuses connections), and what a client sees of that."""

    script: Script | None
    reason: str = "invalid"
    status: int = 502  # the client's, where the step is required
    received: int | None = 200  # the upstream's, where it is known
    retry_after: str | None = None
    deadline: str = "10s"
    timeout: str = "10s"


def answered(
    status: int, client: int = 502, *headers: tuple[str, str], wait: str | None = None
) -> Bad:
    """A reply with another status than 200, and a body that would do."""
    return Bad(raw(said(status, GOOD, *headers)), "status", client, status, wait)


def in_vain(script: Script, reason: str = "deadline", **more: Any) -> Bad:
    """No whole reply within the time that there is."""
    return Bad(script, reason, 504, None, **({"deadline": "400ms"} | more))


CHUNKED = head(200, [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")])
SOME = said()[:-10]  # all of a reply but its end
MEGABYTES_50 = 50_000_000
ELSEWHERE = ("Location", "/elsewhere")
AFTER_7 = ("Retry-After", "7")

BAD: dict[str, Bad] = {
    # what is no JSON
    "HTML": Bad(reply(200, [("Content-Type", "text/html")], HTML)),
    "HTML that is called JSON": Bad(json_said(HTML)),
    "empty": Bad(json_said(b"")),
    "204": Bad(raw(head(204)), received=204),
    "JSON cut short": Bad(json_said(GOOD[:-5])),
    "two JSON documents": Bad(json_said(GOOD + b"\n" + GOOD)),
    "text that is no UTF-8": Bad(product_with(title='"\xff"')),
    "text that is no UTF-8 where nobody looks": Bad(product_with(cost='"\xff"')),
    "another charset than it says": Bad(
        reply(
            200,
            [("Content-Type", "application/json; charset=ascii")],
            GOOD.replace(b'"title": "', b'"title": "\xe9'),
        )
    ),
    "a charset that nobody knows": Bad(
        reply(
            200,
            [("Content-Type", "application/json; charset=x-own")],
            GOOD.replace(b'"title": "', b'"title": "\xe9'),
        )
    ),
    "NaN": Bad(product_with(price="NaN")),
    "Infinity": Bad(product_with(price="Infinity")),
    "-Infinity": Bad(product_with(price="-Infinity")),
    "1e999": Bad(product_with(price="1e999")),
    "1,000 levels deep": Bad(product_with(title="[" * 1_000 + "]" * 1_000)),
    "1,000 levels deep where nobody looks": Bad(product_with(cost="[" * 1_000 + "]" * 1_000)),
    "200,000 levels deep": Bad(product_with(cost="[" * 200_000 + "]" * 200_000), "too_large"),
    "compressed though nobody asked": Bad(
        json_said(gzip.compress(GOOD), ("Content-Encoding", "gzip")), "encoded"
    ),
    # JSON that breaks the schema
    "list for an object": Bad(json_said(b"[" + GOOD + b"]")),
    "null for an object": Bad(json_said(b"null")),
    "wrong type": Bad(product_with(price='"cheap"')),
    "field that is missing": Bad(json_said(GOOD.replace(b"price", b"prize"))),
    "field that is null": Bad(product_with(title="null")),
    # too much
    "50 MB, as it says": Bad(
        flood(head(200, [("Content-Length", str(MEGABYTES_50))]), MEGABYTES_50), "too_large"
    ),
    "50 MB in chunks": Bad(flood(CHUNKED + b"%x\r\n" % MEGABYTES_50, MEGABYTES_50), "too_large"),
    "50 MB until it closes": Bad(flood(head(200), MEGABYTES_50), "too_large"),
    # another status
    "301": answered(301, 502, ELSEWHERE),
    "302": answered(302, 502, ELSEWHERE),
    "307": answered(307, 502, ELSEWHERE),
    "400": answered(400),
    "401": answered(401, 502),  # the caller sends no credential
    "403": answered(403, 502),
    "404": answered(404, 404),
    "409": answered(409, 409),
    "410": answered(410, 410),
    "422": answered(422, 422),
    "429": answered(429, 429),
    "429 with Retry-After": answered(429, 429, AFTER_7, wait="7"),
    "500": answered(500),
    "503": answered(503),
    "503 with Retry-After": answered(503, 503, AFTER_7, wait="7"),
    "504": answered(504, 504),
    "599": answered(599),
    # connections that end
    "refuses connections": Bad(None, "refused", received=None),
    "closes without a word": Bad(then_close(b""), "disconnected", received=None),
    "resets without a word": Bad(then_reset(b""), "disconnected", received=None),
    "closes in the body": Bad(then_close(SOME), "incomplete", received=None),
    "resets in the body": Bad(then_reset(SOME), "incomplete", received=None),
    "closes between chunks": Bad(then_close(CHUNKED + chunk(GOOD)), "incomplete", received=None),
    "broken chunks": Bad(raw(CHUNKED + chunk(GOOD) + b"zz\r\n\r\n"), "protocol", received=None),
    "no HTTP": Bad(raw(HTML + b"\r\n\r\n"), "protocol", received=None),
    "two lengths": Bad(
        raw(head(200, [("Content-Length", "1"), ("Content-Length", "2")]) + b"{}"),
        "protocol",
        received=None,
    ),
    "switches protocols": Bad(raw(head(101)), "protocol", received=101),
    # time
    "never answers": in_vain(never()),
    "never answers within the call's time": in_vain(
        never(), "timeout", deadline="10s", timeout="400ms"
    ),
    "stops in the head": in_vain(stall_after(SOME[:30])),
    "stops in the body": in_vain(stall_after(SOME)),
    "drips its head": in_vain(drip(b"", SOME, every_seconds=0.05)),
    "drips its body": in_vain(drip(SOME[:-40], SOME[-40:], every_seconds=0.05)),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_reply_is_told_and_not_stored_and_holds_nobody_up(screens: Screens, bad: Bad) -> None:
    refuses = bad.script is None
    with WireServer(bad.script or json_said(GOOD), listening=not refuses) as upstream:
        screen = product_screens(screens, upstream, deadline=bad.deadline, timeout=bad.timeout)
        with Pings(lambda: screen.get("/quick")) as pings:
            asked = [screen.begin(path, x_request_id="1") for path in ("/fail", "/optional")]
            required, optional = [each.result() for each in asked]

        is_problem(required, bad)
        is_degraded(optional, bad)
        for answer in (required, optional):
            tells(answer, bad)
            refuse_leaks(answer, upstream, HUSHED)
        assert {each.target for each in upstream.requests} == (set() if refuses else {"/it"})
        assert pings.longest_seconds < LONGEST_WAIT_SECONDS

        upstream.script = json_said(GOOD)
        if refuses:
            upstream.listen()
        for path in ("/fail", "/optional"):
            is_complete(after_degraded(screen, path), {"fwd": "miss", "stored": True})
            is_complete(screen.get(path), {"hit": True})


def is_problem(answer: Answer, bad: Bad) -> None:
    """The step was required: no payload."""
    assert answer.status == bad.status
    assert answer.header("content-type") == "application/problem+json"
    document = answer.json()
    assert (document["step"], document["reason"]) == ("product", bad.reason)
    assert answer.header("retry-after") == bad.retry_after


def is_degraded(answer: Answer, bad: Bad) -> None:
    """The step was optional: null in the payload, and a warning."""
    assert answer.status == 200
    assert answer.header("content-type") == "application/json"
    warning = {"step": "product", "reason": bad.reason}
    assert answer.json() == {"product": None, "warnings": [warning]}


def tells(answer: Answer, bad: Bad) -> None:
    """Which step failed and why is in the headers; nothing was stored."""
    told: dict[str, object] = {
        "error": PROXY_ERRORS[bad.reason],
        "details": f"product: {bad.reason}",
    }
    if bad.received is not None:
        told["received-status"] = bad.received
    assert read_list(answer.header("proxy-status") or "") == [("bff", told)]
    assert answer.header("cache-status") == "bff; fwd=miss"
