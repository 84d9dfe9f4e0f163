"""The paths on which the caller's identity reaches a step, the payload and a request."""

from pathlib import Path

import pytest

from bff.plan.compiler.identity_paths import identity_paths_of, path_to_request
from bff.plan.compiler.project import compile_project
from bff.plan.model.composition import Composition
from tests.support.projects import SHOP_SERVICE, write_project

SERVICE = SHOP_SERVICE.replace(
    "      limit:",
    "      X-Session: {in: header, type: string, required: false}\n"
    "      X-Page: {in: header, type: string, default: '1'}\n"
    "      limit:",
)

HEAD = """
endpoint: GET /a
params:
  q: {type: string, required: false}
  X-User-Id: {in: header, type: string, required: false}
  Accept: {in: header, type: string, required: false}
steps:
"""

ONE = "  one: {call: shop.get_user, with: {id: 1}}\n"
USER = "  user: {call: shop.get_user, with: {id: '${claims.sub}'}}\n"
ORDERS = "  orders: {call: shop.list_orders, with: {user_id: 1}, when: '${user.id}'}\n"
END = "cache: {ttl: 1m}\n"


def compiled(folder: Path, text: str) -> Composition:
    write_project(folder, {"a": HEAD + text + END}, services={"shop": SERVICE})
    return compile_project(folder).compositions[0]


def orders(more: str = "", **bound: str) -> str:
    sent = ", ".join(f"{key}: '{value}'" for key, value in bound.items())
    return f"  orders: {{call: shop.list_orders, with: {{user_id: 1, {sent}}}{more}}}\n"


PAYLOADS = {
    # the steps and what follows, and the way to the payload
    "nothing": (ONE, None),
    "a plain param": (orders(more=", when: '${params.q}'"), None),
    "a plain header": (orders(more=", when: '${params.Accept}'"), None),
    "a claim in with": (USER, "claims.sub → 'user' (with.id) → response"),
    "below a claim": (
        ONE + "  two: {call: shop.get_user, with: {id: '${claims.org.id}'}}\n",
        "claims.org.id → 'two' (with.id) → response",
    ),
    "all claims": (
        orders(more=", when: '${length(claims)}'"), "claims → 'orders' (when) → response",
    ),
    "a list that is iterated over": (
        "  each: {call: shop.get_user, with: {id: '${n}'},"
        " for_each: {over: '${claims.friends}', as: n, max: 9}}\n",
        "claims.friends → 'each' (for_each.over) → response",
    ),
    "a header that says who": (
        orders(more=", when: '${params.\"X-User-Id\"}'"),
        "the header x-user-id → 'orders' (when) → response",
    ),
    "all params, such a header among them": (
        orders(more=", when: '${length(params)}'"), "params → 'orders' (when) → response",
    ),
    "a param sent as such a header": (
        orders(**{"X-Session": "${params.q}"}),
        "what is sent as x-session → 'orders' (with.X-Session) → response",
    ),
    "a constant sent as such a header": (orders(**{"X-Session": "key"}), None),
    "a param sent as a plain header": (orders(**{"X-Page": "${params.q}"}), None),
    "through another step": (
        USER + ORDERS + "response: ${orders}\n",
        "claims.sub → 'user' (with.id) → 'orders' (when) → response",
    ),
    "the shortest of several": (
        USER + ORDERS, "claims.sub → 'user' (with.id) → response",
    ),
    "a step that nobody reads": (
        ONE + USER.replace("}}", "}, hidden: true}"),
        "claims.sub → 'user' (with.id) → response, by whether it fails",
    ),
    "only waited for": (
        USER + "  last: {call: shop.get_user, with: {id: 1}, after: user}\nresponse: ${last}\n",
        "claims.sub → 'user' (with.id) → response, by whether it fails",
    ),
    "the response": (ONE + "response: 'Hello ${claims.name}'\n", "claims.name → response"),
    "all params in the response": (ONE + "response: ${params}\n", "params → response"),
    "a view": (
        ONE + "views: {tv: {response: ['${claims.name}']}}\n", "claims.name → views.tv",
    ),
    "a step in a view": (
        USER + "response: 1\nviews: {tv: {response: '${user}'}}\n",
        "claims.sub → 'user' (with.id) → views.tv",
    ),
    "a join": (
        "  orders: {call: shop.list_orders, with: {user_id: 1}}\n"
        "joins: [{into: orders.orders, as: x, from: 'claims.notes', match: {id: id}}]\n",
        "claims.notes → joins[0].from → response",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PAYLOADS)
def test_way_to_the_payload(case: str, tmp_path: Path) -> None:
    text, way = PAYLOADS[case]
    composition = compiled(tmp_path, text)
    found = identity_paths_of(composition).payload
    assert found == (None if way is None else tuple(way.split(" → ")))
    assert composition.scope == ("public" if way is None else "identity")


def test_tag_of_a_payload_says_who_it_is_of(tmp_path: Path) -> None:
    text = HEAD + ONE + "cache: {ttl: 1m, tags: [home, 'home:${claims.sub}']}\n"
    write_project(tmp_path, {"a": text}, services={"shop": SERVICE})
    (composition,) = compile_project(tmp_path).compositions
    assert identity_paths_of(composition).payload == ("claims.sub", "cache.tags[1]")


def test_step_that_is_joined_into_is_reached_in_the_payload_alone(tmp_path: Path) -> None:
    text = PAYLOADS["a join"][0]
    assert identity_paths_of(compiled(tmp_path, text)).steps == {}


REQUESTS = {
    # the step that is asked for, last of these, and the way to what it sends
    "another step's value": (
        USER + "  last: {call: shop.get_user, with: {id: '${user.id}'}}\n", None,
    ),
    "whether it is called": (
        "  last: {call: shop.get_user, with: {id: 1}, when: '${claims.sub}'}\n", None,
    ),
    "a claim": (USER, "claims.sub → 'user' (with.id)"),
    "an element of a claim": (
        "  last: {call: shop.get_user, with: {id: '${n}'},"
        " for_each: {over: '${claims.friends}', as: n, max: 9}}\n",
        "claims.friends → 'last' (with.id)",
    ),
    "once for each element of a claim": (
        "  last: {call: shop.get_user, with: {id: 1},"
        " for_each: {over: '${claims.friends}', as: n, max: 9}}\n",
        None,
    ),
    "a header that says who": (
        orders(**{"X-Page": '${params."X-User-Id"}'}),
        "the header x-user-id → 'orders' (with.X-Page)",
    ),
    "a step's value sent as such a header": (
        ONE + orders(**{"X-Session": "${one.firstName}"}),
        "what is sent as x-session → 'orders' (with.X-Session)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REQUESTS)
def test_way_to_what_a_step_sends(case: str, tmp_path: Path) -> None:
    text, way = REQUESTS[case]
    composition = compiled(tmp_path, text)
    found = path_to_request(composition.params, composition.steps[-1])
    assert found == (None if way is None else tuple(way.split(" → ")))
