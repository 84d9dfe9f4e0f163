"""Limits in every host: what is counted, when, and what clients are told of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from bff.identity.ports import CallerRequest, Identified, Refusal
from bff.settings import Settings
from tests.support.gateway.hosts import HOSTS, Answer, Host, serving
from tests.support.gateway.websockets import connected, handshake
from tests.support.identity.callers import ByName, bearer
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.redis.server import RedisServer
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

_STEP = "steps: {user: {call: shop.get_user, with: {id: 1}}}"


def _screen(name: str, limits: str, more: str = "access: public") -> str:
    return f"{{endpoint: GET /{name}, {more}, {_STEP}, limits: [{limits}]}}"


# Nothing comes back while a test runs.
COMPOSITIONS = {
    "cached": _screen(
        "cached", "{by: address, rate: 20/day, burst: 9}", "access: public, cache: {ttl: 5m}"
    ),
    "narrow": _screen("narrow", "{by: address, rate: 2/day}"),
    "wide": _screen("wide", "{by: address, rate: 500/day}", "access: authenticated"),
    "mine": _screen("mine", "{by: identity, rate: 2/day, exact: true}"),
    "members": _screen("members", "{by: address, rate: 3/day}", "access: authenticated"),
    "keys": _screen("keys", "{by: api_key, rate: 2/day}"),
    "shelf": "{endpoint: 'GET /shelf/{id}', access: public,"
    " params: {id: {type: integer}}, " + _STEP + ","
    " limits: [{by: '${params.id}', rate: 2/day, exact: true}]}",
    "all": _screen("all", "{by: '${''all''}', rate: 3/day}, {by: identity, rate: 1/day}"),
    "window": _screen("window", "{by: address, rate: 2/day, window: sliding}"),
    "buy": "{endpoint: POST /buy, access: public, params: {note: {in: body, type: string}},"
    " steps: {order: {call: shop.create_order, with: {user_id: 1, note: '${params.note}'}}},"
    " limits: [{by: identity, rate: 1/day}]}",
    "closed": _screen("closed", "{by: identity, rate: 9/day, without_redis: closed}"),
    "open": _screen("open", "{by: identity, rate: 1/day, without_redis: open}"),
}
GATEWAY = """
cache: {{namespace: {name}}}
cors: {{origins: ['https://shop.example']}}
routes:
  /raw: {{service: shop, access: public, limits: [{{by: address, rate: 2/day}}]}}
  /live: {{service: shop, access: public, websocket: true,
          limits: [{{by: address, rate: 2/day}}]}}
limits:
  - {{by: failed_credentials, rate: 3/day}}
