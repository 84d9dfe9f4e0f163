"""A composition's params: one strict form for each value, and a 400 that names every bad one."""

from typing import Any

import pytest

from tests.support.gateway.hosts import Answer
from tests.support.gateway.screens import Screen, Screens, value_reply

TYPED = """
    endpoint: GET /screen/{id}
    params:
      id: {type: integer, minimum: 1, maximum: 1000}
      whole: {type: integer, required: false}
      part: {type: number, required: false}
      flag: {type: boolean, required: false}
      text: {type: string, required: false, min_length: 2, max_length: 5, pattern: '^[a-z]+$'}
      day: {type: string, format: date, required: false}
      kind: {type: string, enum: [new, used], default: new}
      tags: {type: array, items: {type: string}, max_items: 2, required: false}
      ids: {type: array, items: {type: integer, minimum: 1}, style: comma, default: []}
      X-Tenant: {in: header, type: string, required: false}
    steps:
      look: {call: shop.look, hidden: true}
    response: ${params}
    """

POSTED = """
    endpoint: POST /screen/{id}
    params:
      id: {type: integer}
      count: {in: body, type: integer, minimum: 1}
      note: {in: body, type: string, required: false}
      item: {in: body, schema: 'schemas.shop:Item', required: false}
    steps:
      look: {call: shop.look, hidden: true}
    response: ${params}
    """

GOOD = {"/look": value_reply({})}


@pytest.fixture
def typed(screens: Screens) -> Screen:
    return screens(TYPED, GOOD)


@pytest.fixture
def posted(screens: Screens) -> Screen:
    return screens(POSTED, GOOD)


def bad(answer: Answer) -> list[tuple[str, str]]:
    """The names and locations that a 400 tells."""
    assert answer.status == 400
    document = answer.json()
    assert answer.header("content-type") == "application/problem+json"
    assert document["reason"] == "bad_params"
    assert all(error["detail"] for error in document["errors"])
    return [(error.get("name", ""), error["in"]) for error in document["errors"]]


def test_each_param_has_its_type_and_its_default(typed: Screen) -> None:
    assert typed.get("/screen/7").json() == {"id": 7, "kind": "new", "ids": []}
    target = (
        "/screen/1000?whole=-3&part=-1.5e3&flag=false&text=abc&day=2024-02-29"
        "&kind=used&tags=a+b&tags=c%2Cd&ids=3,1,3"
    )
    assert typed.get(target, x_tenant="acme").json() == {
        "id": 1000, "whole": -3, "part": -1500.0, "flag": False, "text": "abc",
        "day": "2024-02-29", "kind": "used", "tags": ["a b", "c,d"], "ids": [3, 1, 3],
        "X-Tenant": "acme",
    }  # fmt: skip


def test_every_bad_param_is_named_in_declared_order_and_no_upstream_is_asked(
    typed: Screen,
) -> None:
    answer = typed.get("/screen/0?kind=old&tags=a&tags=b&tags=c&whole=x&text=A&day=2023-02-29")
    assert bad(answer) == [
        ("id", "path"), ("whole", "query"), ("text", "query"), ("day", "query"),
        ("kind", "query"), ("tags", "query"),
    ]  # fmt: skip
    assert typed.calls() == []


def test_no_value_is_repeated_in_the_problem(typed: Screen) -> None:
    answer = typed.get("/screen/hush1?whole=hush2&kind=hush3&ids=hush4")
    assert len(bad(answer)) == 4
    assert b"hush" not in answer.body


def test_empty_path_segment_is_no_param(typed: Screen) -> None:
    assert typed.get("/screen/").status == 404
    assert typed.get("/screen//").status == 404


def test_each_type_has_one_strict_form(typed: Screen) -> None:
    for name, texts in {
        "whole": ["", "+1", "1_000", "1.0", "1e3", "%201", "%EF%BC%91", "01", "9" * 5000, "1%00"],
        "part": ["", ".5", "5.", "+1", "1_0", "NaN", "Infinity", "inf", "1e999", "%201", "0x1p3"],
        "flag": ["", "True", "TRUE", "1", "0", "yes", "on", "%20true"],
        "text": ["", "a", "abcdef", "Ab", "ab%0A", "%F0%9F%98%80"],
        "day": ["", "2023-02-29", "2024-2-9", "20240209", "2024-02-09T00:00:00", "today"],
        "kind": ["", "New", "new%20", "new,used"],
        "ids": ["", ",", "1,", ",1", "1,,2", "1;2", "1,x", "1, 2", "0"],
    }.items():
        for text in texts:
            answer = typed.get(f"/screen/1?{name}={text.replace(' ', '%20')}")
            assert bad(answer) == [(name, "query")], (name, text)
            if name == "whole" and text:
                assert bad(typed.get(f"/screen/{text}")) == [("id", "path")], text
    assert typed.calls() == []
    assert typed.get("/screen/1").status == 200


