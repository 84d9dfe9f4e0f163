"""Bodies of each kind, from clients and to services: forms, whole values, other media types."""

import json
from typing import Any

import pytest

from tests.support.gateway.hosts import Answer
from tests.support.gateway.screens import SCHEMAS, Screen, Screens, value_reply

DONE = value_reply({"value": 1})
FORM = "application/x-www-form-urlencoded"

TYPES = f"""{SCHEMAS}


Meta = dict[str, str]


class Key(BaseModel):
    shop: int
    number: str
"""


def send(screen: Screen, body: bytes, content_type: str, **more: str) -> Answer:
    headers = [("Content-Type", content_type), *more.items()]
    return screen.request("POST", "/screen", headers, body)


PAY = """
        endpoint: POST /screen
        params:
          amount: {in: form, type: integer, minimum: 1}
          expand: {in: form, type: array, items: {type: string}, name: "expand[]", default: []}
          meta: {in: form, schema: 'schemas.shop:Meta', style: deep_object, required: false}
        steps:
          paid:
            call: shop.charge
            with: {amount: "${params.amount}", expand: "${params.expand}", meta: "${params.meta}"}
"""
CHARGE = """
  charge:
    request: POST /charges
    params:
      amount: {in: form, type: integer}
      expand: {in: form, type: array, items: {type: string}, name: "expand[]", required: false}
      meta: {in: form, schema: 'schemas.shop:Meta', style: deep_object, required: false}
      currency: {in: form, type: string, default: eur}
    returns: schemas.shop:Loose
"""


def test_form_comes_from_a_client_and_goes_to_a_service(screens: Screens) -> None:
    screen = screens(PAY, {"/charges": DONE}, service=CHARGE, schemas=TYPES)
    body = b"amount=5&expand%5B%5D=a+b&expand[]=c&meta[x%20y]=1&other=2"
    assert send(screen, body, f"{FORM}; charset=UTF-8").status == 200
    (request,) = screen.upstream.requests
    assert request.header("content-type") == FORM
    assert request.body == (
        b"amount=5&expand%5B%5D=a%20b&expand%5B%5D=c&meta%5Bx%20y%5D=1&currency=eur"
    )
    answer = send(screen, b"amount=0&meta=1", FORM)
    assert [(error["name"], error["in"]) for error in answer.json()["errors"]] == [
        ("amount", "form"),
        ("meta", "form"),
    ]
    assert send(screen, b'{"amount": 5}', "application/json").status == 415
    assert send(screen, b"a=1&" * 10_000, FORM).json()["errors"] == [
        {"in": "form", "detail": "has more than 10000 fields"}
    ]


def test_form_of_a_foreign_page_is_refused(screens: Screens) -> None:
    """A browser sends it without asking, with whatever lets the user reach the gateway."""
    screen = screens(
        PAY,
        {"/charges": DONE},
        service=CHARGE,
        schemas=TYPES,
        gateway='cors: {origins: ["https://shop.example"]}',
    )
    for origin in ("https://evil.example", "null", "https://shop.example:8443"):
        answer = send(screen, b"amount=5", FORM, Origin=origin)
        assert (answer.status, answer.json()["reason"]) == (403, "foreign_origin")
    assert screen.calls() == []
    for origin in ("https://shop.example", screen.host.url):
        assert send(screen, b"amount=5", FORM, Origin=origin).status == 200


def test_own_page_is_that_of_the_host_which_a_trusted_proxy_reports(screens: Screens) -> None:
    proxies = "trusted_proxies: {addresses: [127.0.0.0/8], hops: 1}"
    more = {"service": CHARGE, "schemas": TYPES}
    trusting = screens(PAY, {"/charges": DONE}, gateway=proxies, **more)
    doubting = screens(PAY, {"/charges": DONE}, **more)
    page = {"Origin": "https://shop.example", "X-Forwarded-Host": "shop.example"}
    page["X-Forwarded-For"] = "203.0.113.7"
    assert send(trusting, b"amount=5", FORM, **page).status == 200
    assert send(doubting, b"amount=5", FORM, **page).status == 403


