"""Offers of another protocol: which become WebSockets, which are refused, and which are ignored.
Whatever follows the head of an offered WebSocket is never read as a request."""

import json
from pathlib import Path

import pytest

from tests.support.gateway.websockets import (
    KEY,
    ORIGIN,
    answer,
    connected,
    echo,
    handshake,
    live,
    opened,
    switching,
)
from tests.support.upstream.wire_scripts import chunk, head, raw, reply, then_close

BEHIND = b"GET /raw/behind HTTP/1.1\r\nHost: a\r\n\r\n"
OK = reply(body=b"ok")


# ---------------------------------------------------------------------------- the client's side


@pytest.mark.parametrize(
    ("refused", "status", "reason"),
    [
        (handshake(line="POST /live/chat HTTP/1.1"), 400, "bad_handshake"),
        (handshake(line="HEAD /live/chat HTTP/1.1"), 400, None),
        (handshake(line="GET /live/chat HTTP/1.0"), 400, "bad_handshake"),
        (handshake(connection="keep-alive"), 400, "bad_handshake"),
        (handshake(connection=None), 400, "bad_handshake"),
        (handshake(content_length="2") + b"ab", 400, "bad_handshake"),
        (handshake(transfer_encoding="chunked") + b"0\r\n\r\n", 400, "bad_handshake"),
        (handshake(sec_websocket_key=None), 400, "bad_handshake"),
        (handshake(sec_websocket_key="short"), 400, "bad_handshake"),
        (handshake(sec_websocket_protocol="a b"), 400, "bad_handshake"),
        (handshake(sec_websocket_extensions="a;;b"), 400, "bad_handshake"),
        (handshake(sec_websocket_version="8"), 426, "websocket_version"),
        (handshake(sec_websocket_version=None), 426, "websocket_version"),
        (handshake(origin="https://evil.example"), 403, "origin_not_listed"),
        (handshake(origin=None), 403, "origin_not_listed"),
        (handshake(host=None), 400, "bad_host"),
        (handshake("/live/../chat"), 400, "dot_segment"),
    ],
)
def test_malformed_handshake_is_refused_and_nothing_behind_it_is_a_request(
    tmp_path: Path, refused: bytes, status: int, reason: str | None
) -> None:
    with live(tmp_path, OK) as (host, upstream), connected(host) as client:
        client.send(refused + BEHIND)
        answered = client.read_all()
        assert upstream.requests == []
    first, _, body = answered.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nconnection: close" in first
    assert answered.count(b"HTTP/1.1 ") == 1
    if reason is not None:
        assert json.loads(body)["reason"] == reason


def test_answer_to_another_version_names_the_right_one(tmp_path: Path) -> None:
    with live(tmp_path, OK) as (host, _), connected(host) as client:
        client.send(handshake(sec_websocket_version="8"))
        answered = client.read_all()
    assert b"\r\nsec-websocket-version: 13\r\n" in answered
    assert b"\r\nupgrade: websocket\r\n" in answered  # RFC 9110 §15.5.22


def test_handshake_reaches_the_service_as_one_and_its_answer_the_client(tmp_path: Path) -> None:
    extra = [
        ("Sec-WebSocket-Protocol", "b"),
        ("Server", "secret/1.0"),
        ("Set-Cookie", "a=b"),
        ("Sec-WebSocket-Extensions", "x-meter"),
    ]
    with live(tmp_path, raw(answer(KEY, extra))) as (host, upstream), connected(host) as client:
        client.send(
            handshake(
                "/live/chat?room=1",
                sec_websocket_protocol="a, b",
                sec_websocket_extensions="x-meter; deep",
                cookie="a=b",
                http2_settings="x",
            )
        )
        lines = client.read_head().decode().split("\r\n")
        (request,) = upstream.requests
    assert request.line == "GET /chat?room=1 HTTP/1.1"
    sent = dict(request.headers)
    assert (sent["upgrade"], sent["connection"]) == ("websocket", "upgrade")
    assert (sent["sec-websocket-version"], sent["sec-websocket-key"]) == ("13", KEY)
    assert sent["sec-websocket-protocol"] == "a, b"
    assert sent["sec-websocket-extensions"] == "x-meter; deep"
    assert sent["origin"] == ORIGIN
    assert sent["x-forwarded-host"] == "gateway.example"
    assert not {"cookie", "http2-settings", "content-length"} & set(sent)
    assert len(sent) == len(request.headers), "each header once"
    names = sorted(line.partition(":")[0] for line in lines[1:-2])
    assert names == sorted(
        {
            *("connection", "date", "upgrade", "vary", "x-request-id"),
            *("access-control-allow-origin", "access-control-expose-headers"),
            *("sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-protocol"),
            "timing-allow-origin",
        }
    )
    assert "sec-websocket-protocol: b" in lines


