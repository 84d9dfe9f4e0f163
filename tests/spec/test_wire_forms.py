"""Names on the wire, and forms of lists and objects in queries: from clients and to services."""

from urllib.parse import parse_qs

import pytest

from tests.support.gateway.screens import SCHEMAS, Screens, value_reply

DONE = value_reply({"value": 1})

TYPES = f"""{SCHEMAS}


class Price(BaseModel):
    least: float | None = None
    currency: Literal["EUR", "USD"] | None = None


class Filter(BaseModel):
    state: str | None = None
    ids: list[int] | None = None
    price: Price | None = None
    old: bool | None = None
"""


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
        {"name": "X-Tenant", "in": "header", "detail": "is required"},
    ]
    answer = screen.post({"note": "x"}, "/screen?ids[]=1", x_tenant="7")
    assert answer.json()["errors"] == [
        {"name": "the-note", "in": "body", "detail": "is required"},
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
