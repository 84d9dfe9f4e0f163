"""Replies that are odd and still good: they are taken, and only what the schema has goes out."""

import gzip

import pytest

from tests.support.gateway.screens import Screens
from tests.support.leaks import refuse_leaks
from tests.support.upstream.products import (
    GOOD,
    HUSHED,
    is_complete,
    json_said,
    product_screens,
    product_with,
    said,
)
from tests.support.upstream.wire import Script, WireServer
from tests.support.upstream.wire_scripts import chunked, head, raw, reply, then_close

ODD = {
    "fields that the schema lacks": json_said(GOOD),
    "encoded as itself": json_said(GOOD, ("Content-Encoding", "identity")),
    "created": raw(said(201)),
    "called HTML": reply(200, [("Content-Type", "text/html")], GOOD),
    "called nothing": reply(200, [], GOOD),
    "called JSON of another charset": reply(
        200, [("Content-Type", "application/json; charset=iso-8859-1")], GOOD
    ),
    "byte order mark": json_said(b"\xef\xbb\xbf" + GOOD),
    "UTF-16": json_said(GOOD.decode().encode("utf-16")),
    "half a surrogate pair where nobody looks": product_with(cost='"\\ud800"'),
    "a hint before it": raw(head(103, [("X-Inside", HUSHED)]) + said()),
    "in chunks": chunked([GOOD[:9], GOOD[9:]]),
    "until it closes": then_close(head(200) + GOOD),
    "blanks around it": json_said(b"\r\n\t " + GOOD + b"\r\n\t "),
    "numbers as text": product_with(id='"1"', price='"9.5"'),
    "numbers in other forms": product_with(id="1.0", price="0.95e1"),
    "a key twice": json_said(GOOD.replace(b"{", b'{"id": "no", ', 1)),
    "NaN where nobody looks": product_with(cost="NaN"),
    "1e999 where nobody looks": product_with(cost="1e999"),
}


@pytest.mark.parametrize("script", ODD.values(), ids=ODD.keys())
def test_odd_reply_is_taken_and_only_what_the_schema_has_goes_out(
    screens: Screens, script: Script
) -> None:
    with WireServer(script) as upstream:
        screen = product_screens(screens, upstream)
        for came_about in ({"fwd": "miss", "stored": True}, {"hit": True}):
            answer = screen.get("/fail", x_request_id="1")
            is_complete(answer, came_about)
            refuse_leaks(answer, upstream, HUSHED, "cost")


@pytest.mark.parametrize("compression", ["on", "off"])
def test_compressed_reply_is_taken_where_it_was_asked_for(
    screens: Screens, compression: str
) -> None:
    with WireServer(json_said(gzip.compress(GOOD), ("Content-Encoding", "gzip"))) as upstream:
        screen = product_screens(screens, upstream, compression=compression)
        answer = screen.get("/fail")
        (request,) = upstream.requests
        if compression == "on":
            is_complete(answer, {"fwd": "miss", "stored": True})
            assert request.header("accept-encoding") == "gzip, deflate, br, zstd"
        else:
            assert answer.status == 502
            assert "http_response_content_coding" in (answer.header("proxy-status") or "")
            assert request.header("accept-encoding") == "identity"
