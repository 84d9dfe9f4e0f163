"""Which headers a pass-through forwards, drops and adds."""

import pytest

from bff import header_names
from bff.upstream.passthrough.headers import ClientInfo, RouteHeaders
from tests.support.upstream.routes import KEEPING, STRIPPING, declared_route

Header = tuple[bytes, bytes]

HEADERS = RouteHeaders(STRIPPING, ["http://inner.test:9102"])
FORWARDED = {name.encode() for name in header_names.FORWARDED}
HOP_BY_HOP = {name.encode() for name in header_names.HOP_BY_HOP}
CLIENT = ClientInfo(b"192.0.2.7", b"https", b"shop.example")
OURS = [
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-for", b"192.0.2.7"),
    (b"x-forwarded-host", b"shop.example"),
    (b"x-forwarded-prefix", b"/raw/orders"),
    (b"via", b"1.1 bff"),
]


def sent(*received: Header) -> list[Header]:
    """What goes to the service for these received headers."""
    return HEADERS.to_service(received, CLIENT)


def sent_beside_ours(*received: Header) -> list[Header]:
    """The same without what the gateway adds, which must be there unharmed."""
    headers = sent(*received)
    assert headers[-len(OURS) :] == OURS
    return headers[: -len(OURS)]


@pytest.mark.parametrize("name", sorted(FORWARDED))
def test_allowed_header_is_forwarded_with_its_value(name: bytes) -> None:
    header = (name, b"some, value=\xe9 \xc3\xa9")
    assert sent_beside_ours(header) == [header]


def test_order_and_duplicates_are_kept() -> None:
    received = [
        (b"range", b"bytes=0-1"),
        (b"accept", b"a"),
        (b"if-match", b'"x"'),
        (b"accept", b"b"),
    ]
    assert sent_beside_ours(*received) == received


@pytest.mark.parametrize(
    "name",
    [
        *sorted(HOP_BY_HOP),
        b"content-length",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"http2-settings",
        b"referer",
        b"via",
        b"x-custom",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-real-ip",
        b"x-request-id",
        b"x-user",
        b"x-http-method-override",
    ],
)
def test_header_that_is_not_allowed_is_not_forwarded(name: bytes) -> None:
    assert sent_beside_ours((name, b"from the client")) == []


@pytest.mark.parametrize("sign", [b"_", b"."])
@pytest.mark.parametrize("name", sorted(each for each in FORWARDED if b"-" in each))
def test_name_with_another_sign_for_its_hyphen_is_not_forwarded(name: bytes, sign: bytes) -> None:
    assert sent_beside_ours((name.replace(b"-", sign), b"x")) == []


def test_header_named_by_connection_is_not_forwarded() -> None:
    received = [(b"accept", b"a"), (b"connection", b"close, Accept ,x"), (b"origin", b"o")]
    assert sent_beside_ours(*received) == [(b"origin", b"o")]
    assert (
        sent_beside_ours((b"connection", b"x"), (b"connection", b"range"), (b"range", b"r")) == []
    )


def test_connection_cannot_name_away_what_the_gateway_adds() -> None:
    names = b", ".join(name for name, _ in OURS)
    assert sent((b"connection", names)) == OURS


def test_client_whose_address_or_host_is_unknown_is_not_made_up() -> None:
    headers = HEADERS.to_service([], ClientInfo(None, b"http", None))
    assert headers == [
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-prefix", b"/raw/orders"),
        (b"via", b"1.1 bff"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        *sorted(HOP_BY_HOP),
        b"alt-svc",
        b"content-length",
        b"server",
        b"set-cookie",
        b"via",
        b"x-accel-redirect",
        b"x-accel-buffering",
        b"x-powered-by",
        b"x-request-id",
        b"x-sendfile",
    ],
)
def test_reply_header_that_is_not_for_the_client_is_dropped_however_its_hyphens_are_written(
    name: bytes,
) -> None:
    for sign in (b"-", b"_", b"."):
        received = [(name.replace(b"-", sign), b"x"), (b"etag", b'"1"')]
        assert HEADERS.to_client(received)[0] == [(b"etag", b'"1"')]


def test_reply_headers_pass_in_order_with_duplicates_and_all_their_bytes() -> None:
    received = [
        (b"x-total-count", b"7"),
        (b"link", b"a"),
        (b"x_b", b"caf\xe9 \xc3\xa9"),
        (b"link", b"b"),
    ]
    assert HEADERS.to_client(received)[0] == received


def test_reply_header_named_by_connection_is_dropped() -> None:
    received = [(b"x-hop", b"1"), (b"connection", b"Keep-Alive, X-Hop"), (b"etag", b"e")]
    assert HEADERS.to_client(received)[0] == [(b"etag", b"e")]


