"""The opening handshake of a WebSocket, as tables: what is one, and what a service may answer."""

import pytest

from bff.upstream.passthrough.handshake import (
    Disagreement,
    Handshake,
    accept_of,
    agree,
    offers_websocket,
    read_handshake,
)
from bff.upstream.passthrough.passthrough import Refused

Headers = list[tuple[bytes, bytes]]

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 §1.3
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
ORIGIN = b"https://app.example"
PROTOCOL, EXTENSION = b"sec-websocket-protocol", b"sec-websocket-extensions"
DEFLATE = b"permessage-deflate"

REQUEST = {
    b"host": b"gateway.example",
    b"connection": b"Upgrade",
    b"upgrade": b"websocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": KEY,
    b"origin": ORIGIN,
}
ANSWER = {b"upgrade": b"websocket", b"connection": b"Upgrade", b"sec-websocket-accept": ACCEPT}


def changed(base: dict[bytes, bytes], name: bytes, *values: bytes) -> Headers:
    """The headers of `base` with these values of one name."""
    kept = [header for header in base.items() if header[0] != name]
    return [*kept, *((name, value) for value in values)]


def read(headers: Headers, method: str = "GET", version: str = "1.1") -> Handshake | Refused:
    return read_handshake(method, version, headers, {ORIGIN})


def test_whole_handshake_is_read() -> None:
    assert read([*REQUEST.items()]) == Handshake(KEY, (), ())


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        (b"connection", (b"keep-alive, UPGRADE",), Handshake(KEY, (), ())),
        (b"connection", (b"keep-alive", b"upgrade"), Handshake(KEY, (), ())),
        (b"upgrade", (b"WebSocket",), Handshake(KEY, (), ())),
        (b"upgrade", (b"h2c, websocket",), Handshake(KEY, (), ())),
        (b"content-length", (b"0",), Handshake(KEY, (), ())),
        (PROTOCOL, (b"chat.v2, chat.v1",), Handshake(KEY, (b"chat.v2", b"chat.v1"), ())),
        (PROTOCOL, (b"chat.v2", b"chat.v1"), Handshake(KEY, (b"chat.v2", b"chat.v1"), ())),
        (PROTOCOL, (b"a,, b,",), Handshake(KEY, (b"a", b"b"), ())),
        (
            EXTENSION,
            (b'permessage-deflate; client_max_window_bits="10" ; x, permessage-deflate',),
            Handshake(KEY, (), (DEFLATE + b'; client_max_window_bits="10" ; x', DEFLATE)),
        ),
    ],
)
def test_odd_but_right_handshake_is_read(
    name: bytes, values: tuple[bytes, ...], expected: Handshake
) -> None:
    headers = changed(REQUEST, name, *values)
    assert offers_websocket(headers)
    assert read(headers) == expected


@pytest.mark.parametrize(
    ("name", "values", "status"),
    [
        (b"connection", (), 400),
        (b"connection", (b"keep-alive",), 400),
        (b"connection", (b"upgraded",), 400),
        (b"content-length", (b"5",), 400),
        (b"transfer-encoding", (b"chunked",), 400),
        (b"sec-websocket-version", (), 426),
        (b"sec-websocket-version", (b"8",), 426),
        (b"sec-websocket-version", (b"13, 8",), 426),
        (b"sec-websocket-version", (b"013",), 426),
        (b"sec-websocket-version", (b"13", b"13"), 426),
        (b"sec-websocket-key", (), 400),
        (b"sec-websocket-key", (b"",), 400),
        (b"sec-websocket-key", (KEY, KEY), 400),
        (b"sec-websocket-key", (KEY[:-2],), 400),
        (b"sec-websocket-key", (b"dGhlIHNhbXBsZSBub25j",), 400),  # 15 bytes
        (b"sec-websocket-key", (b"dGhlIHNhbXBsZSBub25jZSE=",), 400),  # 17 bytes
        (b"sec-websocket-key", (b"dGhlIHNhbXBsZSBub25jZR==",), 400),  # bits beyond 16 bytes
        (b"sec-websocket-key", (b"dGhlIHNhbXBsZSBub25j_-==",), 400),
        (PROTOCOL, (b"a b",), 400),
        (PROTOCOL, (b"a, a",), 400),
        (PROTOCOL, (b"a", b"a"), 400),
        (PROTOCOL, (b"a;b",), 400),
        (EXTENSION, (b"deflate;",), 400),
        (EXTENSION, (b"deflate; a=",), 400),
        (EXTENSION, (b'deflate; a="b c"',), 400),
        (EXTENSION, (b'deflate; a="b',), 400),
        (EXTENSION, (b"=",), 400),
        (b"origin", (), 403),
        (b"origin", (b"null",), 403),
        (b"origin", (b"",), 403),
        (b"origin", (b"https://app.example.evil",), 403),
        (b"origin", (b"http://app.example",), 403),
        (b"origin", (b"https://app.example:443",), 403),
        (b"origin", (b"https://APP.example",), 403),
        (b"origin", (ORIGIN, ORIGIN), 403),
        (b"origin", (ORIGIN, b"https://evil.example"), 403),
    ],
)
def test_malformed_handshake_is_refused(
    name: bytes, values: tuple[bytes, ...], status: int
) -> None:
    headers = changed(REQUEST, name, *values)
    assert offers_websocket(headers)
    refused = read(headers)
    assert isinstance(refused, Refused)
    assert refused.status == status


