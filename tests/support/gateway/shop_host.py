"""A shop with one composition of each kind, served in a host."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.gateway.hosts import Answer, Host, serving
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply, reply

PAGE = "https://shop.example"


GATEWAY = f"""
cors: {{origins: ["{PAGE}"]}}
"""


COMPOSITIONS = {
    "home": """
        endpoint: GET /home/{user_id}
        params:
          user_id: {type: integer, minimum: 1}
          limit: {in: query, type: integer, default: 10, maximum: 50}
        steps:
          user: {call: shop.get_user, with: {id: '${params.user_id}'}}
        response: {id: '${user.id}', name: '${user.firstName}'}
        views:
          short: [name]
          shout: {response: {shout: "${join('', [user.firstName, '!'])}"}}
        """,
    "cached": """
        endpoint: GET /cached/{user_id}
        params:
          user_id: {type: integer, minimum: 1}
        steps:
          user: {call: shop.get_user, with: {id: '${params.user_id}'}}
        views:
          short: [user.id]
          shout: {response: {shout: "${join('', [user.firstName, '!'])}"}}
        cache: {ttl: 5m}
        """,
    "soft": """
        endpoint: GET /soft
        steps:
          user: {call: shop.get_user, with: {id: 404}, on_failure: optional}
          orders: {call: shop.list_orders, with: {user_id: 1}, on_failure: {fallback: {orders: []}}}
        cache: {ttl: 5m}
        """,
    "busy": """
        endpoint: GET /busy
        steps:
          user: {call: shop.get_user, with: {id: 429}}
        """,
    "buy": """
        endpoint: POST /buy
        params:
          user_id: {in: body, type: integer, minimum: 1}
          note: {in: body, type: string, required: false}
        steps:
          user: {call: shop.get_user, with: {id: '${params.user_id}'}}
          order: {call: shop.create_order, with: {user_id: '${user.id}', note: '${params.note}'}}
          again: {call: shop.get_user, with: {id: '${params.user_id}'}, after: order}
        """,
}


UPSTREAM = {
    "/users/1": json_reply('{"id": 1, "first_name": "Ann"}'),
    "/users/2": json_reply('{"id": 2, "first_name": "Bo"}'),
    "/users/429": reply(429, [("Retry-After", "7")]),
    "/orders": reply(503),
}


@contextmanager
def shop_host(name: str, folder: Path) -> Iterator[Host]:
    """The shop in the host called `name`; `folder` takes the project."""
    with WireServer(UPSTREAM) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        write_project(folder, COMPOSITIONS, services=services, gateway=GATEWAY)
        with serving(name, folder) as served:
            yield served


def problem(answer: Answer) -> dict[str, object]:
    """The problem document that an answer is, once it keeps the rules of all of them."""
    document: dict[str, object] = answer.json()
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("etag") is None
    assert document["status"] == answer.status
    assert document["request_id"] == answer.header("x-request-id")
    assert {"type", "title", "detail", "reason"} <= set(document)
    assert "127.0.0.1" not in answer.body.decode()
    return document
