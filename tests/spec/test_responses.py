"""The payload's form: whole steps, reshaped ones, lists and texts at the top; types survive."""

import pytest

from tests.support.gateway.screens import (
    SCHEMAS,
    SERVICE,
    Screens,
    order,
    product,
    user,
    value_reply,
)
from tests.support.upstream.wire_scripts import json_reply


def test_response_left_out_is_every_step_under_its_name_in_declared_order(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          zebra: {call: shop.list_bestsellers}
          user: {call: shop.get_user, with: {id: 1}}
          aux: {call: shop.look, hidden: true}
        """,
        {
            "/bestsellers": value_reply([product(1)]),
            "/users/1": user(),
            "/look": value_reply({"value": 1}),
        },
    )
    assert screen.get().body == (
        b'{"zebra":[{"id":1,"title":"Hat","price":9.5}],'
        b'"user":{"id":1,"firstName":"Ann","last_name":null,"born":null,"role":"customer"}}'
    )


def test_hidden_step_may_still_be_used_in_the_response(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps: {user: {call: shop.get_user, with: {id: 1}, hidden: true}}
        response: {name: '${user.firstName}'}
        """,
        {"/users/1": user()},
    )
    assert screen.get().json() == {"name": "Ann"}


@pytest.mark.parametrize(
    ("response", "body"),
    [
        ("${best}", b'[{"id":1,"title":"Hat","price":9.5},{"id":2,"title":"Cap","price":9.5}]'),
        ("${best[].id}", b"[1,2]"),
        ("[1, '${best[0].id}', two]", b'[1,1,"two"]'),
        ("${length(best)}", b"2"),
        ("${best[0].title}", b'"Hat"'),
        ("${best[9]}", b"null"),
        ("${length(best) > `1`}", b"true"),
        ("plain", b'"plain"'),
        ("{}", b"{}"),
        ("[]", b"[]"),
    ],
)
def test_payload_may_be_anything_at_the_top(screens: Screens, response: str, body: bytes) -> None:
    screen = screens(
        f"""
        endpoint: GET /screen
        steps: {{best: {{call: shop.list_bestsellers}}}}
        response: {response}
        """,
        {"/bestsellers": value_reply([product(1), product(2, "Cap")])},
    )
    answer = screen.get()
    assert (answer.status, answer.body) == (200, body)
    assert answer.header("content-type") == "application/json"


def test_string_that_is_one_expression_keeps_its_type_and_any_other_is_text(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        response:
          whole: ${user.id}
          text: "no. ${user.id} is ${user.firstName}"
          blank: " ${user.id}"
          flag: "it is ${user.id == `1`}"
          price: $${user.id}
          plain: "${'${'}user.id}"
          number: 7
          yes: true
          none: null
          date: 2024-01-02
          deep: {list: ['${user.id}', {a: '${user.role}'}]}
        """,
        {"/users/1": user()},
    )
    assert screen.get().json() == {
        "whole": 1,
        "text": "no. 1 is Ann",
        "blank": " 1",
        "flag": "it is true",
        "price": "$1",
        "plain": "${user.id}",
        "number": 7,
        "yes": True,
        "none": None,
        "date": "2024-01-02",
        "deep": {"list": [1, {"a": "customer"}]},
    }


def test_null_goes_out_as_null_under_its_key(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}}
          none: {call: shop.get_user, with: {id: 2}, statuses: {404: null}}
        response: {born: '${user.born}', none: '${none}', deep: '${none.firstName}'}
        """,
        {"/users/1": user()},
    )
    assert screen.get().body == b'{"born":null,"none":null,"deep":null}'


def test_field_that_the_schema_lacks_is_nowhere_in_the_payload(screens: Screens) -> None:
    """Neither where a step goes out whole, nor where it is reshaped, nor to a later step."""
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}}
          orders: {call: shop.list_orders, with: {user_id: 1}}
        response:
          whole: ${user}
          picked: ${orders.orders[0]}
          keys: ${keys(user)}
        views:
          own: {response: '${user}'}
          mask: [whole]
        """,
        {
            "/users/1": user(ssn="secret", role="admin"),
            "/orders": value_reply({"orders": [{**order(1, 2), "card": "secret"}], "x": "secret"}),
        },
    )
    for target in ("/screen", "/screen?view=own", "/screen?view=mask"):
        answer = screen.get(target)
        assert answer.status == 200
        assert b"secret" not in answer.body
        assert b"ssn" not in answer.body


def test_expressions_see_the_json_form_aliases_dates_and_enums(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        response: ${join('/', [user.firstName, user.role, not_null(user.born, 'never')])}
        """,
        {"/users/1": user(born="1999-12-31", role="admin")},
    )
    assert screen.get().json() == "Ann/admin/1999-12-31"