"""


class Strict(ByName):
    """Refuses every name that it does not know."""

    def identify(self, request: CallerRequest) -> Identified:  # type: ignore[override]
        caller = super().identify(request)
        if caller.key or not request.header_values("authorization"):
            return caller
        return Refusal(401, "invalid_token", "This is nobody.")


HTTP1_ALONE = "http1 without Redis"


class Limited(NamedTuple):
    """A host, what it asks who calls, and what it calls."""

    host: Host
    provider: Strict
    upstream: WireServer

    def get(self, path: str, **headers: str) -> Answer:
        return self.host.get(path, **headers)

    def statuses(self, path: str, times: int, **headers: str) -> list[int]:
        return [self.host.get(path, **headers).status for _ in range(times)]


@contextmanager
def limited(name: str, folder: Path, redis_url: str | None) -> Iterator[Limited]:
    settings = Settings(log_level="error", redis_url=redis_url)
    provider = Strict()
    with WireServer(json_reply('{"id": 1, "first_name": "Ann", "total": 1, "items": []}')) as shop:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", shop.url)}
        write_project(folder, COMPOSITIONS, services=services, gateway=GATEWAY.format(name=name))
        with serving(name, folder, settings=settings, identity=provider) as host:
            yield Limited(host, provider, shop)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module", params=[*HOSTS, HTTP1_ALONE])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, redis: RedisServer
) -> Iterator[Limited]:
    name, _, without = request.param.partition(" ")
    url = None if without else redis.url
    with limited(name, tmp_path_factory.mktemp("limits"), url) as running:
        yield running


def test_every_reply_says_what_is_left_also_out_of_memory_and_unchanged(shop: Limited) -> None:
    first = shop.get("/cached", origin="https://shop.example")
    tag = first.header("etag") or ""
    hit = shop.get("/cached")
    unchanged = shop.get("/cached", if_none_match=tag)
    head = shop.host.request("HEAD", "/cached")
    answers = [first, hit, unchanged, head]
    assert [answer.status for answer in answers] == [200, 200, 304, 200]
    assert {answer.header("ratelimit-policy") for answer in answers} == {'"address";q=20;w=86400'}
    left = [answer.header("ratelimit") for answer in answers]
    assert left == [f'"address";r={r};t=4320' for r in (8, 7, 6, 5)]
    exposed = (first.header("access-control-expose-headers") or "").split(", ")
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)


def test_one_too_many_is_a_429_that_says_why_and_until_when(shop: Limited) -> None:
    assert shop.statuses("/narrow", 2) == [200, 200]
    calls = len(shop.upstream.requests)
    refused = shop.get("/narrow", origin="https://shop.example")
    problem = refused.json()
    assert (refused.status, refused.header("content-type")) == (429, "application/problem+json")
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert (problem["reason"], problem["violated-policies"]) == ("over_limit", ["address"])
    seconds = int(refused.header("retry-after") or 0)
    assert 43_000 < seconds <= 43_200
    assert refused.header("ratelimit") == f'"address";r=0;t={seconds}'
    assert refused.header("ratelimit-policy") == '"address";q=2;w=86400'
    assert refused.header("access-control-allow-origin") == "https://shop.example"
    assert len(shop.upstream.requests) == calls


def test_limit_by_identity_counts_callers_apart_and_nobody_by_address(shop: Limited) -> None:
    for headers in (bearer("ann"), bearer("bo"), {}):
        assert shop.statuses("/mine", 3, **headers) == [200, 200, 429]


def test_limit_by_address_comes_before_credentials_and_counts_who_is_refused(
    shop: Limited,
) -> None:
    assert shop.statuses("/members", 2) == [401, 401]
    assert shop.get("/members", **bearer("ann")).status == 200
    asked = shop.provider.asked
    assert shop.get("/members", **bearer("ann")).status == 429
    assert shop.provider.asked == asked


def test_limit_by_api_key_counts_neither_tokens_nor_more_than_the_address_of_nobody(
    shop: Limited,
) -> None:
    assert shop.statuses("/keys", 4, **bearer("ann")) == [200] * 4
    assert shop.statuses("/keys", 3) == [200, 200, 429]


def test_limit_by_an_expression_counts_by_its_value_what_has_right_params(shop: Limited) -> None:
    assert shop.statuses("/shelf/1", 2) == [200, 200]
    assert shop.statuses("/shelf/no-number", 3) == [400, 400, 400]
    assert shop.statuses("/shelf/1", 1) == [429]
    assert shop.statuses("/shelf/2", 3) == [200, 200, 429]


def test_what_one_limit_refuses_others_do_not_count(shop: Limited) -> None:
    """Three may come in all, one of each: who comes again takes nothing from others."""
    assert shop.statuses("/all", 4, **bearer("ann")) == [200, 429, 429, 429]
    assert shop.statuses("/all", 2, **bearer("bo")) == [200, 429]
    refused = shop.get("/all", **bearer("bo"))
    assert refused.json()["violated-policies"] == ["identity"]
    assert shop.statuses("/all", 1) == [200]
    assert shop.get("/all", **bearer("ann")).json()["violated-policies"] == ["expression"]


def test_sliding_window_refuses_too(shop: Limited) -> None:
    assert shop.statuses("/window", 3) == [200, 200, 429]


@pytest.mark.parametrize("shop", [HTTP1_ALONE], indirect=True)
def test_without_redis_a_limit_is_open_or_closed_where_it_says_so(shop: Limited) -> None:
    refused = shop.get("/closed")
    assert (refused.status, refused.header("retry-after")) == (503, "1")
    assert refused.json()["type"].endswith("#temporary-reduced-capacity")
    answers = [shop.get("/open") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [answer.header("ratelimit") for answer in answers] == [None, None, None]


def test_refused_request_costs_no_reading_of_its_body(shop: Limited) -> None:
    assert shop.host.post("/buy", {"note": "x"}).status == 200
    assert shop.host.request("POST", "/buy", body=b"no JSON").status == 429


def test_route_counts_and_preflights_do_not(shop: Limited) -> None:
    preflight = [("Origin", "https://shop.example"), ("Access-Control-Request-Method", "GET")]
    for _ in range(3):
        assert shop.host.request("OPTIONS", "/raw/users/1", preflight).status == 204
        assert shop.host.request("OPTIONS", "/narrow", preflight).status == 204
    first = shop.get("/raw/users/1")
    assert (first.status, first.header("ratelimit")) == (200, '"address";r=1;t=43200')
    assert shop.statuses("/raw/users/1", 2) == [200, 429]


@pytest.mark.parametrize("shop", ["http1"], indirect=True)
def test_websocket_counts_for_its_handshake(shop: Limited) -> None:
    heads = []
    for _ in range(3):
        with connected(shop.host) as client:
            client.send(handshake("/live/chat"))
            heads.append(client.read_head().split(b" ")[1])
    assert heads == [b"200", b"200", b"429"]  # this service opens none


def test_wrong_credentials_count_by_address_and_shut_out_whoever_has_too_many(
    shop: Limited,
) -> None:
    """The last test: from now on, this address is refused for every request with credentials."""
    wrong = bearer("mallory")
    assert shop.statuses("/wide", 3, **wrong) == [401, 401, 401]
    refused = shop.get("/wide", **wrong)
    assert refused.status == 429
    assert refused.json()["type"].endswith("#abnormal-usage-detected")
    assert int(refused.header("retry-after") or 0) > 28_000
    asked = shop.provider.asked
    assert shop.get("/wide", **bearer("ann")).status == 429
    assert shop.provider.asked == asked
    assert shop.get("/wide").json()["reason"] == "no_credentials"
