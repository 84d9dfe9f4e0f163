"""Which pages may read replies, and what preflights are told."""

from types import SimpleNamespace
from typing import Any

import pytest

from bff.plan.model.composition import Cors
from bff.web.http.cors import CrossOrigin, CrossOrigins, is_preflight
from bff.web.http.requests import GatewayRequest

PAGE = b"https://shop.example"


def cross_origin(*origins: str, credentials: bool = False, age: float = 600.0) -> CrossOrigin:
    cors = Cors(frozenset(origins), credentials, age)
    param = SimpleNamespace(location="header", wire_name="x-tenant")
    query = SimpleNamespace(location="query", wire_name="limit")
    project: Any = SimpleNamespace(
        compositions=[SimpleNamespace(params=[param, query], head=None)],
        routes=[SimpleNamespace(forward=("x-csrf-token",))],
    )
    return CrossOrigins(project, ("authorization", "x-api-key", "cookie")).of(cors)


def preflight(origin: bytes = PAGE, asked: bytes | None = None) -> GatewayRequest:
    headers = [(b"origin", origin), (b"access-control-request-method", b"POST")]
    if asked is not None:
        headers.append((b"access-control-request-headers", asked))
    return GatewayRequest("OPTIONS", "/", "", headers)


def test_known_origin_may_read_the_reply_and_its_telling_headers() -> None:
    headers = dict(cross_origin(PAGE.decode()).headers(PAGE))
    assert headers[b"access-control-allow-origin"] == PAGE
    assert headers[b"timing-allow-origin"] == PAGE
    assert headers[b"vary"] == b"Origin"
    exposed = headers[b"access-control-expose-headers"].decode().lower().split(", ")
    assert set(exposed) == {
        "cache-status", "proxy-status", "server-timing", "etag", "retry-after", "x-request-id",
        "ratelimit", "ratelimit-policy",
    }  # fmt: skip


@pytest.mark.parametrize(
    "origin",
    [None, b"null", b"https://evil.example", PAGE + b".evil.example", PAGE + b"/", PAGE.upper()],
)
def test_other_origins_are_told_only_that_the_answer_varies(origin: bytes | None) -> None:
    assert cross_origin(PAGE.decode()).headers(origin) == ((b"vary", b"Origin"),)


def test_project_without_origins_says_nothing_of_cors() -> None:
    policy = cross_origin()
    assert policy.headers(PAGE) == ()
    upstream = [(b"access-control-allow-origin", b"*")]
    assert policy.without_upstreams(upstream) == upstream


def test_project_with_origins_speaks_in_the_place_of_its_upstreams() -> None:
    upstream = [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-credentials", b"true"),
        (b"timing-allow-origin", b"*"),
        (b"vary", b"Accept"),
    ]
    assert cross_origin(PAGE.decode()).without_upstreams(upstream) == [(b"vary", b"Accept")]


def test_preflight_of_a_known_origin_lists_methods_and_grants_known_headers() -> None:
    policy = cross_origin(PAGE.decode())
    asked = preflight(asked=b"Content-Type, X-Tenant,x-evil,  If-None-Match")
    assert is_preflight(asked)
    reply = policy.preflight(asked, ("OPTIONS", "POST", "PUT"), ("OPTIONS", "POST"))
    headers = dict(reply.headers)
    assert reply.status == 204
    assert headers[b"access-control-allow-methods"] == b"OPTIONS, POST"
    assert headers[b"access-control-allow-headers"] == b"content-type, x-tenant, if-none-match"
    assert headers[b"access-control-max-age"] == b"600"


def test_replies_of_a_route_expose_what_it_names_beside_what_all_do() -> None:
    policy = cross_origin(PAGE.decode())
    exposing = policy.exposing(("Link", "etag", "X-Total-Count"))
    assert list(exposing) == [PAGE]
    usual = dict(policy.headers(PAGE))[b"access-control-expose-headers"]
    headers = dict(exposing[PAGE])
    assert headers.pop(b"access-control-expose-headers") == usual + b", Link, X-Total-Count"
    assert headers.items() <= dict(policy.headers(PAGE)).items()


def test_preflight_grants_what_a_route_forwards() -> None:
    reply = cross_origin(PAGE.decode()).preflight(preflight(asked=b"X-CSRF-Token, X-Evil"), (), ())
    assert dict(reply.headers)[b"access-control-allow-headers"] == b"x-csrf-token"


def test_preflight_that_asks_for_no_known_header_is_granted_none() -> None:
    reply = cross_origin(PAGE.decode()).preflight(preflight(asked=b"x-evil"), ("POST",), ())
    assert b"access-control-allow-headers" not in dict(reply.headers)


def test_preflight_of_a_foreign_origin_allows_nothing() -> None:
    reply = cross_origin(PAGE.decode()).preflight(
        preflight(b"https://evil.example"), ("POST",), ("POST",)
    )
    assert not [name for name, _ in reply.headers if name.startswith(b"access-control-")]


@pytest.mark.parametrize(
    "request_",
    [
        GatewayRequest("OPTIONS", "/", "", [(b"origin", PAGE)]),
        GatewayRequest("OPTIONS", "/", "", [(b"access-control-request-method", b"GET")]),
        GatewayRequest("GET", "/", "", preflight().headers),
    ],
)
def test_what_lacks_a_preflights_marks_is_none(request_: GatewayRequest) -> None:
    assert not (request_.method == "OPTIONS" and is_preflight(request_))


def test_page_may_send_credentials_where_they_are_allowed_and_what_comes_with_a_session() -> None:
    policy = cross_origin(PAGE.decode(), credentials=True, age=0.0)
    allowed = (b"access-control-allow-credentials", b"true")
    assert allowed in policy.headers(PAGE)
    assert allowed in policy.exposing(("Link",))[PAGE]
    assert allowed not in policy.headers(b"https://evil.example")
    assert allowed not in cross_origin(PAGE.decode()).headers(PAGE)
    asked = preflight(asked=b"Authorization, X-Api-Key, X-CSRF, Cookie, x-csrf")
    headers = dict(policy.preflight(asked, ("POST",), ("POST",)).headers)
    assert headers[b"access-control-allow-headers"] == b"authorization, x-api-key, x-csrf"
    assert headers[b"access-control-max-age"] == b"0"
