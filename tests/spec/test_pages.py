"""`paginate`: lists that services give in pages, as services give them."""

import json

import pytest

from tests.support.gateway.screens import SCHEMAS, Screens, product
from tests.support.upstream.wire import Exchange, Script
from tests.support.upstream.wire_scripts import in_turn, reply

SHOP = """
  list_slice:
    request: GET /slice
    params:
      after: {type: string, required: false}
      page: {type: integer, required: false}
      offset: {type: integer, required: false}
      limit: {type: integer, default: 2}
    returns: schemas.shop:Slice
"""
SCREEN = """
    endpoint: GET /screen
    steps:
      all:
        call: shop.list_slice
        paginate: {WAY, items: '${reply.products}', max_pages: 3, max_items: 6, truncate: TRUNCATE}
    response: {all: '${all[].id}', warnings: '${degraded}'}
    cache: {ttl: 1m}
    """
WAYS = {
    "by: cursor, param: after, next: '${reply.next}'": "after",
    "by: page, param: page": "page",
    "by: offset, param: offset, size: 2": "offset",
    "by: link": "link",
}
SLICES = f"""{SCHEMAS}


class Slice(BaseModel):
    products: list[Product]
    next: str | None = None
"""


def shop_of(count: int) -> Script:
    """A shop of so many products, two a page, by whichever way it is asked."""

    def answer(exchange: Exchange) -> None:
        target = exchange.request.target
        query = dict(pair.split("=") for pair in target.partition("?")[2].split("&"))
        start = int(query.get("after", query.get("offset", 2 * (int(query.get("page", 1)) - 1))))
        found = [product(each) for each in range(start, min(start + 2, count))]
        following = str(start + 2) if start + 2 < count else None
        body = json.dumps({"products": found, "next": following}).encode()
        headers = [("Content-Type", "application/json")]
        if following is not None:
            link = f'<http://public.example/v1/slice?after={following}&limit=2>; rel="next"'
            headers.append(("Link", link))
        reply(200, headers, body)(exchange)

    return answer


@pytest.mark.parametrize("way", WAYS)
def test_list_of_all_pages_is_one_payload_that_is_cached(screens: Screens, way: str) -> None:
    text = SCREEN.replace("WAY", way).replace("TRUNCATE", "false")
    screen = screens(text, shop_of(5), service=SHOP, schemas=SLICES)
    assert screen.get().json() == {"all": [0, 1, 2, 3, 4], "warnings": []}
    assert len(screen.calls()) == (4 if "page" in way else 3)
    assert screen.get().json()["all"] == [0, 1, 2, 3, 4]
    assert len(screen.calls()) == (4 if "page" in way else 3)


@pytest.mark.parametrize("way", WAYS)
def test_each_page_is_stored_with_what_leads_on_from_it(screens: Screens, way: str) -> None:
    text = SCREEN.replace("WAY", way).replace("TRUNCATE", "false")
    text = text.replace("    cache: {ttl: 1m}\n", "").replace(
        "paginate:", "cache: {ttl: 1m}\n        paginate:"
    )
    screen = screens(text, shop_of(5), service=SHOP, schemas=SLICES)
    for _ in range(2):
        assert screen.get().json() == {"all": [0, 1, 2, 3, 4], "warnings": []}
    assert len(screen.calls()) == (4 if "page" in way else 3)


@pytest.mark.parametrize("way", WAYS)
def test_more_than_the_bounds_fails_or_is_cut_off_and_told(screens: Screens, way: str) -> None:
    text = SCREEN.replace("WAY", way)
    exact = screens(text.replace("TRUNCATE", "true"), shop_of(6), service=SHOP, schemas=SLICES)
    assert exact.get().json() == {"all": [0, 1, 2, 3, 4, 5], "warnings": []}
    failing = screens(text.replace("TRUNCATE", "false"), shop_of(7), service=SHOP, schemas=SLICES)
    answer = failing.get()
    assert (answer.status, answer.json()["reason"]) == (502, "too_many")
    cut = screens(text.replace("TRUNCATE", "true"), shop_of(7), service=SHOP, schemas=SLICES)
    answer = cut.get()
    assert answer.json() == {
        "all": [0, 1, 2, 3, 4, 5],
        "warnings": [{"step": "all", "reason": "too_many"}],
    }
    assert "all: too_many" in (answer.header("proxy-status") or "")


def test_link_to_another_path_is_never_followed(screens: Screens) -> None:
    link = [("Content-Type", "application/json"), ("Link", "<http://127.0.0.1:1/admin>; rel=next")]
    text = SCREEN.replace("WAY", "by: link").replace("TRUNCATE", "false")
    shop = {"/slice": reply(200, link, b'{"products": []}')}
    screen = screens(text, shop, service=SHOP, schemas=SLICES)
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (502, "bad_page")
    assert len(screen.calls()) == 1


def test_key_that_a_service_wants_in_its_query_stands_there_once(screens: Screens) -> None:
    service = """
        base: '{shop}'
        query: {tenant: x}
        operations: {slice: {request: GET /slice, returns: 'list[int]'}}
        """
    text = """
        endpoint: GET /screen
        steps:
          all: {call: two.slice, paginate: {by: link, max_pages: 3, max_items: 6}}
        """
    link = ("Link", "<http://public.example/slice?p=2&tenant=x>; rel=next")
    head = ("Content-Type", "application/json")
    pages = in_turn(reply(200, [head, link], b"[1]"), reply(200, [head], b"[2]"))
    screen = screens(text, {"/slice": pages}, services={"two": service})
    assert screen.get().json() == {"all": [1, 2]}
    assert screen.calls() == ["GET /slice?tenant=x", "GET /slice?p=2&tenant=x"]