def test_param_that_is_no_list_and_comes_twice_is_bad(typed: Screen) -> None:
    assert bad(typed.get("/screen/1?whole=1&whole=1")) == [("whole", "query")]
    assert bad(typed.get("/screen/1?ids=1&ids=2")) == [("ids", "query")]
    assert bad(typed.get("/screen/1?whole=1&wh%6Fle=1")) == [("whole", "query")]


def test_text_that_is_not_utf_8_is_bad(typed: Screen) -> None:
    assert bad(typed.get("/screen/1?text=%ff%fe")) == [("text", "query")]
    assert typed.get("/screen/%ff").status == 400


def test_required_params_are_all_named_when_they_are_absent(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params:
          a: {type: integer}
          b: {type: array, items: {type: string}}
          X-C: {in: header, type: string}
          d: {type: integer, default: 1}
        steps: {look: {call: shop.look, hidden: true}}
        response: ${params}
        """,
        GOOD,
    )
    assert bad(screen.get()) == [("a", "query"), ("b", "query"), ("X-C", "header")]


def test_header_param_is_read_in_any_case_and_only_once(screens: Screens) -> None:
    screen = screens(TYPED, GOOD)
    answer = screen.request("GET", "/screen/1", [("x-TENANT", "acme")])
    assert answer.json()["X-Tenant"] == "acme"
    if screens.host_name == "edge":  # a WSGI server has joined the two with a comma
        twice = screen.request("GET", "/screen/1", [("X-Tenant", "a"), ("x-tenant", "b")])
        assert bad(twice) == [("X-Tenant", "header")]


def test_header_param_goes_on_with_the_bytes_that_it_came_with(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params:
          X-Tenant: {in: header, type: string}
        steps:
          look: {call: shop.look, with: {X-Tenant: '${params."X-Tenant"}'}, hidden: true}
        response: ${params}
        """,
        GOOD,
    )
    came = "Zürich €".encode()
    answer = screen.request("GET", "/screen", [("X-Tenant", came.decode("latin-1"))])
    assert answer.json() == {"X-Tenant": "Zürich €"}
    (request,) = screen.upstream.requests
    assert b": " + came + b"\r\n" in request.head
    assert bad(screen.request("GET", "/screen", [("X-Tenant", "Z\xfcrich")])) == [
        ("X-Tenant", "header")
    ]


def test_integer_of_4301_digits_is_a_bad_param_wherever_it_comes(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: POST /screen/{id}
        params:
          id: {type: integer}
          whole: {in: query, type: integer, required: false}
          part: {in: query, type: number, required: false}
          X-Count: {in: header, type: integer, required: false}
          tree: {in: body, schema: 'dict[str, schemas.shop:Loose]', required: false}
        steps: {look: {call: shop.look, hidden: true}}
        response: ${params}
        """,
        GOOD,
    )
    digits = "1" * 4301
    assert bad(screen.post({}, f"/screen/{digits}")) == [("id", "path")]
    assert bad(screen.post({}, f"/screen/1?whole={digits}")) == [("whole", "query")]
    assert bad(screen.post({}, f"/screen/1?part={digits}")) == [("part", "query")]
    long_header = [("X-Count", digits), ("Content-Type", "application/json")]
    assert bad(screen.request("POST", "/screen/1", long_header, b"{}")) == [("X-Count", "header")]
    headers = [("Content-Type", "application/json")]
    in_body = screen.request("POST", "/screen/1", headers, b'{"tree": [%s]}' % digits.encode())
    assert bad(in_body) == [("", "body")]
    tree = {"n": {"value": [2**63]}}
    assert bad(screen.post({"tree": tree}, "/screen/1")) == [("tree", "body")]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"count": 0}, ["count"]),
        ({"count": "1"}, ["count"]),
        ({"count": 1.5}, ["count"]),
        ({"count": True}, ["count"]),
        ({"count": None}, ["count"]),
        ({"note": 5}, ["count", "note"]),
        ({"count": 1, "item": {"product_id": 1}}, ["item"]),
        ({}, ["count"]),
    ],
)
def test_field_of_a_body_that_is_bad_is_named(
    posted: Screen, body: dict[str, Any], names: list[str]
) -> None:
    assert bad(posted.post(body, "/screen/1")) == [(name, "body") for name in names]
    assert posted.calls() == []


def test_body_may_hold_more_than_is_read_and_a_model_drops_what_it_lacks(posted: Screen) -> None:
    body = {"count": 2, "other": [1], "item": {"product_id": 1, "quantity": 2, "x": "hush"}}
    assert posted.post(body, "/screen/7").json() == {
        "id": 7,
        "count": 2,
        "item": {"product_id": 1, "quantity": 2},
    }


def test_problem_names_what_is_wrong_in_words(typed: Screen) -> None:
    errors = {
        error["name"]: error["detail"] for error in typed.get("/screen/0?whole=+1").json()["errors"]
    }
    assert "1" in errors["id"]
    assert "digits" in errors["whole"]
