"""Which headers a pass-through forwards, drops and adds."""

import pytest

from bff.upstream.passthrough.headers import (
    FORWARDED,
    HOP_BY_HOP,
    ClientInfo,
    Framing,
    reply_headers,
    request_headers,
)

CLIENT = ClientInfo("192.0.2.7", "https", "shop.example")
OURS = [
    ("x-request-id", "r1"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-host", "shop.example"),
    ("via", "1.1 bff"),
]


def sent(*received: tuple[str, str]) -> list[tuple[str, str]]:
    """What goes to the service for these received headers."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in received]
    return request_headers(raw, CLIENT, "r1")


def sent_beside_ours(*received: tuple[str, str]) -> list[tuple[str, str]]:
    """The same without what the gateway adds, which must be there unharmed."""
    headers = sent(*received)
    assert headers[-len(OURS) :] == OURS
    return headers[: -len(OURS)]


@pytest.mark.parametrize("name", sorted(FORWARDED))
def test_allowed_header_is_forwarded_with_its_value(name: bytes) -> None:
    header = (name.decode(), "some, value=\xe9")
    assert sent_beside_ours(header) == [header]


def test_order_and_duplicates_are_kept() -> None:
    received = [("range", "bytes=0-1"), ("accept", "a"), ("if-match", '"x"'), ("accept", "b")]
    assert sent_beside_ours(*received) == received


@pytest.mark.parametrize(
    "name",
    [
        *sorted(HOP_BY_HOP),
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "referer",
        "via",
        "x-custom",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "x-request-id",
        "x-user",
        "x-http-method-override",
    ],
)
def test_header_that_is_not_allowed_is_not_forwarded(name: str) -> None:
    assert sent_beside_ours((name, "from the client")) == []


@pytest.mark.parametrize("name", sorted(FORWARDED))
def test_underscore_in_a_name_never_passes_for_a_hyphen(name: bytes) -> None:
    if b"-" in name:
        assert sent_beside_ours((name.replace(b"-", b"_").decode(), "x")) == []


def test_header_named_by_connection_is_not_forwarded() -> None:
    received = [("accept", "a"), ("connection", "close, Accept ,x"), ("origin", "o")]
    assert sent_beside_ours(*received) == [("origin", "o")]
    assert sent_beside_ours(("connection", "x"), ("connection", "range"), ("range", "r")) == []


def test_connection_cannot_name_away_what_the_gateway_adds() -> None:
    names = ", ".join(name for name, _ in OURS)
    assert sent(("connection", names)) == OURS


def test_client_whose_address_or_host_is_unknown_is_not_made_up() -> None:
    headers = request_headers([], ClientInfo(None, "http", None), "r1")
    assert headers == [("x-request-id", "r1"), ("x-forwarded-proto", "http"), ("via", "1.1 bff")]


@pytest.mark.parametrize(
    "name",
    [
        *sorted(HOP_BY_HOP),
        "alt-svc",
        "content-length",
        "server",
        "set-cookie",
        "via",
        "x-accel-redirect",
        "x-accel-buffering",
        "x-powered-by",
        "x-request-id",
        "x-sendfile",
    ],
)
def test_reply_header_that_is_not_for_the_client_is_dropped(name: str) -> None:
    assert reply_headers([(name, "x"), ("etag", '"1"')])[0] == [(b"etag", b'"1"')]


def test_reply_headers_pass_in_order_with_duplicates_and_all_their_bytes() -> None:
    received = [("x-total-count", "7"), ("link", "a"), ("x-b", "caf\xe9"), ("link", "b")]
    assert reply_headers(received)[0] == [
        (b"x-total-count", b"7"),
        (b"link", b"a"),
        (b"x-b", b"caf\xe9"),
        (b"link", b"b"),
    ]


def test_reply_header_named_by_connection_is_dropped() -> None:
    received = [("x-hop", "1"), ("connection", "Keep-Alive, X-Hop"), ("etag", "e")]
    assert reply_headers(received)[0] == [(b"etag", b"e")]


@pytest.mark.parametrize(
    ("received", "framing"),
    [
        ([], Framing(None, None)),
        ([("content-length", "12")], Framing(12, None)),
        ([("content-length", "twelve")], Framing(None, None)),
        ([("content-length", "\xb2")], Framing(None, None)),
        ([("content-length", "9" * 4301)], Framing(None, None)),
        ([("transfer-encoding", "chunked")], Framing(None, "chunked")),
        ([("content-length", "12"), ("transfer-encoding", "chunked")], Framing(None, "chunked")),
        ([("transfer-encoding", "chunked"), ("content-length", "12")], Framing(None, "chunked")),
        (
            [("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")],
            Framing(None, "gzip, chunked"),
        ),
    ],
)
def test_framing_is_told_apart_and_a_transfer_coding_overrides_a_length(
    received: list[tuple[str, str]], framing: Framing
) -> None:
    assert reply_headers(received) == ([], framing)
