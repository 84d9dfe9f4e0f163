"""Upstream replies, kept for steps, compositions and callers as long as upstreams allow."""

import json
import threading

import pytest

from bff.settings import Settings
from bff.telemetry.metrics.definitions.screens import STEP_CALLS
from tests.support.cache.answers import cache_facts, is_hit, ttl_of
from tests.support.fake_time import Clock
from tests.support.gateway.screens import Screens, user, value_reply
from tests.support.identity.callers import ByName, bearer
from tests.support.structured_fields import read_list
from tests.support.telemetry.counted import settled
from tests.support.upstream.wire import Script
from tests.support.upstream.wire_scripts import held, reply

USER = "endpoint: GET /NAME\nsteps: {user: {call: shop.get_user, with: {id: 1}CACHE}}\n"
KEPT = ", cache: {ttl: 5m}"


def screen_of(name: str, cache: str = KEPT, more: str = "") -> str:
    return USER.replace("NAME", name).replace("CACHE", cache) + more


def user_with(control: str, name: str = "Ann", **more: str) -> Script:
    """A user whose reply says how long it may be kept."""
    headers = [("Content-Type", "application/json"), ("Cache-Control", control), *more.items()]
    return reply(200, headers, json.dumps({"id": 1, "first_name": name}).encode())


def name_in(answer: object) -> object:
    return answer.json()["user"]["firstName"]  # type: ignore[attr-defined]


def test_two_compositions_and_all_callers_share_one_call(screens: Screens) -> None:
    screen = screens(
        {"one": screen_of("one"), "two": screen_of("two")}, {"/users/1": user()}, identity=ByName()
    )
    for target in ("/one", "/two"):
        for name in ("ann", "bo"):
            answer = screen.get(target, **bearer(name))
            assert name_in(answer) == "Ann"
            assert cache_facts(answer) == {"fwd": "bypass"}
    assert screen.calls() == ["GET /users/1"]


def test_step_counts_the_calls_that_it_sent_and_no_reply_that_was_stored(
    screens: Screens,
) -> None:
    settings = Settings(metrics_token="t" * 32)
    screen = screens(screen_of("screen"), {"/users/1": user()}, settings=settings)
    for _ in range(3):
        screen.get("/screen")
    calls = {"bff_step_calls composition=screen step=user": 1.0}
    metrics = screen.host.app.extensions["bff"].core.metrics
    assert settled(metrics, {}, calls, STEP_CALLS) == calls


def test_two_compositions_at_once_share_the_call_that_is_under_way(screens: Screens) -> None:
    gate = threading.Event()
    screen = screens(
        {"one": screen_of("one"), "two": screen_of("two")}, {"/users/1": held(gate, user())}
    )
    one = screen.begin("/one")
    screen.upstream.wait_for_requests(1)
    two = screen.begin("/two")
    gate.set()
    assert name_in(one.result()) == name_in(two.result()) == "Ann"
    assert len(screen.calls()) == 1


def test_steps_that_send_something_else_share_nothing(screens: Screens) -> None:
    screen = screens(
        "endpoint: GET /screen\nsteps:\n"
        "  a: {call: shop.look, with: {text: x}, cache: {ttl: 5m}}\n"
        "  b: {call: shop.look, with: {text: y}, cache: {ttl: 5m}}\n"
        "  c: {call: shop.look, with: {text: x, X-Tenant: t}, cache: {ttl: 5m}}\n"
        "  d: {call: shop.look, with: {text: x}, cache: {ttl: 5m}}\n",
        {"/look": value_reply({"value": 1})},
    )
    for _ in range(2):
        assert screen.get().status == 200
    assert len(screen.calls()) == 3


def test_what_is_of_one_callers_scope_is_not_shared_with_another(screens: Screens) -> None:
    own = ", cache: {ttl: 5m, scope: identity}"
    screen = screens(
        {"one": screen_of("one", own), "two": screen_of("two", own)},
        {"/users/1": user()},
        identity=ByName(),
    )
    for name in ("ann", "bo"):
        for target in ("/one", "/two", "/one"):
            assert screen.get(target, **bearer(name)).status == 200
    assert len(screen.calls()) == 2


