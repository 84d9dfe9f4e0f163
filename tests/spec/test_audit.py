"""Who was refused what, from where, and why, in the lines of the log, in every host."""

import pytest

from bff.settings import Settings
from tests.support.gateway.screens import Screens, user
from tests.support.identity.callers import ByName, bearer
from tests.support.telemetry.log_lines import written

COMPOSITIONS = {
    "members": """
        endpoint: GET /members/{id}
        access: {roles: {any: [member]}}
        params: {id: {type: integer}}
        steps: {user: {call: shop.get_user, with: {id: '${params.id}'}}}
        cache: {ttl: 1m}
        """,
    "own": """
        endpoint: GET /own/{id}
        access: {when: '${claims.id && to_string(claims.id) == to_string(params.id)}'}
        params: {id: {type: integer}}
        steps: {user: {call: shop.get_user, with: {id: '${params.id}'}}}
        """,
    "few": """
        endpoint: GET /few
        access: public
        limits: [{by: address, rate: 1/hour}]
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        """,
    "unstated": "{endpoint: GET /unstated, steps: {user: {call: shop.get_user, with: {id: 1}}}}",
}
GATEWAY = "routes: {/raw: {service: shop, access: authenticated}}\ndefaults: {budget: {calls: 9}}\n"

REFUSED = [
    # the target, who asks; and the outcome, the status, and whether it says who
    ("/members/1?token=hush", None, "no_credentials", 401, False),
    ("/members/1", "bo", "wrong_role", 403, True),
    ("/own/1", "bo", "not_permitted", 403, True),
    ("/raw/users/1", None, "no_credentials", 401, False),
    ("/unstated", "ann", "no_access", 401, False),
    ("/few", None, "over_limit", 429, False),
]


def test_each_refusal_has_one_audit_line_and_nothing_else_has(
    screens: Screens, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    screen = screens(
        COMPOSITIONS,
        {"/users/1": user(), "/users/2": user(2)},
        gateway=GATEWAY,
        identity=ByName(),
        settings=Settings(log_level="error"),
    )
    assert screen.get("/few").status == 200
    for target in ("/members/1", "/own/1", "/raw/users/1"):
        assert screen.get(target, **bearer("ann")).status == 200
    assert screen.get("/members/x", **bearer("ann")).status == 400
    for _ in range(2):  # the second by the line that is remembered
        for target, caller, outcome, status, _ in REFUSED:
            answer = screen.get(target, **({} if caller is None else bearer(caller)))
            assert (answer.status, answer.json()["reason"]) == (status, outcome), target
    screen.host.app.extensions["bff"].core.log.flush()
    lines = written(capfdbinary)
    names = (
        "event.dataset", "event.action", "event.reason", "http.response.status_code",
        "client.ip", "http.request.method", "url.path",
    )  # fmt: skip
    assert [tuple(map(line.get, names)) for line in lines] == 2 * [
        ("bff.audit", "refusal", outcome, status, "127.0.0.1", "GET", target.partition("?")[0])
        for target, _, outcome, status, _ in REFUSED
    ]
    assert [line.get("user.id") for line in lines] == 2 * [
        caller if says_who else None for _, caller, _, _, says_who in REFUSED
    ]
