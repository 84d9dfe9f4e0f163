"""Names on the wire, forms of lists and objects, and bodies of each kind: from clients and to
services."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.support.hosts import Answer
from tests.support.screens import SCHEMAS, Screen, Screens, value_reply

DONE = value_reply({"value": 1})
FORM = "application/x-www-form-urlencoded"

TYPES = f"""{SCHEMAS}


class Price(BaseModel):
    least: float | None = None
    currency: Literal["EUR", "USD"] | None = None


class Filter(BaseModel):
    state: str | None = None
    ids: list[int] | None = None
    price: Price | None = None
    old: bool | None = None


Meta = dict[str, str]


class Key(BaseModel):
    shop: int
    number: str
"""


def send(screen: Screen, body: bytes, content_type: str, **more: str) -> Answer:
    headers = [("Content-Type", content_type), *more.items()]
    return screen.request("POST", "/screen", headers, body)


# ------------------------------------------------------------------------------ names


def test_names_on_the_wire_are_those_of_clients_and_of_services(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params:
          ids: {type: array, items: {type: integer}, name: "ids[]", max_items: 3}
          label: {type: string, name: "filter[name]", required: false}
          tenant: {in: header, type: string, name: X-Tenant, required: false}
        steps:
          look:
            call: shop.find
            with: {ids: "${params.ids}", label: "${params.label}", tenant: "${params.tenant}"}
        """,
        {"/find": DONE},
        service="""
  find:
    request: GET /find?api-version=2&view[kind]=full
    params:
      ids: {type: array, items: {type: integer}, name: "ids[]"}
      label: {type: string, name: $filter, required: false}
      tenant: {in: header, type: string, name: user-id, required: false}
    returns: schemas.shop:Loose
""",
    )
    constant = "api-version=2&view%5Bkind%5D=full"
    assert screen.get("/screen?ids[]=1&ids%5B%5d=2", X_Tenant="t").status == 200
    (request,) = screen.upstream.requests
    assert request.target == f"/find?{constant}&ids%5B%5D=1&ids%5B%5D=2"
    assert request.header("user-id") == "t"
    screen.get("/screen?ids[]=1&filter[name]=a+b%2Bc&label=x&%24filter=y")
    assert screen.calls()[-1] == f"GET /find?{constant}&ids%5B%5D=1&%24filter=a%20b%2Bc"


def test_bad_param_is_named_as_the_client_knows_it(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: POST /screen
        params:
          ids: {in: query, type: array, items: {type: integer}, name: "ids[]"}
          note: {type: string, name: the-note}
          tenant: {in: header, type: integer, name: X-Tenant}
        steps:
          paid: {call: shop.pay, with: {order_id: "${params.ids[0]}"}}
        """,
    )
    answer = screen.post({"note": "x"}, "/screen?ids=1")
    assert answer.status == 400
    assert answer.json()["errors"] == [
        {"name": "ids[]", "in": "query", "detail": "is required"},
        {"name": "the-note", "in": "body", "detail": "is required"},
        {"name": "X-Tenant", "in": "header", "detail": "is required"},
    ]


def test_param_that_the_service_can_not_take_is_named_as_the_client_knows_it(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params: {file: {type: string, name: "the file"}}
        steps: {file: {call: shop.get_file, with: {path: "${params.file}"}}}
        """,
    )
    answer = screen.get("/screen?the%20file=a/b")
    assert answer.json()["errors"] == [
        {"name": "the file", "in": "query", "detail": "holds a slash"}
    ]


# ------------------------------------------------------------------------------ styles

LIST = "{type: array, items: {type: string}, style: %s, required: false, name: 'a b'}"
WRITTEN = {
    "repeat": ("a+b=x&a+b=y%20z", "a%20b=x&a%20b=y%20z", ["x", "y z"]),
    "comma": ("a+b=x,y+z", "a%20b=x,y%20z", ["x", "y z"]),
    "space": ("a%20b=x+y%20z", "a%20b=x%20y%20z", ["x", "y", "z"]),
    "pipe": ("a%20b=x|y+z%7Ca", "a%20b=x%7Cy%20z%7Ca", ["x", "y z", "a"]),
}


