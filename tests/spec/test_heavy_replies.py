"""Replies of almost 4 MiB: nobody else waits long while one is read, put together and sent."""

import pytest

from tests.support.gateway.pings import hold_nobody_up
from tests.support.gateway.screens import Screens, user
from tests.support.upstream.wire_scripts import json_reply

SIZE = int(3.9 * 1024 * 1024)

# `bff.engine.steps.bodies` states 240 ms for the heaviest body that is read at all; a core that is
# shared computes more slowly.
LONGEST_WAIT_SECONDS = 0.5


def filled(start: bytes, element: bytes, end: bytes, *, most: int = SIZE) -> bytes:
    """A list of this element, as often as there is room for it, and blanks for the rest."""
    count = min(most, (SIZE - len(start) - len(end)) // (len(element) + 1))
    body = start + b",".join([element] * count) + end
    return body + b" " * (SIZE - len(body))


HEAVY = {
    "numbers": ("look", filled(b'{"value":[', b"0.1", b"]}")),
    "texts": ("look", filled(b'{"value":[', b'"a"', b"]}")),
    "products": ("best", filled(b"[", b'{"id":1,"title":"Hat, or a cap","price":9.5}', b"]")),
    "keys": ("look", b'{"value":{%s}}' % b",".join(b'"%06d":1' % n for n in range(SIZE // 12))),
    "nested 190 deep": (
        "look",
        filled(b'{"value":[', b"[" * 190 + b"]" * 190, b"]}", most=SIZE // 40 // 191),
    ),
}

COMPOSITIONS = {
    "look": """
        endpoint: GET /look
        deadline: 15s
        steps: {look: {call: shop.look}}
        response: {whole: '${look}', again: '${look.value}'}
        """,
    "best": """
        endpoint: GET /best
        deadline: 15s
        steps: {best: {call: shop.list_bestsellers}}
        response: {whole: '${best}', again: '${best[?price > `1`]}'}
        """,
    "quick": "{endpoint: GET /quick, steps: {user: {call: shop.get_user, with: {id: 1}}}}",
    "hit": """
        endpoint: GET /hit
        cache: {ttl: 600s}
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        """,
}


@pytest.mark.parametrize(("name", "body"), HEAVY.values(), ids=HEAVY.keys())
def test_reply_that_is_as_heavy_as_may_be_keeps_others_waiting_no_longer_than_stated(
    screens: Screens, name: str, body: bytes
) -> None:
    screen = screens(
        COMPOSITIONS,
        {"/look": json_reply(body), "/bestsellers": json_reply(body), "/users/1": user()},
        service="timeout: 15s\n",
    )

    def work() -> None:
        assert screen.get(f"/{name}").status == 200

    hold_nobody_up(work, lambda: screen.get("/quick"), seconds=LONGEST_WAIT_SECONDS)


def test_hit_waits_no_longer_than_stated_beside_the_heaviest_reply(screens: Screens) -> None:
    """Hits are answered on the loop: nothing answers them while pydantic holds the GIL."""
    name, body = HEAVY["keys"]
    screen = screens(
        COMPOSITIONS, {"/look": json_reply(body), "/users/1": user()}, service="timeout: 15s\n"
    )
    assert screen.get("/hit").status == 200

    def work() -> None:
        assert screen.get(f"/{name}").status == 200

    hold_nobody_up(work, lambda: screen.get("/hit"), seconds=LONGEST_WAIT_SECONDS)


@pytest.mark.parametrize("element", [b'{"a":1}', b"[]"])
def test_reply_of_more_objects_than_may_be_read_in_that_time_is_too_large(
    screens: Screens, element: bytes
) -> None:
    screen = screens(COMPOSITIONS, {"/look": json_reply(filled(b'{"value":[', element, b"]}"))})
    answer = screen.get("/look")
    assert (answer.status, answer.json()["reason"]) == (502, "too_large")
