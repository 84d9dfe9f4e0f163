"""Headers of replies in expressions: by their types, for the payload and for other steps."""

import json
from typing import Any

import pytest

from tests.support.gateway.screens import Screen, Screens, value_reply
from tests.support.upstream.wire import Exchange, Script
from tests.support.upstream.wire_scripts import reply

LIST = """  list:
    request: GET /list
    params: {of: {type: string, required: false}}
    returns: list[int]
    reply_headers:
      total: {name: X-Total-Count, type: integer}
      next: {name: Link, rel: next}
      kind: {name: x-kind}
      rate: {name: X-Rate, type: number}
      more: {name: X-More, type: boolean}
"""
SCREEN = """
    endpoint: GET /screen
    steps: {list: {call: shop.list}}
    response: {all: '${headers.list}', total: '${headers.list.total}', list: '${list}'}
    """
LINK = '<https://shop.test/list?page=2&a=1,2>; title="a, b"; rel="prev next", </last>; rel=last'
NOTHING = {"total": None, "next": None, "kind": None, "rate": None, "more": None}


def listed(*headers: tuple[str, str], status: int = 200, body: bytes = b"[1]") -> Script:
    return reply(status, [("Content-Type", "application/json"), *headers], body)


def shown(screens: Screens, script: Script, screen: str = SCREEN, service: str = LIST) -> Screen:
    return screens(screen, {"/list": script, "/look": value_reply({"value": 1})}, service=service)


def test_headers_are_read_by_their_types(screens: Screens) -> None:
    script = listed(
        ("X-Total-Count", "120"), ("Link", LINK), ("X-Kind", "\u00e9t\u00e9"), ("X-Kind", "late"),
        ("X-Rate", "0.5"), ("X-More", "true"),
    )  # fmt: skip
    assert shown(screens, script).get().json() == {
        "all": {
            "total": 120,
            "next": "https://shop.test/list?page=2&a=1,2",
            "kind": "été, late",
            "rate": 0.5,
            "more": True,
        },
        "total": 120,
        "list": [1],
    }


def test_header_that_is_absent_is_null(screens: Screens) -> None:
    screen = shown(screens, listed(("Link", "</first>; rel=first")))
    assert screen.get().json()["all"] == NOTHING


@pytest.mark.parametrize(
    "header",
    [
        ("X-Total-Count", "many"), ("X-Total-Count", ""), ("X-Total-Count", "1, 2"),
        ("X-Total-Count", "99999999999999999999"), ("X-Rate", "NaN"), ("X-More", "yes"),
    ],
)  # fmt: skip
def test_header_of_another_type_fails_the_step(screens: Screens, header: tuple[str, str]) -> None:
    answer = shown(screens, listed(header)).get()
    assert answer.status == 502
    assert 'details="list: invalid"' in (answer.header("proxy-status") or "")


@pytest.mark.parametrize(
    ("step", "script"),
    [
        ("on_failure: optional", listed(status=500)),
        ("on_failure: {fallback: []}", listed(("X-Total-Count", "3"), body=b"{}")),
        ("statuses: {404: null}", listed(("X-Total-Count", "3"), status=404)),
        ("when: '${`false`}'", listed()),
    ],
)
def test_step_without_a_reply_of_its_own_has_no_headers(
    screens: Screens, step: str, script: Script
) -> None:
    text = SCREEN.replace("{call: shop.list}", f"{{call: shop.list, {step}}}")
    assert shown(screens, script, text).get().json()["all"] == NOTHING


def test_step_waits_for_the_step_whose_header_it_reads_and_for_no_body(screens: Screens) -> None:
    screen = shown(
        screens,
        listed(("X-Total-Count", "7")),
        """
        endpoint: GET /screen
        steps:
          look: {call: shop.look, with: {whole: '${headers.list.total}'}}
          list: {call: shop.list}
        response: '${look.value}'
        """,
    )
    assert screen.get().json() == 1
    assert screen.calls() == ["GET /list", "GET /look?whole=7"]


CACHED = """
    endpoint: GET /screen
    params: {of: {type: string}}
    steps: {list: {call: shop.list, with: {of: '${params.of}'}}}
    response: {total: '${headers.list.total}', next: '${headers.list.next}'}
    CACHE
    """


@pytest.mark.parametrize("where", ["payload", "operation"])
def test_stored_payload_and_stored_reply_carry_the_headers(screens: Screens, where: str) -> None:
    cache = "cache: {ttl: 10m, tags: ['of-${params.of}']}"
    of_payload, of_operation = (cache, "") if where == "payload" else ("", f"    {cache}\n")
    script = listed(("X-Total-Count", "7"), ("Link", "</list?page=2>; rel=next"))
    text = CACHED.replace("CACHE", of_payload)
    screen = shown(screens, script, text, LIST + of_operation)
    for of in ("a", "b", "a", "b"):
        answer = screen.get(f"/screen?of={of}").json()
        assert answer == {"total": 7, "next": "/list?page=2"}
    assert screen.calls() == ["GET /list?of=a", "GET /list?of=b"]


def test_stored_pages_lead_to_the_next_page(screens: Screens) -> None:
    def list_page(exchange: Exchange) -> None:
        is_first = exchange.request.target == "/list"
        listed(*([("Link", "</list?page=2>; rel=next")] if is_first else []))(exchange)

    text = """
        endpoint: GET /screen
        steps:
          list: {call: shop.list, paginate: {by: link, max_pages: 3, max_items: 9}}
        """
    screen = shown(screens, list_page, text, f"{LIST}    cache: {{ttl: 10m}}\n")
    for _ in range(2):
        assert screen.get().json() == {"list": [1, 1]}
    assert screen.calls() == ["GET /list", "GET /list?page=2"]


def test_earlier_reply_stands_in_with_its_headers(screens: Screens) -> None:
    text = SCREEN.replace("{call: shop.list}", "{call: shop.list, on_failure: stale}")
    screen = shown(screens, listed(("X-Total-Count", "7")), text)
    assert screen.get().json()["total"] == 7
    screen.let("/list", listed(status=503))
    assert screen.get().json()["total"] == 7


def test_headers_of_a_reply_that_nobody_reads_count(screens: Screens) -> None:
    service = LIST.replace("list[int]", "none")
    screen = shown(screens, listed(("X-Total-Count", "7"), body=b"<html>"), SCREEN, service)
    assert (screen.get().json()["list"], screen.get().json()["total"]) == (None, 7)


def test_heavy_and_decoded_replies_have_their_headers(screens: Screens) -> None:
    numbers: list[Any] = [1] * 200_000
    screen = shown(screens, listed(("X-Total-Count", "7"), body=json.dumps(numbers).encode()))
    assert screen.get().json()["total"] == 7
    service = LIST.replace("returns: list[int]", "returns: list[Any]\n    decode: csv")
    screen = shown(screens, listed(("X-Total-Count", "8"), body=b"a\n1"), SCREEN, service)
    assert screen.get().json()["list"] == [{"a": "1"}]
    assert screen.get().json()["total"] == 8