@pytest.mark.parametrize(
    ("received", "length"),
    [
        ([], None),
        ([(b"content-length", b"12")], 12),
        ([(b"content-length", b"twelve")], None),
        ([(b"content-length", b"\xb2")], None),
        ([(b"content-length", b"9" * 4301)], None),
        ([(b"transfer-encoding", b"chunked")], None),
        ([(b"content-length", b"12"), (b"transfer-encoding", b"chunked")], None),
        ([(b"transfer-encoding", b"chunked"), (b"content-length", b"12")], None),
    ],
)
def test_length_is_the_declared_one_unless_a_transfer_coding_overrides_it(
    received: list[Header], length: int | None
) -> None:
    assert HEADERS.to_client(received) == ([], length)


DECLARED = declared_route(
    "/raw/orders",
    "orders",
    forward=("x-api-key", "x-csrf-token"),
    returned=("server", "x-accel-buffering"),
    cookies=("cart", "__Host-id"),
)
NAMED = RouteHeaders(DECLARED, ["http://inner.test:9102/api"])


def test_headers_that_the_route_names_pass_beside_the_usual_ones() -> None:
    received = [(b"x-api-key", b"k"), (b"x-tenant", b"t"), (b"accept", b"a"), (b"x_api_key", b"e")]
    sent = NAMED.to_service(received, CLIENT)
    assert sent[: -len(OURS)] == [(b"x-api-key", b"k"), (b"accept", b"a")]
    named_away = [(b"connection", b"x-api-key"), (b"x-api-key", b"k")]
    assert NAMED.to_service(named_away, CLIENT) == OURS


@pytest.mark.parametrize(
    ("received", "passed"),
    [
        ([b"cart=1; session=2; __Host-id=3"], b"cart=1; __Host-id=3"),
        ([b"cart=1", b"x=2; cart = 3 ;CART=4"], b"cart=1; cart = 3"),
        ([b'cart="1; session=2"'], b'cart="1'),
        ([b"cart", b"session=1; =cart; cart_=1", b""], None),
        ([], None),
    ],
)
def test_cookies_pass_by_their_names_alone(received: list[bytes], passed: bytes | None) -> None:
    sent = NAMED.to_service([(b"cookie", each) for each in received], CLIENT)
    assert sent[: -len(OURS)] == ([] if passed is None else [(b"cookie", passed)])


def test_reply_headers_that_the_route_names_pass_in_that_spelling_alone() -> None:
    received = [(b"server", b"s"), (b"x_accel_buffering", b"no"), (b"x-sendfile", b"/etc"),
                (b"x-accel-buffering", b"no"), (b"x-request-id", b"theirs")]  # fmt: skip
    assert NAMED.to_client(received)[0] == [(b"server", b"s"), (b"x-accel-buffering", b"no")]


@pytest.mark.parametrize(
    ("cookie", "passed"),
    [
        (b"cart=1; Path=/; HttpOnly", b"cart=1; Path=/raw/orders; HttpOnly"),
        (b"cart=1; path = /api", b"cart=1; Path=/raw/orders"),
        (b"cart=1;Path=/api/x/;Secure", b"cart=1; Path=/raw/orders/x/;Secure"),
        (b"cart=1; Path=/raw/orders/x", b"cart=1; Path=/raw/orders/x"),
        (b"cart=1; Path=/other", b"cart=1; Path=/raw/orders/other"),
        (b"cart=1; Path=", b"cart=1; Path="),
        (b"cart=1; Domain=shop.example; SameSite=Lax", b"cart=1; SameSite=Lax"),
        (b"cart=1;DOMAIN = .inner.test", b"cart=1"),
        (b"__Host-id=1; Path=/; Secure", b"__Host-id=1; Path=/; Secure"),
        (b" cart =1", b" cart =1"),
        (b"Cart=1; Path=/", None),
        (b"session=1; cart=2", None),
        (b"__Host-bff=1; Path=/", None),
    ],
)
def test_cookie_of_a_reply_passes_by_name_without_domain_behind_the_prefix(
    cookie: bytes, passed: bytes | None
) -> None:
    got, _ = NAMED.to_client([(b"set-cookie", cookie)])
    private = (b"cache-control", b"private")
    assert got == ([] if passed is None else [private, (b"set-cookie", passed)])


def test_route_of_a_gateway_within_an_app_has_the_apps_prefix_before_its_own() -> None:
    for route, prefix in ((DECLARED, b"/api/raw/orders"), (KEEPING, b"/api")):
        mounted = RouteHeaders(route, ["http://inner.test:9102"], "/api")
        assert (b"x-forwarded-prefix", prefix) in mounted.to_service([], CLIENT)
        location = [(b"location", b"http://inner.test:9102/x")]
        assert mounted.to_client(location)[0] == [(b"location", prefix + b"/x")]
