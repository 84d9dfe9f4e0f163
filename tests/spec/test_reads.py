"""What reads by declaration: a POST with `reads: true`, and QUERY (RFC 10008), both ways."""

import json

import pytest

from tests.support.cache.answers import is_hit
from tests.support.fake_time import Clock
from tests.support.gateway.hosts import Answer
from tests.support.gateway.screens import Screen, Screens, product, value_reply
from tests.support.upstream.wire_scripts import in_turn, reply, when_arrived

SHOP = """
  find:
    request: POST /find
    reads: true
    params: {words: {type: array, items: {type: string}}, most: {type: integer, default: 10}}
    returns: list[schemas.shop:Product]
  ask:
    request: QUERY /ask
    params: {words: {type: array, items: {type: string}}}
    returns: list[schemas.shop:Product]
"""
HATS = value_reply([product(7)])


def bodies(screen: Screen) -> list[object]:
    """What the shop was sent."""
    return [json.loads(each.body) for each in screen.upstream.requests]


def ask(screen: Screen, method: str, value: object, **headers: str) -> Answer:
    sent = [("Content-Type", "application/json"), *((key, headers[key]) for key in headers)]
    return screen.request(method, "/screen", sent, json.dumps(value).encode())


def test_get_screen_over_a_post_and_a_query_that_read(screens: Screens) -> None:
    """An empty list skips them as it skips a GET."""
    screen = screens(
        """
        endpoint: GET /screen
        params: {words: {type: array, items: {type: string}, default: []}}
        steps:
          found: {call: shop.find, with: {words: '${params.words}'}}
          asked: {call: shop.ask, with: {words: '${params.words}'}}
        """,
        {"/find": HATS, "/ask": HATS},
        service=SHOP,
    )
    assert screen.get().json() == {"found": [], "asked": []}
    assert screen.calls() == []
    assert screen.get("/screen?words=hat").json() == {"found": [product(7)], "asked": [product(7)]}
    assert sorted(screen.calls()) == ["POST /find", "QUERY /ask"]
    assert sorted(map(str, bodies(screen))) == [
        "{'words': ['hat'], 'most': 10}",
        "{'words': ['hat']}",
    ]


def test_replies_to_a_post_that_reads_are_shared_by_its_body(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params: {word: {type: string}}
        steps:
          found: {call: shop.find, with: {words: ['${params.word}']}, cache: {ttl: 1m}}
        """,
        {"/find": HATS},
        service=SHOP,
    )
    for word in ("hat", "cap", "hat", "cap"):
        assert screen.get(f"/screen?word={word}").json() == {"found": [product(7)]}
    assert bodies(screen) == [{"words": ["hat"], "most": 10}, {"words": ["cap"], "most": 10}]


def test_post_that_reads_has_its_last_good_value_where_it_fails(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps: {found: {call: shop.find, with: {words: [hat]}, on_failure: stale}}
        """,
        {"/find": in_turn(HATS, reply(503))},
        service=SHOP,
    )
    assert screen.get().json() == {"found": [product(7)]}
    answer = screen.get()
    assert answer.json() == {"found": [product(7)]}
    assert "found: status" in (answer.header("proxy-status") or "")


@pytest.mark.parametrize("method", ["POST", "QUERY"])
def test_screen_with_a_body_that_reads_is_cached_by_its_body(screens: Screens, method: str) -> None:
    """Only QUERY has a 304: to a POST that is no answer (RFC 9110 §13.1.2)."""
    clock = Clock()
    screen = screens(
        f"""
        endpoint: {method} /screen
        {"reads: true" if method == "POST" else ""}
        params: {{words: {{type: array, items: {{type: string}}}}}}
        steps: {{found: {{call: shop.find, with: {{words: '${{params.words}}'}}}}}}
        cache: {{ttl: 1m, stale: 1m}}
        """,
        {"/find": in_turn(HATS, value_reply([]), value_reply([product(8)]))},
        service=SHOP,
        clock=clock,
    )
    first = ask(screen, method, {"words": ["hat"]})
    assert first.json() == {"found": [product(7)]}
    assert ask(screen, method, {"words": ["cap"]}).json() == {"found": []}
    again = ask(screen, method, {"words": ["hat"]})
    assert (again.json(), is_hit(again)) == ({"found": [product(7)]}, True)
    known = ask(screen, method, {"words": ["hat"]}, **{"If-None-Match": first.header("etag") or ""})
    assert known.status == (304 if method == "QUERY" else 200)
    assert len(screen.calls()) == 2
    clock.now += 90
    stale = ask(screen, method, {"words": ["hat"]})
    assert (stale.json(), is_hit(stale)) == ({"found": [product(7)]}, True)
    screen.upstream.wait_for_requests(3)


def test_steps_of_a_post_that_reads_run_at_once_and_report_no_states(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: POST /screen
        reads: true
        steps:
          user: {call: shop.get_user, with: {id: 1}}
          found: {call: shop.find, with: {words: [hat]}}
        """,
        {"/users/1": when_arrived(2, reply(404)), "/find": HATS},
        service=SHOP,
    )
    answer = screen.post({})
    assert answer.status == 404
    assert "steps" not in answer.json()


def test_screen_answers_the_methods_that_it_states(screens: Screens) -> None:
    text = "endpoint: QUERY /screen\nsteps: {found: {call: shop.find, with: {words: [hat]}}}"
    screen = screens(text, {"/find": HATS}, service=SHOP)
    assert ask(screen, "QUERY", {}).status == 200
    assert ask(screen, "HEAD", {}).status == 405
    refused = screen.get()
    assert (refused.status, refused.header("allow")) == (405, "OPTIONS, QUERY")
    plain = screen.request("QUERY", "/screen", [("Content-Type", "text/plain")], b"hat")
    assert plain.status == 415
