"""No form and no age of a kept payload reaches another caller than the one it was made for."""

import gzip
import json
from collections.abc import Mapping

from tests.support.cache.answers import is_hit
from tests.support.fake_time import Clock
from tests.support.gateway.hosts import Answer
from tests.support.gateway.screens import Screen, Screens, user
from tests.support.identity.callers import CALLERS, ByToken, bearer
from tests.support.upstream.wire_scripts import reply

MINE = """
    endpoint: GET /screen
    access: authenticated
    steps:
      user: {call: shop.get_user, with: {id: '${claims.id}'}}
    response: {owner: '${claims.name}', user: '${user.firstName}', padding: '%s'}
    views: {short: [owner]}
    fields: {max: 5}
    cache: {ttl: 10s, stale: 30s, stale_if_error: 10m}
    """ % ("x" * 2000)
FORMS: Mapping[str, Mapping[str, str]] = {
    "/screen": {},
    "/screen?view=short": {},
    "/screen?fields=owner": {},
    "/screen?fields=owner,user": {"accept_encoding": "gzip"},
    "/screen?view=short&x=1": {"accept_encoding": "gzip"},
}
CODED = {"accept_encoding": "gzip"}
NAMES = {"ann": "Ann", "bo": "Bo"}


def owner(answer: Answer) -> object:
    coded = answer.header("content-encoding") == "gzip"
    body = gzip.decompress(answer.body) if coded else answer.body
    return json.loads(body)["owner"]


def mine(screens: Screens, clock: Clock) -> Screen:
    upstream = {"/users/1": user(1, "Ann"), "/users/2": user(2, "Bo")}
    return screens(MINE, upstream, identity=ByToken(CALLERS), clock=clock)


def assert_each_gets_their_own(screen: Screen) -> None:
    tags = {name: set[str | None]() for name in NAMES}
    for target, headers in FORMS.items():
        for name, shown in NAMES.items():
            answer = screen.get(target, **headers, **bearer(name))
            assert (answer.status, owner(answer)) == (200, shown), target
            tags[name].add(answer.header("etag"))
            head = screen.request("HEAD", target, bearer(name).items())
            assert head.status == 200
            tags[name].add(head.header("etag"))
    assert tags["ann"].isdisjoint(tags["bo"]), "HEAD tells callers apart, too"
    for name, other in (("ann", "bo"), ("bo", "ann")):
        for tag in tags[other] - {None}:
            answer = screen.get(if_none_match=str(tag), **bearer(name))
            assert (answer.status, owner(answer)) == (200, NAMES[name])


def test_forms_of_fresh_stale_and_outlived_payloads_are_their_callers_alone(
    screens: Screens,
) -> None:
    clock = Clock()
    screen = mine(screens, clock)
    assert_each_gets_their_own(screen)
    assert is_hit(screen.get(**bearer("ann"), **CODED))
    for path in ("/users/1", "/users/2"):
        screen.let(path, reply(503))
    for later in (15, 60):  # stale; then of use for failures alone
        clock.now += later
        assert_each_gets_their_own(screen)


def test_no_directive_of_a_client_revives_what_it_may_not_have(screens: Screens) -> None:
    clock = Clock()
    screen = mine(screens, clock)
    assert owner(screen.get(**bearer("ann"))) == "Ann"
    for later in (0, 15, 10_000):
        clock.now += later
        for control in ("only-if-cached", "max-stale", "max-stale=99999, only-if-cached"):
            for headers in ({}, bearer("mallory")):
                answer = screen.get(cache_control=control, **headers)
                assert (answer.status, b"Ann" in answer.body) == (401, False)
            assert owner(screen.get(cache_control=control, **bearer("bo"))) == "Bo"
    answer = screen.get(cache_control="max-stale=99999", **bearer("ann"))
    assert answer.header("age") is None, "what has outlived its time is made anew"


def test_private_reply_varies_by_what_identifies_callers(screens: Screens) -> None:
    shared = """
        endpoint: GET /shared
        access: authenticated
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        cache: {ttl: 5m, scope: public}
        """
    screen = screens(
        {"screen": MINE, "shared": shared},
        {"/users/1": user(1, "Ann")},
        identity=ByToken(CALLERS),
        gateway="routes: {/raw: {service: shop, access: authenticated}}",
    )
    for target in ("/screen", "/shared", "/raw/users/1"):
        for _ in range(2):
            answer = screen.get(target, **bearer("ann"))
            assert answer.status == 200
            assert "authorization" in (answer.header("vary") or "").lower(), target
            control = answer.header("cache-control") or ""
            assert "private" in control
            assert "public" not in control


def test_reply_that_sets_a_cookie_is_no_shared_caches(screens: Screens) -> None:
    upstream = {
        "/login": reply(
            200,
            [
                ("Set-Cookie", "sid=1"),
                ("Cache-Control", "public, s-maxage=60, max-age=60"),
                ("CDN-Cache-Control", "max-age=60"),
            ],
        ),
        "/plain": reply(200, [("Cache-Control", "public, max-age=60")]),
    }
    screen = screens(MINE, upstream, gateway="routes: {/raw: {service: shop, cookies: [sid]}}")
    answer = screen.get("/raw/login")
    assert answer.header("set-cookie") is not None
    assert answer.header("cache-control") == "private, private, max-age=60"
    assert answer.header("cdn-cache-control") is None
    assert screen.get("/raw/plain").header("cache-control") == "public, max-age=60"
