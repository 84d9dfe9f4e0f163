"""Who is calling: what a provider tells reaches steps and payloads, and no other caller's ever."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.cache.answers import cache_facts, is_hit
from tests.support.gateway.screens import Screens, user, value_reply
from tests.support.identity.callers import ByName, bearer
from tests.support.upstream.wire_scripts import held, in_turn

ROOT = Path(__file__).parents[2]
MINE = """
    endpoint: GET /screen
    steps:
      user: {call: shop.get_user, with: {id: '${claims.id}'}}
    response: {user: '${user.firstName}', hello: '${claims.name}'}
    """
CACHED = MINE + "cache: {ttl: 5m}\n"
UPSTREAM = {"/users/1": user(1, "Ann"), "/users/2": user(2, "Bo")}
ANN, BO = {"user": "Ann", "hello": "Ann"}, {"user": "Bo", "hello": "Bo"}
NOBODY = {"user": None, "hello": None}


@pytest.mark.parametrize("composition", [MINE, CACHED], ids=["uncached", "cached"])
def test_claims_reach_the_steps_and_the_payload_of_their_caller_alone(
    screens: Screens, composition: str
) -> None:
    screen = screens(composition, UPSTREAM, identity=ByName())
    for _ in range(2):
        assert screen.get(**bearer("ann")).json() == ANN
        assert screen.get(**bearer("bo")).json() == BO
        assert screen.get().json() == screen.get(**bearer("mallory")).json() == NOBODY


def test_payload_is_kept_for_each_caller_alone(screens: Screens) -> None:
    screen = screens(CACHED, UPSTREAM, identity=ByName())
    for name in ("ann", "bo"):
        assert cache_facts(screen.get(**bearer(name))).keys() == {"fwd", "stored", "ttl"}
    for name, payload in (("bo", BO), ("ann", ANN)):
        answer = screen.get(**bearer(name))
        assert is_hit(answer)
        assert answer.json() == payload
    assert screen.calls() == ["GET /users/1", "GET /users/2"]


def test_tag_of_anothers_payload_is_not_known_again(screens: Screens) -> None:
    screen = screens(CACHED, UPSTREAM, identity=ByName())
    tag = screen.get(**bearer("ann")).header("etag") or ""
    assert screen.get(**bearer("ann"), if_none_match=tag).status == 304
    assert screen.get(**bearer("bo"), if_none_match=tag).json() == BO


def test_two_callers_at_once_never_share_a_run(screens: Screens) -> None:
    gate = threading.Event()
    scripts = {target: held(gate, script) for target, script in UPSTREAM.items()}
    screen = screens(CACHED, scripts, identity=ByName())
    asked = [screen.begin(**bearer(name)) for name in ("ann", "bo", "ann", "bo")]
    screen.upstream.wait_for_requests(2)
    gate.set()
    assert [each.result().json() for each in asked] == [ANN, BO, ANN, BO]
    assert sorted(screen.calls()) == ["GET /users/1", "GET /users/2"]


def test_payload_that_no_claim_reaches_is_shared_and_nobody_is_asked_who_calls(
    screens: Screens,
) -> None:
    provider = ByName()
    screen = screens(
        {
            "cached": "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}},"
            " cache: {ttl: 5m}}",
            "plain": "{endpoint: GET /plain, steps: {user: {call: shop.get_user, with: {id: 1}}}}",
        },
        UPSTREAM,
        identity=provider,
    )
    first, second = screen.get(**bearer("ann")), screen.get(**bearer("bo"))
    assert first.body == second.body
    assert is_hit(second)
    screen.get("/plain", **bearer("ann"))
    assert provider.asked == 0


def test_scope_identity_keeps_for_each_caller_what_all_could_share(screens: Screens) -> None:
    text = MINE.replace("'${claims.id}'", "1").replace("${claims.name}", "x")
    screen = screens(f"{text}cache: {{ttl: 5m, scope: identity}}\n", UPSTREAM, identity=ByName())
    for name in ("ann", "bo"):
        assert not is_hit(screen.get(**bearer(name)))
        assert is_hit(screen.get(**bearer(name)))
    assert len(screen.calls()) == 2


def test_header_that_says_who_calls_keeps_payloads_apart_without_a_provider(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params: {Authorization: {in: header, type: string}}
        steps: {look: {call: shop.look, with: {Authorization: '${params.Authorization}'}}}
        cache: {ttl: 5m}
        """,
        {"/look": in_turn(value_reply({"value": 1}), value_reply({"value": 2}))},
    )
    for _ in range(2):
        assert screen.get(**bearer("ann")).json() == {"look": {"value": 1}}
        assert screen.get(**bearer("bo")).json() == {"look": {"value": 2}}
    assert [each.header("authorization") for each in screen.upstream.requests] == [
        "Bearer ann",
        "Bearer bo",
    ]


def test_provider_as_the_documents_show_one_admits_and_refuses(screens: Screens) -> None:
    """docs/running.md: a provider of one's own."""
    page = (ROOT / "docs/running.md").read_text("utf-8")
    (code,) = (each for each in re.findall(r"```python\n(.*?)```", page, re.S) if "Badges" in each)
    names: dict[str, Any] = {}
    exec(code, names)
    access = "access: {roles: {any: [porter]}}\n    "
    screen = screens(
        MINE.replace("endpoint:", f"{access}endpoint:").replace("${claims.id}", "${claims.sub}"),
        {"/users/7": user(7, "Cy")},
        identity=names["Badges"](),
    )
    assert screen.get(x_badge="door-7").json()["user"] == "Cy"
    assert screen.get().json()["reason"] == "no_credentials"
    refused = screen.get(x_badge="door-8")
    assert (refused.status, refused.json()["reason"]) == (401, "invalid_badge")
    assert refused.header("www-authenticate") == 'Bearer realm="gateway"'
