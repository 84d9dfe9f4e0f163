"""A client's JSON body: what is wrong with it as a whole, and that a heavy one holds nobody up."""

import pytest

from tests.spec.test_params import GOOD
from tests.support.gateway.pings import hold_nobody_up
from tests.support.gateway.screens import Screens

LIST = """
endpoint: POST /screen
params: {ids: {in: body, type: array, items: {type: integer, minimum: 1}}}
steps: {look: {call: shop.look, with: {whole: '${length(params.ids)}'}, hidden: true}}
response: {count: '${length(params.ids)}'}
"""
QUICK = "{endpoint: GET /quick, steps: {look: {call: shop.look}}}"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{", "must be JSON"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'{"ids": [1], "ids": [2]}', "has a name twice in one object"),
        (b'{"ids": [1e999]}', "has a number that is not finite"),
        (b'{"ids": ' + b"[" * 300 + b"]" * 300 + b"}", "is nested too deep"),
    ],
)
def test_body_that_is_wrong_as_a_whole_is_told_once_for_all_its_fields(
    screens: Screens, body: bytes, detail: str
) -> None:
    screen = screens(LIST, GOOD)
    answer = screen.request("POST", "/screen", [("Content-Type", "application/json")], body)
    assert answer.status == 400
    assert answer.json()["detail"] == "Bad params: the body."
    assert answer.json()["errors"] == [{"in": "body", "detail": detail}]
    assert screen.calls() == []


@pytest.mark.parametrize("last", [b"1", b"0"])
def test_heavy_body_is_read_while_others_are_answered(screens: Screens, last: bytes) -> None:
    """The largest body that is taken, of 349,000 elements that are checked one by one."""
    screen = screens({"screen": LIST, "quick": QUICK}, GOOD)
    body = b'{"ids":[' + b"11," * 349_000 + last + b"]}"

    def work() -> None:
        headers = [("Content-Type", "application/json")]
        answer = screen.request("POST", "/screen", headers, body)
        if last == b"1":
            assert answer.json() == {"count": 349_001}
        else:
            assert answer.status == 400
            assert answer.json()["errors"][0]["name"] == "ids"

    hold_nobody_up(work, lambda: screen.get("/quick"), seconds=0.4)