def test_call_that_carries_who_is_calling_is_not_shared(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          look: {call: shop.look, with: {text: '${claims.name}'}, cache: {ttl: 5m}}
        """,
        {"/look": lambda exchange: value_reply({"value": exchange.request.target})(exchange)},
        identity=ByName(),
    )
    for name in ("Ann", "Bo", "Ann"):
        said = screen.get(**bearer(name.lower())).json()["look"]["value"]
        assert said == f"/look?text={name}"
    assert len(screen.calls()) == 2


def test_failed_call_is_not_kept(screens: Screens) -> None:
    screen = screens(screen_of("one"), {"/users/1": reply(503)})
    assert screen.get("/one").status == 502
    screen.let("/users/1", user())
    assert name_in(screen.get("/one")) == "Ann"


def test_older_reply_stands_in_for_trouble_and_is_reported(screens: Screens) -> None:
    clock = Clock()
    kept = ", cache: {ttl: 10s, stale: 0s, stale_if_error: 30s}"
    screen = screens(screen_of("one", kept), {"/users/1": user()}, clock=clock)
    assert screen.get("/one").header("proxy-status") is None
    screen.let("/users/1", reply(503))
    clock.now += 15
    answer = screen.get("/one")
    assert name_in(answer) == "Ann"
    ((_, failed),) = read_list(answer.header("proxy-status") or "")
    assert (failed["details"], failed["received-status"]) == ("user: status", 503)


def test_payload_is_fresh_no_longer_than_the_reply_it_was_made_of(screens: Screens) -> None:
    screen = screens(
        {"one": screen_of("one", ", cache: {ttl: 100s}", "cache: {ttl: 5m}\n")},
        {"/users/1": user_with("max-age=60", Age="20")},
    )
    assert 0 < ttl_of(screen.get("/one")) <= 40


PAYLOAD = screen_of("screen", "", "cache: {ttl: 5m}\n")


@pytest.mark.parametrize(
    "control", ["no-store", "no-cache", "private", "max-age=0", "s-maxage=0, max-age=60"]
)
def test_payload_of_what_upstreams_keep_to_themselves_is_not_stored(
    screens: Screens, control: str
) -> None:
    screen = screens(PAYLOAD, {"/users/1": user_with(control)})
    for calls in (1, 2):
        assert cache_facts(screen.get()) == {"fwd": "miss"}
        assert len(screen.calls()) == calls


def test_payload_of_what_is_private_is_kept_for_its_caller(screens: Screens) -> None:
    own = screen_of("screen", "", "cache: {ttl: 5m, scope: identity}\n")
    screen = screens(own, {"/users/1": user_with("private, max-age=100")}, identity=ByName())
    for name in ("ann", "bo"):
        assert 0 < ttl_of(screen.get(**bearer(name))) <= 100
        assert is_hit(screen.get(**bearer(name)))
    assert len(screen.calls()) == 2


def test_upstreams_shorten_the_time_and_never_lengthen_it(screens: Screens) -> None:
    for control, least, most in (
        ("max-age=100", 99, 100),
        ("max-age=9999", 269, 300),
        ("s-maxage=50, max-age=100", 49, 50),
    ):
        screen = screens(PAYLOAD, {"/users/1": user_with(control)})
        assert least <= ttl_of(screen.get()) <= most, control
        assert is_hit(screen.get())


def test_reply_that_may_not_be_stored_is_asked_for_each_time(screens: Screens) -> None:
    screen = screens(screen_of("one"), {"/users/1": user_with("no-store")})
    for calls in (1, 2):
        assert screen.get("/one").status == 200
        assert len(screen.calls()) == calls


KEPT_SERVICE = """
    base: {shop}
    operations:
      get:
        request: GET /users/1
        returns: schemas.shop:User
        cache: {ttl: 5m}
    """


def test_two_services_with_the_same_operation_share_nothing(screens: Screens) -> None:
    text = "{endpoint: GET /french, steps: {user: {call: french.get}}}"
    screen = screens(
        {"french": text, "german": text.replace("french", "german")},
        {"/fr/users/1": user(name="Anne"), "/de/users/1": user(name="Anna")},
        services={
            "french": KEPT_SERVICE.replace("{shop}", "{shop}/fr"),
            "german": KEPT_SERVICE.replace("{shop}", "{shop}/de"),
        },
    )
    for _ in range(2):
        assert name_in(screen.get("/french")) == "Anne"
        assert name_in(screen.get("/german")) == "Anna"


def test_composition_that_writes_reads_no_operations_cache(screens: Screens) -> None:
    text = "{endpoint: GET /one, steps: {user: {call: kept.get}}}"
    screen = screens(
        {"read": text, "other": text.replace("one", "two"), "write": text.replace("GET", "POST")},
        {"/users/1": user()},
        services={"kept": KEPT_SERVICE},
    )
    assert name_in(screen.get("/one")) == "Ann"
    screen.let("/users/1", user(name="Bo"))
    assert name_in(screen.post({}, "/one")) == "Bo"
    assert name_in(screen.get("/one")) == name_in(screen.get("/two")) == "Ann"


@pytest.mark.parametrize("returns", ["none", "schemas.shop:Order | None"])
def test_stored_204_means_to_each_step_what_its_statuses_say(
    screens: Screens, returns: str
) -> None:
    service = f"  find: {{request: GET /find, returns: '{returns}', cache: {{ttl: 5m}}}}\n"
    plain = "endpoint: GET /plain\nsteps: {found: {call: shop.find}}\n"
    strict = (
        "endpoint: GET /strict\nsteps: {found: {call: shop.find, statuses: {204: {reply: 404}}}}\n"
    )
    screen = screens({"plain": plain, "strict": strict}, {"/find": reply(204)}, service=service)
    for target, status in (("/plain", 200), ("/strict", 404), ("/plain", 200)):
        assert screen.get(target).status == status
    assert screen.calls() == ["GET /find"]


def test_cache_of_a_step_stands_in_for_its_operations(screens: Screens) -> None:
    one = "{endpoint: GET /one, steps: {user: {call: kept.get, cache: {ttl: 1ms, stale: 0s}}}}"
    two = "{endpoint: GET /two, steps: {user: {call: kept.get}}}"
    clock = Clock()
    screen = screens(
        {"one": one, "two": two},
        {"/users/1": user()},
        services={"kept": KEPT_SERVICE},
        clock=clock,
    )
    assert name_in(screen.get("/two")) == "Ann"
    screen.let("/users/1", user(name="Bo"))
    clock.now += 0.01
    assert name_in(screen.get("/one")) == "Bo"
