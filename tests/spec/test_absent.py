"""Null, absent and a value are three things in what is written, from the client to the service."""

import json
from typing import Any

import pytest

from tests.support.cache.answers import is_hit
from tests.support.gateway.screens import SCHEMAS, Screen, Screens, value_reply

DONE = value_reply({"value": 1})

TYPES = f"""{SCHEMAS}


class Patch(BaseModel):
    nickname: str | None = None
    size: int | None = None
    tags: list[str] = []


class Ask(BaseModel):
    nickname: str | None = None
    size: int | None = None


class Attributes(BaseModel):
    nickname: str | None = None
    note: str | None = None


class Resource(BaseModel):
    id: str
    attributes: Attributes


class Document(BaseModel):
    data: Resource
"""

SHOP = """
  patch:
    request: PATCH /profile
    params: {nickname: {type: string, required: false}, size: {type: integer, required: false}}
    returns: schemas.shop:Loose
  replace:
    request: PUT /profile
    params: {nickname: {type: string, default: none}, all: {schema: 'schemas.shop:Ask'}}
    returns: schemas.shop:Loose
  merge:
    request: PATCH /whole
    content_type: application/merge-patch+json
    params: {patch: {in: body, whole: true, schema: 'schemas.shop:Patch'}}
    returns: schemas.shop:Loose
  document:
    request: PATCH /documents/{id}
    content_type: application/vnd.api+json
    params: {id: {type: string}, document: {in: body, whole: true, schema: 'schemas.shop:Document'}}
    returns: schemas.shop:Loose
  find:
    request: POST /find
    reads: true
    params: {all: {in: body, whole: true, schema: 'schemas.shop:Ask'}}
    returns: schemas.shop:Loose
"""


def sent(screen: Screen) -> Any:
    """The last body that the shop got."""
    return json.loads(screen.upstream.requests[-1].body)


BODIES: list[dict[str, Any]] = [
    {},
    {"nickname": None},
    {"nickname": "Al"},
    {"nickname": None, "size": 3},
    {"size": None},
]


@pytest.mark.parametrize("body", BODIES)
def test_patch_reaches_the_service_as_the_client_sent_it(screens: Screens, body: Any) -> None:
    screen = screens(
        {
            "fields": """
                endpoint: PATCH /fields
                params:
                  nickname: {type: string, required: false}
                  size: {type: integer, required: false}
                steps:
                  saved:
                    call: shop.patch
                    with: {nickname: "${params.nickname}", size: "${ params.size }"}
                """,
            "object": """
                endpoint: PATCH /object
                params: {patch: {schema: 'schemas.shop:Patch'}}
                steps:
                  saved:
                    call: shop.patch
                    with: {nickname: "${params.patch.nickname}", size: "${params.patch.size}"}
                """,
            "whole": """
                endpoint: PATCH /whole
                params: {patch: {in: body, whole: true, schema: 'schemas.shop:Patch'}}
                steps: {saved: {call: shop.merge, with: {patch: "${params.patch}"}}}
                """,
            "all": """
                endpoint: PATCH /all
                params:
                  nickname: {type: string, required: false}
                  size: {type: integer, required: false}
                steps: {saved: {call: shop.merge, with: {patch: "${params}"}}}
                """,
        },
        {"/profile": DONE, "/whole": DONE},
        service=SHOP,
        schemas=TYPES,
    )
    for target, value in {
        "/fields": body,
        "/object": {"patch": body},
        "/whole": body,
        "/all": body,
    }.items():
        headers = [("Content-Type", "application/json")]
        answer = screen.request("PATCH", target, headers, json.dumps(value).encode())
        assert answer.status == 200, target
        assert sent(screen) == body, target


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        ({}, {"note": None}),
        ({"nickname": None}, {"nickname": None, "note": None}),
        ({"nickname": "Al", "note": ""}, {"nickname": "Al", "note": None}),
    ],
)
def test_object_that_is_made_in_with_leaves_out_what_is_absent(
    screens: Screens, body: Any, attributes: Any
) -> None:
    """Only a direct reference does: any other expression sees null."""
    screen = screens(
        """
        endpoint: POST /screen/{id}
        params:
          id: {type: string}
          nickname: {type: string, required: false}
          note: {type: string, required: false}
        steps:
          saved:
            call: shop.document
            with:
              id: "${params.id}"
              document:
                data:
                  id: "${params.id}"
                  attributes: {nickname: "${params.nickname}", note: "${params.note || null}"}
        """.replace("null}", "`null`}"),
        {"/documents/7": DONE},
        service=SHOP,
        schemas=TYPES,
    )
    assert screen.post(body, "/screen/7").status == 200
    assert screen.post(body, "/screen/..").status == 400
    assert sent(screen) == {"data": {"id": "7", "attributes": attributes}}


def test_what_is_absent_is_the_operations_default_and_null_in_a_response(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: POST /screen
        params:
          nickname: {type: string, required: false}
          all: {schema: 'schemas.shop:Ask'}
        steps:
          saved:
            call: shop.replace
            with: {nickname: "${params.nickname}", all: "${params.all}"}
        response: {nickname: "${params.nickname}", all: "${params.all}"}
        """,
        {"/profile": DONE},
        service=SHOP,
        schemas=TYPES,
    )
    answer = screen.post({"all": {"size": None}})
    assert sent(screen) == {"nickname": "none", "all": {"size": None}}
    assert answer.json() == {"nickname": None, "all": {"size": None}}


def test_absent_and_null_are_two_payloads_in_the_cache(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: QUERY /screen
        params:
          nickname: {type: string, required: false}
          size: {type: integer, required: false}
        steps: {found: {call: shop.find, with: {all: "${params}"}, cache: {ttl: 1m}}}
        response: {asked: "${params}"}
        cache: {ttl: 1m}
        """,
        {"/find": DONE},
        service=SHOP,
        schemas=TYPES,
    )
    headers = [("Content-Type", "application/json")]
    for hit in (False, True):
        for body in BODIES:
            answer = screen.request("QUERY", "/screen", headers, json.dumps(body).encode())
            assert answer.json() == {"asked": body}
            assert is_hit(answer) is hit
    assert [json.loads(each.body) for each in screen.upstream.requests] == BODIES