@pytest.mark.parametrize("style", WRITTEN)
def test_list_of_each_style_comes_from_a_client_and_goes_to_a_service(
    screens: Screens, style: str
) -> None:
    come, gone, values = WRITTEN[style]
    screen = screens(
        f"""
        endpoint: GET /screen
        params: {{list: {LIST % style}}}
        steps: {{found: {{call: shop.find, with: {{list: "${{params.list}}"}}}}}}
        response: ${{params.list}}
        """,
        {"/find": DONE},
        service=f"""
  find:
    request: GET /find
    params: {{list: {LIST % style}}}
    returns: schemas.shop:Loose
""",
    )
    assert screen.get(f"/screen?{come}").json() == values
    assert screen.calls() == [f"GET /find?{gone}"]
    assert screen.get("/screen").json() is None


FILTERS = """
        endpoint: GET /screen
        params:
          filter: {schema: 'schemas.shop:Filter', style: deep_object, required: false}
        steps: {found: {call: shop.find, with: {filter: "${params.filter}"}}}
"""
FIND = """
  find:
    request: GET /find
    params: {filter: {schema: 'schemas.shop:Filter', style: deep_object, required: false}}
    returns: schemas.shop:Loose
"""


def test_object_comes_and_goes_field_by_field(screens: Screens) -> None:
    """Texts become what the schema says that they are, so that `true` is a text where it is one."""
    screen = screens(
        FILTERS + "        response: ${params.filter}", {"/find": DONE}, service=FIND, schemas=TYPES
    )
    query = (
        "filter[state]=true&filter[ids]=1&filter[ids]=2&filter[price][least]=2.5&filter[old]=true"
    )
    value = screen.get(f"/screen?{query}&other[x]=1&filter[unknown]=1").json()
    assert value["state"] == "true"
    assert (value["ids"], value["price"]["least"], value["old"]) == ([1, 2], 2.5, True)
    sent = screen.calls()[0].removeprefix("GET /find?")
    assert parse_qs(sent) == {
        "filter[state]": ["true"],
        "filter[ids]": ["1", "2"],
        "filter[price][least]": ["2.5"],
        "filter[old]": ["true"],
    }
    assert "[" not in sent
    assert screen.get("/screen").json() is None
    assert screen.calls()[1] == "GET /find"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("filter[ids]=x", "has a field, ids, that has an element, number 1, that must be an"),
        ("filter[old]=True", "has a field, old, that must be true or false"),
        ("filter[state]=a&filter[state]=b", "has a field, state, that must come once, as a text"),
        ("filter[state][x]=a", "has a field, state, that must come once, as a text"),
        ("filter[price]=5", "has a field, price, that has fields of its own"),
        ("filter[price]=5&filter[price][least]=5", "a field that is both a text and an object"),
        ("filter[state]=", "has a field, state, that must not be empty"),
        ("filter[]=1", "must have the name of one field in each pair of brackets"),
        ("filter[a]b=1", "must have the name of one field in each pair of brackets"),
        ("filter=a", "is an object, and comes by its fields: filter[field]=…"),
        ("filter[price][currency]=YEN", "does not have its form: price.currency: literal_error"),
        (f"filter{'[a]' * 21}=1", "is nested too deep"),
    ],
)
def test_object_that_is_written_wrong_is_a_bad_param(
    screens: Screens, query: str, detail: str
) -> None:
    screen = screens(FILTERS, service=FIND, schemas=TYPES)
    answer = screen.get(f"/screen?{query}")
    assert answer.status == 400
    (error,) = answer.json()["errors"]
    assert (error["name"], error["in"]) == ("filter", "query")
    assert detail in error["detail"]


# ------------------------------------------------------------------------------ bodies

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