# ---------------------------------------------------------------------------- the service's side

SWITCH = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
RIGHT = ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")


@pytest.mark.parametrize(
    "answered",
    [
        head(101, SWITCH),
        head(101, [*SWITCH, ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=")]),
        head(101, [*SWITCH, RIGHT, RIGHT]),
        head(101, [("Connection", "Upgrade"), RIGHT]),
        head(101, [("Upgrade", "websocket"), RIGHT]),
        head(101, [("Upgrade", "h2c"), ("Connection", "Upgrade"), RIGHT]),
        head(101, [*SWITCH, RIGHT, ("Sec-WebSocket-Protocol", "unasked")]),
        head(101, [*SWITCH, RIGHT, ("Sec-WebSocket-Extensions", "permessage-deflate")]),
        head(101, [*SWITCH, RIGHT, ("Content-Length", "0")]),
        head(101, [*SWITCH, RIGHT, ("Transfer-Encoding", "chunked")]),
        head(101, [*SWITCH, RIGHT]).replace(b"HTTP/1.1", b"HTTP/1.0"),
        head(101, [*SWITCH, RIGHT, ("X", "y" * 40_000)]),
        head(101, [*SWITCH, RIGHT, *[("X", "y")] * 120]),
        head(100) * 20,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
        head(200, [("Content-Length", "70000")]),
        head(403, [("Transfer-Encoding", "chunked")]) + chunk(b"x" * 70_000) + chunk(b""),
        head(403, [("Content-Length", "5")]) + b"abc",
    ],
    ids=range(19),
)
def test_answer_that_is_none_is_502_and_the_connection_to_the_service_ends(
    tmp_path: Path, answered: bytes
) -> None:
    with live(tmp_path, then_close(answered)) as (host, upstream), connected(host) as client:
        client.send(handshake() + BEHIND)
        refused = client.read_all()
        upstream.wait_until(lambda server: server.open_connections == 0)
        assert len(upstream.requests) == 1
    assert refused.startswith(b"HTTP/1.1 502 ")
    assert b"\r\nproxy-status: bff; error=" in refused
    assert refused.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("answered", "status", "body"),
    [
        (head(401, [("Content-Length", "2")]) + b"no", 401, b"no"),
        (head(200, [("Content-Length", "2"), *SWITCH]) + b"ok", 200, b"ok"),
        (head(403, [("Transfer-Encoding", "chunked")]) + chunk(b"no") + chunk(b""), 403, b"no"),
        (head(204), 204, b""),
        (head(302, [("Location", "/login"), ("Content-Length", "0")]), 302, b""),
        (head(426, [("Sec-WebSocket-Version", "8"), ("Content-Length", "0")]), 426, b""),
        (head(500, [("Connection", "close")]) + b"until the end", 500, b"until the end"),
    ],
)
def test_refusal_of_the_service_passes_and_the_connection_closes(
    tmp_path: Path, answered: bytes, status: int, body: bytes
) -> None:
    with live(tmp_path, then_close(answered)) as (host, upstream), connected(host) as client:
        client.send(handshake() + BEHIND)
        first, _, rest = client.read_all().partition(b"\r\n\r\n")
        assert len(upstream.requests) == 1
    assert first.startswith(b"HTTP/1.1 %d " % status)
    assert rest == body
    lines = first.decode().lower().split("\r\n")
    assert (f"content-length: {len(body)}" in lines) is (status != 204)
    assert "connection: close" in lines
    assert not [line for line in lines if line.startswith("upgrade:")]


# ---------------------------------------------------------------------------- other upgrades

H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
FROM_JAVA = f"POST /PATH HTTP/1.1\r\nHost: a\r\n{H2C}Content-Length: 5\r\n\r\nhello".encode()


@pytest.mark.parametrize("path", ["/live/x", "/raw/x"])
def test_other_upgrade_is_ignored_and_its_body_is_read(tmp_path: Path, path: str) -> None:
    with live(tmp_path, OK) as (host, upstream), connected(host) as client:
        for _ in range(2):  # on one connection: a client that offers h2c goes on with HTTP/1.1
            client.send(FROM_JAVA.replace(b"/PATH", path.encode()))
            assert client.read_head().startswith(b"HTTP/1.1 200 ")
            assert client.read(2) == b"ok"
        assert [request.body for request in upstream.requests] == [b"hello"] * 2
        for request in upstream.requests:
            assert not {"upgrade", "connection", "http2-settings"} & set(dict(request.headers))


def test_handshake_on_a_route_without_websockets_is_a_plain_request(tmp_path: Path) -> None:
    with live(tmp_path, OK) as (host, upstream), connected(host) as client:
        client.send(handshake("/raw/chat") + BEHIND)
        answered = client.read_all()
        (request,) = upstream.requests
    assert answered.startswith(b"HTTP/1.1 200 ")
    assert answered.endswith(b"\r\n\r\nok")
    sent = {name for name, _ in request.headers}
    assert not [name for name in sent if name.startswith("sec-websocket")]
    assert not sent & {"upgrade", "connection"}


@pytest.mark.parametrize("path", ["/healthz", "/nowhere"])
def test_nothing_behind_a_handshake_elsewhere_is_a_request_either(
    tmp_path: Path, path: str
) -> None:
    with live(tmp_path, OK) as (host, upstream), connected(host) as client:
        client.send(handshake(path) + BEHIND)
        assert client.read_all().count(b"HTTP/1.1 ") == 1
        assert upstream.requests == []


def test_requests_to_the_route_that_are_no_handshakes_pass_as_ever(tmp_path: Path) -> None:
    with live(tmp_path, OK) as (host, upstream):
        for _ in range(2):
            assert host.get("/live/x").body == b"ok"
            assert host.request("POST", "/live/x", body=b"hello").body == b"ok"
        assert [request.body for request in upstream.requests] == [b"", b"hello"] * 2


def test_handshake_and_plain_request_of_one_line_are_told_apart(tmp_path: Path) -> None:
    scripts = {"/chat": switching(echo)}
    with live(tmp_path, scripts) as (host, upstream):
        for _ in range(3):  # the line is remembered
            with opened(host) as client:
                client.send(b"hello")
                assert client.read(5) == b"hello"
            upstream.script = OK
            assert host.get("/live/chat").body == b"ok"
            upstream.script = scripts


def test_handshake_may_follow_another_request_on_its_connection(tmp_path: Path) -> None:
    scripts = {"/chat": switching(echo), "/x": OK}
    with live(tmp_path, scripts) as (host, _), connected(host) as client:
        client.send(b"GET /raw/x HTTP/1.1\r\nHost: a\r\n\r\n" + handshake() + b"early")
        assert client.read_head().startswith(b"HTTP/1.1 200 ")
        assert client.read(2) == b"ok"
        assert client.read_head().startswith(b"HTTP/1.1 101 ")
        assert client.read(5) == b"early"
