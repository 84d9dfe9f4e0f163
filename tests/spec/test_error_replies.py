"""Errors that services describe by type: what of them goes into the problem document."""

import json
from typing import Any

import pytest

from tests.support.fake_time import Clock
from tests.support.gateway.screens import ERROR_SCHEMAS, Screen, Screens, user
from tests.support.upstream.wire import Script
from tests.support.upstream.wire_scripts import json_reply, reply

SAVE = """  save:
    request: POST /save
    params: {name: {type: string}}
    returns: schemas.shop:Order
    errors: {422: schemas.shop:Invalid, 404: schemas.shop:Invalid}
"""

FORM = """
endpoint: POST /screen
params: {name: {type: string}}
steps:
  user: {call: shop.get_user, with: {id: 1}}
  order:
    call: shop.save
    with: {name: '${params.name}'}
    on_failure: optional
    statuses:
      422: {reply: 422, with: {errors: '${error.fields}', by: '${user.firstName}', form: order}}
      409: {reply: 409}
      503: {reply: 429}
      404: null
"""

INVALID = {"fields": [{"name": "name", "why": "too short", "secret": "s3cret"}], "trace": "s3cret"}


def form(screens: Screens, script: Script, text: str = FORM, service: str = SAVE) -> Screen:
    scripts = {"/users/1": user(), "/save": script}
    return screens(text, scripts, schemas=ERROR_SCHEMAS, service=service)


def error_reply(value: Any, status: int = 422) -> Script:
    return json_reply(json.dumps(value), status)


def test_error_of_a_service_goes_into_the_problem_document_as_its_schema_has_it(
    screens: Screens,
) -> None:
    """Even of an optional step, and no more than what the schema has."""
    screen = form(screens, error_reply(INVALID))
    answer = screen.post({"name": "A"})
    assert answer.status == 422
    assert answer.header("content-type") == "application/problem+json"
    document = answer.json()
    assert document["errors"] == [{"name": "name", "why": "too short"}]
    assert (document["by"], document["form"]) == ("Ann", "order")
    assert (document["title"], document["status"]) == ("Unprocessable Entity", 422)
    assert (document["step"], document["reason"]) == ("order", "status")
    assert document["steps"] == {"user": "done", "order": "failed"}
    assert b"s3cret" not in answer.body


def test_every_status_has_its_own_meaning(screens: Screens) -> None:
    screen = form(screens, reply(409))
    answer = screen.post({"name": "A"})
    assert (answer.status, answer.json()["step"]) == (409, "order")
    screen.let("/save", reply(404))
    answer = screen.post({"name": "A"})
    assert (answer.status, answer.json()["order"]) == (200, None)
    assert answer.header("proxy-status") is None
    screen.let("/save", reply(503, [("Retry-After", "7")]))
    answer = screen.post({"name": "A"})
    assert (answer.status, answer.header("retry-after")) == (429, "7")
    screen.let("/save", reply(500))
    answer = screen.post({"name": "A"})
    assert (answer.status, answer.json()["order"]) == (200, None)
    assert "order: status" in (answer.header("proxy-status") or "")


BROKEN = {
    "another form": error_reply({"fields": 7}),
    "no JSON": reply(422, [], b"<p>s3cret</p>"),
    "no body": reply(422),
    "another coding": reply(422, [("Content-Encoding", "gzip")], b"s3cret"),
    "too many objects": error_reply({"fields": [], "more": [{}] * 200_000}),
    "members too large": error_reply({"fields": [{"name": "x" * 70_000, "why": ""}]}),
}


@pytest.mark.parametrize("case", BROKEN)
def test_error_that_breaks_its_schema_keeps_its_status_and_leaves_the_members_null(
    screens: Screens, case: str
) -> None:
    screen = form(screens, BROKEN[case])
    answer = screen.post({"name": "A"})
    document = answer.json()
    assert (answer.status, document["errors"]) == (422, None)
    assert (document["by"], document["form"]) == ("Ann", "order")
    assert b"s3cret" not in answer.body


