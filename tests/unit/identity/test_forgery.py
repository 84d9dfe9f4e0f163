"""Requests with the session's cookie: which of them another page could have the browser send."""

import pytest

from bff.identity.sessions.cookies import LOGIN_COOKIE, SESSION_COOKIE
from bff.web.http.requests import GatewayRequest
from bff.web.sessions.forgery import FOREIGN_ORIGIN, NO_CSRF_HEADER, ForgeryGuard

OWN, LISTED = b"https://shop.example", b"https://app.example"
COOKIE = (b"cookie", f"a=b; {SESSION_COOKIE}=x".encode())
HANDSHAKE = [
    (b"connection", b"Upgrade"),
    (b"upgrade", b"websocket"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
]
STREAM = (b"accept", b"text/event-stream")
NAVIGATION = (b"sec-fetch-mode", b"navigate")

Headers = list[tuple[bytes, bytes]]


def site(name: bytes) -> tuple[bytes, bytes]:
    return (b"sec-fetch-site", name)


def refusal(method: str, headers: Headers, *, takes_navigations: bool = False) -> object:
    guard = ForgeryGuard({OWN.decode(), LISTED.decode()}, takes_navigations)
    return guard.refusal(GatewayRequest(method, "/", "", [*headers]))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "QUERY", "DELETE", "OPTIONS"])
def test_header_lets_a_request_with_the_cookie_pass(method: str) -> None:
    assert refusal(method, [COOKIE, (b"x-csrf", b"1")]) is None
    for wrong in ([], [(b"x-csrf", b"")], [(b"x-csrf", b"true")], [(b"x-csrf", b"1")] * 2):
        assert refusal(method, [COOKIE, *wrong]) is NO_CSRF_HEADER


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"cookie", b"a=b")],
        [(b"cookie", f"{LOGIN_COOKIE}=x".encode())],
        [(b"cookie", f"a={SESSION_COOKIE}=x".encode())],
        [(b"authorization", b"Bearer x")],
    ],
)
def test_request_without_the_cookie_is_nobodys_to_forge(headers: Headers) -> None:
    assert refusal("POST", headers) is None


@pytest.mark.parametrize("lines", [[COOKIE], [(b"cookie", b"a=b"), COOKIE], [COOKIE, COOKIE]])
def test_cookie_is_found_on_each_line(lines: Headers) -> None:
    assert refusal("GET", lines) is NO_CSRF_HEADER


@pytest.mark.parametrize(
    ("more", "passes"),
    [
        ([(b"origin", OWN)], True),
        ([(b"origin", LISTED)], True),
        ([(b"origin", b"https://evil.example")], False),
        ([(b"origin", b"null")], False),
        ([(b"origin", OWN + b".evil.example")], False),
        ([], False),
        ([site(b"same-origin")], False),  # a handshake always has an origin
    ],
)
def test_websocket_needs_a_listed_origin(more: Headers, passes: bool) -> None:
    found = refusal("GET", [COOKIE, *HANDSHAKE, *more])
    assert found is (None if passes else FOREIGN_ORIGIN)
    assert refusal("POST", [COOKIE, *HANDSHAKE, *more]) is NO_CSRF_HEADER  # no handshake


@pytest.mark.parametrize(
    ("more", "passes"),
    [
        ([(b"origin", LISTED)], True),
        ([site(b"same-origin")], True),
        ([site(b"same-site")], False),
        ([site(b"none")], False),
        ([], False),
        ([(b"origin", b"https://evil.example"), site(b"same-origin")], False),
    ],
)
def test_event_stream_needs_a_listed_origin_or_its_own(more: Headers, passes: bool) -> None:
    assert refusal("GET", [COOKIE, STREAM, *more]) is (None if passes else FOREIGN_ORIGIN)
    assert refusal("POST", [COOKIE, STREAM, *more]) is NO_CSRF_HEADER
    mixed = (b"accept", b"text/html, text/event-stream")
    assert refusal("GET", [COOKIE, mixed, *more]) is NO_CSRF_HEADER


@pytest.mark.parametrize(
    ("method", "headers", "passes"),
    [
        ("GET", [NAVIGATION, site(b"same-origin")], True),
        ("GET", [NAVIGATION, site(b"same-site")], False),
        ("GET", [NAVIGATION, site(b"cross-site")], False),
        ("GET", [NAVIGATION, site(b"none")], False),
        ("GET", [NAVIGATION], False),
        ("GET", [site(b"same-origin")], False),
        ("GET", [(b"sec-fetch-mode", b"no-cors"), site(b"same-origin")], False),
        ("HEAD", [NAVIGATION, site(b"same-origin")], False),
        ("POST", [NAVIGATION, site(b"same-origin")], False),
    ],
)
def test_navigation_of_an_own_page_passes_where_it_may(
    method: str, headers: Headers, passes: bool
) -> None:
    found = refusal(method, [COOKIE, *headers], takes_navigations=True)
    assert found is (None if passes else NO_CSRF_HEADER)
    assert refusal(method, [COOKIE, *headers]) is NO_CSRF_HEADER
