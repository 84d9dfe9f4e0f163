"""Purges reach payloads that were made of stored replies, and tags that name the caller."""

import json

from bff.settings import Settings
from tests.support.fake_time import Clock
from tests.support.gateway.screens import Screens, product, value_reply
from tests.support.identity.callers import ByName, bearer
from tests.support.upstream.wire_scripts import reply

TOKEN = "0123456789abcdef0123"
ADMIN = Settings(log_level="warning", admin_token=TOKEN)
ORDER = value_reply({"id": 1, "user_id": 1, "total": 1, "items": []})


def test_write_purges_a_tag_that_names_the_caller(screens: Screens) -> None:
    screen = screens(
        {
            "mine": """
                endpoint: GET /mine
                steps: {it: {call: shop.get_product, with: {id: 1}}}
                response: {it: '${it.title}', who: '${claims.name}'}
                cache: {ttl: 5m, tags: ['mine:${claims.name}']}
                """,
            "buy": """
                endpoint: POST /buy
                params: {user_id: {in: body, type: integer}}
                steps:
                  order: {call: shop.create_order, with: {user_id: '${params.user_id}'}}
                purges: ['mine:${claims.name}']
                """,
        },
        {"/products/1": value_reply(product(1, "Hat")), "/orders": ORDER},
        settings=ADMIN,
        identity=ByName(),
    )
    assert screen.get("/mine", **bearer("ann")).json()["it"] == "Hat"
    screen.let("/products/1", value_reply(product(1, "Cap")))
    headers = [("Content-Type", "application/json"), *_headers(bearer("ann"))]
    assert screen.request("POST", "/buy", headers, b'{"user_id":1}').status == 200
    assert screen.get("/mine", **bearer("ann")).json()["it"] == "Cap"


def test_reply_that_was_stored_without_tags_does_not_stand_for_one_with_them(
    screens: Screens,
) -> None:
    screen = screens(
        {
            "plain": """
                endpoint: GET /plain
                steps: {it: {call: shop.get_product, with: {id: 1}, cache: {ttl: 1m}}}
                """,
            "tagged": """
                endpoint: GET /tagged
                steps:
                  it:
                    call: shop.get_product
                    with: {id: 1}
                    cache: {ttl: 5m, tags: ['product:${reply.id}']}
                """,
        },
        {"/products/1": value_reply(product(1, "Hat"))},
        settings=ADMIN,
    )
    for target in ("/plain", "/tagged"):
        assert screen.get(target).json()["it"]["title"] == "Hat"
    screen.let("/products/1", value_reply(product(1, "Cap")))
    token = [("Authorization", f"Bearer {TOKEN}")]
    assert screen.request("POST", "/admin/purge", token, b'{"tags":["product:1"]}').status == 200
    assert screen.get("/tagged").json()["it"]["title"] == "Cap"


def test_payload_made_of_a_stored_reply_is_as_strict_as_its_upstream(screens: Screens) -> None:
    def named(name: str) -> object:
        headers = [
            ("Content-Type", "application/json"),
            ("Cache-Control", "max-age=1, must-revalidate"),
        ]
        return reply(200, headers, json.dumps({"id": 1, "first_name": name}).encode())

    clock = Clock()
    screen = screens(
        {
            name: f"""
                endpoint: GET /{name}
                steps: {{u: {{call: shop.get_user, with: {{id: 1}}, cache: {{ttl: 5m}}}}}}
                {cache}
                """
            for name, cache in (("first", ""), ("second", "cache: {ttl: 5m, stale: 1h}"))
        },
        {"/users/1": named("Ann")},
        clock=clock,
    )
    for target in ("/first", "/second"):
        assert screen.get(target).json()["u"]["firstName"] == "Ann"
    screen.let("/users/1", named("Bo"))
    clock.now += 1
    assert screen.get("/second").json()["u"]["firstName"] == "Bo"  # and never what is stale


def _headers(given: dict[str, str]) -> list[tuple[str, str]]:
    return [(name.replace("_", "-"), value) for name, value in given.items()]