READABLE = {
    "a byte order mark": reply(422, [], b"\xef\xbb\xbf" + json.dumps(INVALID).encode()),
    "latin-1": reply(
        422,
        [("Content-Type", "application/json; charset=iso-8859-1")],
        json.dumps(INVALID | {"hint": "ü"}, ensure_ascii=False).encode("latin-1"),
    ),
    "half a character": error_reply(INVALID | {"hint": "\ud83d"}),
}


@pytest.mark.parametrize("case", READABLE)
def test_error_is_read_in_its_charset_and_mended_as_any_reply(screens: Screens, case: str) -> None:
    text = FORM.replace("form: order", "hint: '${error.hint}'")
    answer = form(screens, READABLE[case], text).post({"name": "A"})
    hint = {"latin-1": "ü", "half a character": "\ufffd"}.get(case)
    assert (answer.status, answer.json()["hint"]) == (422, hint)
    assert answer.json()["errors"] == [{"name": "name", "why": "too short"}]


def test_error_of_a_service_that_speaks_xml_is_xml(screens: Screens) -> None:
    schemas = f"{ERROR_SCHEMAS}\n\nclass Problems(BaseModel):\n    problems: Invalid\n"
    service = SAVE.replace("422: schemas.shop:Invalid", "422: schemas.shop:Problems")
    text = FORM.replace("${error.fields}", "${error.problems.fields}")
    body = b"<problems><fields><name>a</name><why>b</why></fields></problems>"
    scripts = {"/users/1": user(), "/save": reply(422, [], body)}
    screen = screens(text, scripts, schemas=schemas, service=f"{service}    decode: xml\n")
    answer = screen.post({"name": "A"})
    assert (answer.status, answer.json()["errors"]) == (422, [{"name": "a", "why": "b"}])


def test_members_may_be_called_as_anything_that_the_document_has_not(screens: Screens) -> None:
    names = ["headers", "request", "members", "self"]
    members = ", ".join(f"{name}: {name}" for name in names)
    screen = form(screens, error_reply(INVALID), FORM.replace("form: order", members))
    document = screen.post({"name": "A"}).json()
    assert [document[name] for name in names] == names


def test_declared_status_comes_before_the_last_good_value(screens: Screens) -> None:
    text = """
endpoint: GET /screen
steps:
  user:
    call: shop.get_user
    with: {id: 1}
    on_failure: stale
    cache: {ttl: 1s, stale: 0s, stale_if_error: 1h}
    statuses: {503: {reply: 503, with: {closed: true}}}
"""
    clock = Clock()
    screen = screens(text, {"/users/1": user()}, clock=clock)
    assert screen.get().status == 200
    clock.now += 10
    screen.let("/users/1", reply(503))
    for _ in range(2):  # the second is not sent: the service rests for a second
        answer = screen.get()
        assert (answer.status, answer.json()["closed"]) == (503, True)
    clock.now += 10
    screen.let("/users/1", reply(500))
    assert screen.get().json()["user"]["firstName"] == "Ann"


def test_error_of_one_of_many_calls_ends_the_composition(screens: Screens) -> None:
    text = """
endpoint: GET /screen
steps:
  users:
    call: shop.get_user
    with: {id: '${id}'}
    for_each: {over: '${`[1, 2]`}', as: id, max: 2}
    statuses: {410: {reply: 404, with: {gone: true}}}
    on_failure: {fallback: []}
"""
    screen = screens(text, {"/users/1": user(), "/users/2": reply(410)})
    answer = screen.get()
    assert (answer.status, answer.json()["gone"]) == (404, True)


def test_status_that_http_has_no_name_for_passes_where_it_is_declared(screens: Screens) -> None:
    screen = screens(
        "endpoint: GET /screen\n"
        "steps: {user: {call: shop.get_user, with: {id: 1}, statuses: {419: fail}}}",
        {"/users/1": reply(419)},
    )
    answer = screen.get()
    assert (answer.status, answer.json()["title"]) == (419, "Error")
