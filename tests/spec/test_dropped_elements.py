"""`invalid: drop`: one bad element costs no screen, and is reported."""

import json
from typing import Any

import pytest

from tests.support.gateway.screens import Screen, Screens, product, value_reply
from tests.support.upstream.wire_scripts import reply

BEST = """  best:
    request: GET /best
    params: {of: {type: integer, required: false}}
    returns: list[schemas.shop:Product]
    invalid: drop
"""
BAD = {"id": 3, "title": "Cap", "price": "free"}
SENT = [product(1), BAD, product(2), {}]
KEPT = [product(1), product(2)]


def shown(screens: Screens, step: str, more: str = "", service: str = BEST) -> Screen:
    text = f"endpoint: GET /screen\nsteps:\n  best: {step}\n{more}"
    return screens(text, {"/best": value_reply(SENT)}, service=service)


def timing(screen: Screen, target: str = "/screen") -> str:
    return screen.get(target).header("server-timing") or ""


def test_payload_without_bad_elements_is_complete_stored_and_says_how_many_it_lacks(
    screens: Screens,
) -> None:
    screen = shown(screens, "{call: shop.best}", "cache: {ttl: 10m}")
    answer = screen.get()
    assert answer.json() == {"best": KEPT}
    assert answer.header("proxy-status") is None
    assert 'desc="ok (2 dropped)"' in (answer.header("server-timing") or "")
    assert "stored" in (answer.header("cache-status") or "")
    assert screen.get().json() == {"best": KEPT}
    assert screen.calls() == ["GET /best"]


def test_lists_that_lack_nothing_say_nothing(screens: Screens) -> None:
    screen = shown(screens, "{call: shop.best}")
    screen.let("/best", value_reply(KEPT))
    assert 'desc="ok"' in timing(screen)


@pytest.mark.parametrize(
    "needs", ["'${best}'", "'${best[].id}'", "{a: '${best}', b: '${best[0]}'}"]
)
def test_whoever_reads_the_list_sees_what_is_sound(screens: Screens, needs: str) -> None:
    answer = shown(screens, "{call: shop.best}", f"response: {needs}").get().json()
    assert answer in (KEPT, [1, 2], {"a": KEPT, "b": KEPT[0]})


@pytest.mark.parametrize(
    ("step", "count"),
    [
        ("{call: shop.best, for_each: {over: '${params.ids}', as: n, max: 5}}", 4),
        ("{call: shop.best, validate: used}", 2),
        ("{call: shop.best, cache: {ttl: 10m, tags: ['p:${reply[].id}']}}", 2),
    ],
)
def test_parts_of_many_calls_and_shared_replies_are_counted(
    screens: Screens, step: str, count: int
) -> None:
    more = "params: {ids: {type: array, items: {type: integer}, default: [1, 2]}}"
    screen = shown(screens, step, more)
    for _ in range(2):
        assert f'desc="ok ({count} dropped)"' in timing(screen)
    if "cache" in step:
        assert screen.calls() == ["GET /best"]


def test_what_is_wrong_outside_of_the_list_fails_the_step(screens: Screens) -> None:
    screen = shown(screens, "{call: shop.best}")
    for sent in ({"id": 1}, None):
        screen.let("/best", value_reply(sent))
        assert screen.get().status == 502


def test_decoded_and_mended_lists_lack_what_is_wrong(screens: Screens) -> None:
    screen = shown(screens, "{call: shop.best}", service=f"{BEST}    decode: ndjson\n")
    lines: list[Any] = [json.dumps(each) for each in SENT]
    screen.let("/best", reply(body="\n".join(lines).encode()))
    assert screen.get().json() == {"best": KEPT}
    screen = shown(screens, "{call: shop.best}")
    screen.let("/best", reply(body=json.dumps(SENT).encode("utf-16")))
    assert screen.get().json() == {"best": KEPT}
