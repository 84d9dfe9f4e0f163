"""Replies that are not JSON in UTF-8, and replies whose bodies nobody reads."""

from typing import Any

import pytest

from bff.settings import Settings
from tests.support.gateway.screens import SCHEMAS, Screens, user, value_reply
from tests.support.upstream.wire import Script
from tests.support.upstream.wire_scripts import head, json_reply, raw, reply

BODIES = f"""{SCHEMAS}


class Line(BaseModel):
    name: str
    price: float | None = None


class Lines(BaseModel):
    line: list[Line]


class Document(BaseModel):
    lines: Lines


Perhaps = Loose | None
"""
HAT = {"name": "Hat", "price": 9.5}
CAP = {"name": "Cap", "price": None}


def typed(body: str | bytes, content_type: str = "text/plain") -> Script:
    data = body.encode() if isinstance(body, str) else body
    return reply(200, [("Content-Type", content_type)], data)


def operation(returns: str, more: str = "", request: str = "GET /it") -> str:
    return f"  it:\n    request: {request}\n    returns: {returns!r}\n    {more}\n"


OF_LINES = "list[schemas.shop:Line]"
CASES: dict[str, tuple[str, Script, Any]] = {
    "csv": (operation(OF_LINES, "decode: csv"), typed("name,price\nHat,9.5\nCap,\n"), [HAT, CAP]),
    "csv with semicolons, in Latin-1": (
        operation("list[dict[str, str]]", "decode: csv\n    delimiter: ';'"),
        typed(b"name;of\nH\xfbt;9,5\n", "text/csv; charset=iso-8859-1"),
        [{"name": "Hût", "of": "9,5"}],
    ),
    "lines of JSON": (
        operation(OF_LINES, "decode: ndjson"),
        typed('{"name": "Hat", "price": 9.5}\n{"name": "Cap"}\n'),
        [HAT, CAP],
    ),
    "xml": (
        operation("schemas.shop:Document", "decode: xml"),
        typed("<lines><line><name>Hat</name><price>9.5</price></line></lines>"),
        {"lines": {"line": [HAT]}},
    ),
    "xml without any": (
        operation("schemas.shop:Document", "decode: xml"),
        typed("<lines></lines>"),
        {"lines": {"line": []}},
    ),
    "text": (operation("str", "decode: text"), typed('Hat "9.5"\n'), 'Hat "9.5"\n'),
    "anything": (operation("Any"), json_reply('{"a": [1, null]}'), {"a": [1, None]}),
    "a type of Python's": (operation("dict[str, int]"), json_reply('{"a": 1}'), {"a": 1}),
    "half an emoji": (operation("str"), json_reply('"nice \\ud83d"'), "nice \ufffd"),
    "a body that nobody reads": (operation("none"), typed("<html>"), None),
    "204 for a type with null": (operation("schemas.shop:Perhaps"), raw(head(204)), None),
    "empty for a type with null": (operation("schemas.shop:Perhaps"), reply(), None),
}
SCREEN = """
    endpoint: GET /screen
    steps:
      it: {call: shop.it, cache: {ttl: 10m, tags: ['${reply && `1` || `2`}-of-it']}}
    response: {whole: '${it}', shaped: '${[it]}'}
    """


@pytest.mark.parametrize(("service", "script", "value"), CASES.values(), ids=CASES.keys())
def test_body_is_read_as_declared_and_its_reply_is_shared_as_any_other(
    screens: Screens, service: str, script: Script, value: Any
) -> None:
    screen = screens(SCREEN, {"/it": script}, service=service, schemas=BODIES)
    for _ in range(2):
        assert screen.get().json() == {"whole": value, "shaped": [value]}
    assert screen.calls() == ["GET /it"]


BROKEN: dict[str, tuple[str, Script, str]] = {
    "csv with too few cells": (CASES["csv"][0], typed("name,price\nHat\n"), "http_protocol_error"),
    "csv that breaks the schema": (CASES["csv"][0], typed("name,price\nHat,x\n"), "protocol_error"),
    "entities": (
        CASES["xml"][0],
        typed('<!DOCTYPE a [<!ENTITY b "bb">]><lines>&b;</lines>'),
        "http_protocol_error",
    ),
    "xml of 100,001 elements": (
        CASES["xml"][0],
        typed("<lines>" + "<b/>" * 100_000 + "</lines>"),
        "http_response_body_size",
    ),
    "rows that are too large together": (
        operation("Any", "decode: csv"),
        typed(f"{'x' * 10_000}\n" + "1\n" * 1000),
        "http_response_body_size",
    ),
    "encoded, and read by somebody": (
        CASES["text"][0],
        reply(200, [("Content-Encoding", "gzip")], b"x"),
        "http_response_content_coding",
    ),
}


@pytest.mark.parametrize(("service", "script", "error"), BROKEN.values(), ids=BROKEN.keys())
def test_body_that_is_not_as_declared_fails_its_step(
    screens: Screens, service: str, script: Script, error: str
) -> None:
    screen = screens(SCREEN, {"/it": script}, service=service, schemas=BODIES)
    answer = screen.get()
    assert answer.status == 502
    assert error in (answer.header("proxy-status") or "")


def test_write_whose_body_nobody_reads_is_done(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: DELETE /screen
        steps: {gone: {call: shop.it}, user: {call: shop.get_user, with: {id: 1}}}
        """,
        {"/it": raw(head(204)), "/users/1": user()},
        service=operation("none", request="DELETE /it"),
    )
    answer = screen.request("DELETE")
    assert answer.status == 200
    assert answer.json()["gone"] is None
    assert screen.calls() == ["DELETE /it", "GET /users/1"]


def test_envelope_is_judged_though_nobody_reads_the_rest_of_it(screens: Screens) -> None:
    screen = screens(
        "{endpoint: POST /screen, steps: {it: {call: shop.it}}}",
        {"/it": value_reply({"error": "no"})},
        service=operation("none", "fail_when: '${reply.error}'", request="POST /it"),
    )
    assert screen.post({}).status == 502
    for said in (value_reply({}), reply(), raw(head(204))):
        screen.let("/it", said)
        assert screen.post({}).json() == {"it": None}


@pytest.mark.parametrize(("size", "status"), [(1500, 200), (2001, 502)])
def test_longest_reply_of_a_service_is_a_setting(screens: Screens, size: int, status: int) -> None:
    screen = screens(
        SCREEN,
        {"/it": typed("x" * size)},
        service=operation("str", "decode: text"),
        settings=Settings(service_reply_bytes=2000),
    )
    answer = screen.get()
    assert answer.status == status
    assert ("it: too_large" in (answer.header("proxy-status") or "")) == (status == 502)