WHOLE = """
        endpoint: POST /screen
        {more}
        params: {{all: {{in: body, whole: true, {kind}}}}}
        steps: {{put: {{call: shop.put, with: {{all: "${{params.all}}"}}}}}}
"""
PUT = """
  put:
    request: PUT /put
    {more}
    params: {{all: {{in: body, whole: true, {kind}}}}}
    returns: schemas.shop:Loose
"""
VENDOR = "application/vnd.api+json"


@pytest.mark.parametrize(
    ("kind", "more", "content_type", "body", "bad"),
    [
        ("schema: 'schemas.shop:Key'", "", "application/json", b'{"shop":1,"number":"2"}', b"[]"),
        ("schema: 'list[schemas.shop:Key]'", f"content_type: {VENDOR}", VENDOR,
         b'[{"shop":1,"number":"2"}]', b"{}"),
        ("type: array, items: {type: integer}", "", "application/json", b"[1,2]", b'["x"]'),
        ("type: integer", "", "application/json", b"7", b"7.5"),
        ("type: string", "", "text/plain; charset=utf-8", "für 5 €\n".encode(), b"\xff"),
        ("type: string", "content_type: application/x-ndjson", "application/x-ndjson",
         b'{"a":1}\n{"a":2}\n', b"a\0b"),
        ("type: string", f"content_type: {VENDOR}", VENDOR, b'"x"', b"x"),
    ],
)  # fmt: skip
def test_param_is_the_whole_body(
    screens: Screens, kind: str, more: str, content_type: str, body: bytes, bad: bytes
) -> None:
    screen = screens(
        WHOLE.format(kind=kind, more=more),
        {"/put": DONE},
        service=PUT.format(kind=kind, more=more),
        schemas=TYPES,
    )
    assert send(screen, body, content_type).status == 200
    (request,) = screen.upstream.requests
    assert (request.header("content-type"), request.body) == (content_type, body)
    for wrong in (bad, b""):
        answer = send(screen, wrong, content_type)
        assert answer.status == 400
        (error,) = answer.json()["errors"]
        assert error["in"] == "body"
        assert "name" not in error
    assert send(screen, body, "application/xml").status == 415


def test_whole_body_that_the_service_can_not_take_has_no_name(screens: Screens) -> None:
    screen = screens(
        WHOLE.format(kind="type: array, items: {type: integer}", more=""),
        service=PUT.format(kind="type: array, items: {type: integer}, max_items: 1", more=""),
    )
    answer = send(screen, b"[1,2]", "application/json")
    assert answer.status == 400
    assert answer.json()["errors"] == [{"in": "body", "detail": "must have at most 1 elements"}]


@pytest.mark.parametrize("whole", [True, False], ids=["the whole body", "a field"])
def test_batch_divides_a_list_of_objects_in_a_body(screens: Screens, whole: bool) -> None:
    declared = f"{{in: body, whole: {str(whole).lower()}, schema: 'list[schemas.shop:Key]'}}"
    screen = screens(
        f"""
        endpoint: QUERY /screen
        params: {{keys: {declared}}}
        steps:
          found:
            call: shop.look_up
            with: {{keys: "${{params.keys}}"}}
            batch: {{over: keys, size: 2, max: 10}}
        """,
        {"/look-up": value_reply([{"value": 1}])},
        service=f"""
  look_up:
    request: POST /look-up
    reads: true
    params: {{keys: {declared}}}
    returns: list[schemas.shop:Loose]
""",
        schemas=TYPES,
    )
    keys = [{"shop": shop, "number": number} for shop in (1, 2) for number in ("a", "b")]

    def ask(*asked: Any) -> Answer:
        body = [*asked] if whole else {"keys": [*asked]}
        headers = [("Content-Type", "application/json")]
        return screen.request("QUERY", "/screen", headers, json.dumps(body).encode())

    assert ask(*keys[:3], keys[0]).json() == {"found": [{"value": 1}] * 2}
    sent = [json.loads(each.body) for each in screen.upstream.requests]
    assert sorted((each if whole else each["keys"] for each in sent), key=len) == [
        [keys[2]],
        keys[:2],
    ]
    assert ask().json() == {"found": []}
    assert ask({"shop": 1}).status == 400
    assert len(screen.calls()) == 2