@pytest.mark.parametrize(("method", "version"), [("POST", "1.1"), ("HEAD", "1.1"), ("GET", "1.0")])
def test_handshake_by_another_method_or_version_is_refused(method: str, version: str) -> None:
    refused = read([*REQUEST.items()], method, version)
    assert isinstance(refused, Refused)
    assert refused.status == 400


def test_another_version_of_the_protocol_is_told_the_right_one() -> None:
    refused = read(changed(REQUEST, b"sec-websocket-version", b"8"))
    assert isinstance(refused, Refused)
    assert (b"sec-websocket-version", b"13") in refused.headers


@pytest.mark.parametrize("upgrade", [(), (b"h2c",), (b"websocket/13",), (b"websockets",)])
def test_other_upgrade_is_no_handshake(upgrade: tuple[bytes, ...]) -> None:
    assert not offers_websocket(changed(REQUEST, b"upgrade", *upgrade))


def test_service_gets_the_handshake_and_nothing_else() -> None:
    handshake = Handshake(KEY, (b"a", b"b"), (DEFLATE, b"x; y=1"))
    assert handshake.headers() == [
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", KEY),
        (PROTOCOL, b"a, b"),
        (EXTENSION, b"permessage-deflate, x; y=1"),
    ]


def test_key_of_the_standard_has_its_answer() -> None:
    assert accept_of(KEY) == ACCEPT


OFFERED = Handshake(KEY, (b"chat", b"mail"), (DEFLATE + b"; client_max_window_bits", b"x-meter"))


@pytest.mark.parametrize(
    ("name", "values", "passed"),
    [
        (b"upgrade", (b"WebSocket",), []),
        (b"connection", (b"keep-alive, upgrade",), []),
        (b"server", (b"secret",), []),
        (PROTOCOL, (b"mail",), [(PROTOCOL, b"mail")]),
        (EXTENSION, (DEFLATE,), [(EXTENSION, DEFLATE)]),
        (
            EXTENSION,
            (DEFLATE + b"; server_max_window_bits=9", b"x-meter"),
            [(EXTENSION, DEFLATE + b"; server_max_window_bits=9, x-meter")],
        ),
    ],
)
def test_what_was_offered_may_be_agreed_to(
    name: bytes, values: tuple[bytes, ...], passed: Headers
) -> None:
    agreed = agree(OFFERED, changed(ANSWER, name, *values))
    assert agreed == [
        (b"upgrade", b"websocket"),
        (b"connection", b"upgrade"),
        (b"sec-websocket-accept", ACCEPT),
        *passed,
    ]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (b"upgrade", ()),
        (b"upgrade", (b"h2c",)),
        (b"upgrade", (b"websocket, h2c",)),
        (b"connection", ()),
        (b"connection", (b"close",)),
        (b"sec-websocket-accept", ()),
        (b"sec-websocket-accept", (b"",)),
        (b"sec-websocket-accept", (KEY,)),
        (b"sec-websocket-accept", (ACCEPT.lower(),)),
        (b"sec-websocket-accept", (ACCEPT, ACCEPT)),
        (PROTOCOL, (b"Chat",)),
        (PROTOCOL, (b"chat, mail",)),
        (PROTOCOL, (b"chat", b"mail")),
        (PROTOCOL, (b"",)),
        (EXTENSION, (b"x-other",)),
        (EXTENSION, (DEFLATE + b", x-other",)),
        (EXTENSION, (DEFLATE + b";",)),
        (EXTENSION, (b'"',)),
    ],
)
def test_answer_beyond_the_offer_is_none(name: bytes, values: tuple[bytes, ...]) -> None:
    assert isinstance(agree(OFFERED, changed(ANSWER, name, *values)), Disagreement)
