"""Failures that services report with a 200: `fail_when`."""

import threading

import pytest

from tests.support.gateway.screens import ERROR_SCHEMAS, Screen, Screens, order, user, value_reply
from tests.support.upstream.wire_scripts import held, reply

ENVELOPE = """  look_up:
    request: GET /save
    returns: schemas.shop:Order
    cache: {ttl: 5m}
    fail_when: FAIL_WHEN
    errors: {404: schemas.shop:Invalid}
  submit:
    request: POST /save
    returns: schemas.shop:Order
    fail_when: FAIL_WHEN
"""
LOOK = "endpoint: GET /screen\nsteps: {order: {call: shop.look_up, STEP}}\n"
BARE = ENVELOPE.replace("FAIL_WHEN", "'${reply.errors}'")
AS_404 = ENVELOPE.replace("FAIL_WHEN", "{when: '${reply.errors}', status: 404}")
REPORTED = value_reply({"errors": [{"message": "s3cret"}], "fields": []})


def look(screens: Screens, service: str, step: str, more: str = "") -> Screen:
    text = LOOK.replace("STEP", step) + more
    return screens(text, {"/save": REPORTED}, schemas=ERROR_SCHEMAS, service=service)


def test_reply_that_reports_a_failure_fails_and_is_never_cached(screens: Screens) -> None:
    screen = look(screens, BARE, "on_failure: fail", "cache: {ttl: 5m}")
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (502, "reported")
    assert answer.json()["detail"] == "The step 'order' failed: its service reported an error."
    assert "received-status=200" in (answer.header("proxy-status") or "")
    assert b"s3cret" not in answer.body
    screen.let("/save", value_reply({"errors": [], **order(5)}))
    assert screen.get().json()["order"]["id"] == 5
    assert screen.get().json()["order"]["id"] == 5
    assert screen.calls() == ["GET /save", "GET /save"]


def test_failure_that_is_reported_follows_the_steps_policy(screens: Screens) -> None:
    screen = look(screens, BARE, "on_failure: optional", "response: ['${order}', '${degraded}']")
    answer = screen.get()
    assert answer.json() == [None, [{"step": "order", "reason": "reported"}]]


def test_reported_failure_with_a_status_means_what_a_reply_with_that_status_does(
    screens: Screens,
) -> None:
    screen = look(screens, AS_404, "on_failure: fail")
    assert screen.get().status == 404
    screen = look(screens, AS_404, "statuses: {404: {reply: 410, with: {all: '${error.fields}'}}}")
    answer = screen.get()
    assert (answer.status, answer.json()["all"]) == (410, [])
    screen = look(screens, AS_404, "statuses: {404: null}", "cache: {ttl: 5m}")
    assert screen.get().json() == {"order": None}


def test_null_of_a_reported_status_is_no_reply_that_other_steps_share(screens: Screens) -> None:
    """The next step of another composition has the service judged by its own `statuses`."""
    null = LOOK.replace("STEP", "statuses: {404: null}")
    other = LOOK.replace("/screen", "/other").replace("STEP", "on_failure: fail")
    screen = screens(
        {"screen": null, "other": other}, {"/save": REPORTED}, schemas=ERROR_SCHEMAS, service=AS_404
    )
    assert screen.get().json() == {"order": None}
    assert screen.get("/other").status == 404
    assert screen.calls() == ["GET /save", "GET /save"]


def test_reported_failure_reaches_all_who_wait_for_the_same_call(screens: Screens) -> None:
    gate = threading.Event()
    text = LOOK.replace("STEP", "on_failure: optional") + "response: '${degraded}'\n"
    scripts = {"/save": held(gate, REPORTED)}
    compositions = {"screen": text, "other": text.replace("/screen", "/other")}
    screen = screens(compositions, scripts, schemas=ERROR_SCHEMAS, service=BARE)
    one = screen.begin()
    screen.upstream.wait_for_requests(1)
    two = screen.begin("/other")
    gate.set()
    wanted = [{"step": "order", "reason": "reported"}]
    assert one.result().json() == two.result().json() == wanted


@pytest.mark.parametrize("service", [BARE, AS_404], ids=["alone", "with a status"])
def test_write_whose_reply_reports_a_failure_is_unknown_and_purges(
    screens: Screens, service: str
) -> None:
    screen = screens(
        {
            "user": "endpoint: GET /user\n"
            "steps: {user: {call: shop.get_user, with: {id: 1}}}\n"
            "cache: {ttl: 5m, tags: [users]}\n",
            "screen": "endpoint: POST /screen\nsteps: {order: {call: shop.submit}}\n"
            "purges: [users]\n",
        },
        {"/users/1": user(), "/save": REPORTED},
        schemas=ERROR_SCHEMAS,
        service=service,
    )
    screen.get("/user")
    screen.get("/user")
    answer = screen.post({})
    assert answer.status == (502 if service == BARE else 404)
    assert answer.json()["steps"] == {"order": "unknown"}
    screen.get("/user")
    assert screen.calls() == ["GET /users/1", "POST /save", "GET /users/1"]


@pytest.mark.parametrize(
    ("condition", "body", "reason"),
    [
        ("${reply.error}", b"<p>no JSON</p>", "invalid"),
        ("${reply.error}", b"[1]", "invalid"),
        ("${length(reply.error) > `0`}", b'{"error": 7}', "expression"),
    ],
)
def test_reply_that_can_not_be_judged_fails(
    screens: Screens, condition: str, body: bytes, reason: str
) -> None:
    service = ENVELOPE.replace("FAIL_WHEN", f"'{condition}'")
    text = "endpoint: POST /screen\nsteps: {order: {call: shop.submit}}\n"
    screen = screens(text, {"/save": reply(200, [], body)}, schemas=ERROR_SCHEMAS, service=service)
    answer = screen.post({})
    assert (answer.status, answer.json()["reason"]) == (502, reason)
    assert answer.json()["steps"] == {"order": "unknown"}