def test_value_keeps_its_json_type_whether_spliced_or_computed(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps: {look: {call: shop.look}}
        response: ['${look.value}', '${look}']
        """
    )
    for upstream, payload in (
        ("1", b"1"),
        ("1.0", b"1.0"),
        ("1.5", b"1.5"),
        ("-0.0", b"-0.0"),
        ("1e2", b"100.0"),
        ("9007199254740993", b"9007199254740993"),
        ("123456789012345678901234567890", b"123456789012345678901234567890"),
        ("true", b"true"),
        ('"1"', b'"1"'),
        ('"\\u00e9\\ud83d\\ude00"', '"é😀"'.encode()),
        ('"a\\u0000\\"\\\\/"', b'"a\\u0000\\"\\\\/"'),
        ('{"b":1,"a":{"__proto__":2}}', b'{"b":1,"a":{"__proto__":2}}'),
        ("[null,[],{}]", b"[null,[],{}]"),
        ('{"a":1,"a":2}', b'{"a":2}'),
    ):
        screen.let("/look", json_reply(f'{{"value": {upstream}}}'))
        assert screen.get().body == b'[%s,{"value":%s}]' % (payload, payload)


def test_params_may_go_out_with_their_types(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen/{id}
        params:
          id: {type: integer}
          part: {type: number, default: 1}
          flag: {type: boolean, default: false}
          tags: {type: array, items: {type: string}, default: []}
        steps: {best: {call: shop.list_bestsellers, hidden: true}}
        response: ${params}
        """,
        {"/bestsellers": value_reply([])},
    )
    assert screen.get("/screen/7?part=2.50&flag=true&tags=b&tags=a").json() == {
        "id": 7,
        "part": 2.5,
        "flag": True,
        "tags": ["b", "a"],
    }


def test_two_projects_with_schemas_of_one_name_live_in_one_process(screens: Screens) -> None:
    composition = """
        endpoint: GET /screen
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        """
    short = """
        from pydantic import BaseModel
        class User(BaseModel):
            id: int
        """
    first = screens(composition, {"/users/1": user()})
    second = screens(
        composition,
        {"/users/1": user()},
        schemas=short,
        services={
            "shop": SERVICE.partition("list_orders")[0].replace("http://127.0.0.1:9", "{shop}")
        },
    )
    assert second.get().json() == {"user": {"id": 1}}
    assert first.get().json()["user"]["firstName"] == "Ann"


def test_declared_bytes_are_the_serializers_and_not_the_upstreams(screens: Screens) -> None:
    """A date, a number and an order of keys that the upstream spells in its own way."""
    screen = screens(
        """
        endpoint: GET /screen
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        """,
        {"/users/1": json_reply('{ "role":"admin", "first_name" : "\\u0041nn", "id":1.0 }')},
        schemas=SCHEMAS,
    )
    assert screen.get().body == (
        b'{"user":{"id":1,"firstName":"Ann","last_name":null,"born":null,"role":"admin"}}'
    )


def test_payload_that_repeats_eight_bytes_four_million_times_is_too_large(screens: Screens) -> None:
    doubled = " | ".join(["user.firstName", *["[@, @]"] * 22])
    screen = screens(
        f"""
        endpoint: GET /screen
        steps:
          user: {{call: shop.get_user, with: {{id: 1}}}}
        response: {{names: "${{{doubled}}}"}}
        """,
        {"/users/1": user()},
    )
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (502, "too_large")


def test_integer_of_4301_digits_among_text_is_a_failed_payload(screens: Screens) -> None:
    most = "9" * 4300
    screen = screens(
        """
        endpoint: GET /screen
        steps: {look: {call: shop.look}}
        response: {text: "n=${sum(look.value)}"}
        """,
        {"/look": json_reply(f'{{"value": [{most}, {most}]}}')},
    )
    assert screen.get().status == 502
