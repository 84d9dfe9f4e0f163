"""Payloads after their time, served while or where they can't be made anew; degraded ones."""

import threading

import pytest

from tests.support.cache.answers import cache_facts, directives, is_hit, ttl_of, until
from tests.support.fake_time import Clock
from tests.support.gateway.hosts import Answer
from tests.support.gateway.screens import Screen, Screens, user
from tests.support.structured_fields import read_list
from tests.support.upstream.wire import Script
from tests.support.upstream.wire_scripts import held, reply

SCREEN = """
    endpoint: GET /screen
    steps: {user: {call: shop.get_user, with: {id: 1}, on_failure: POLICY}}
    response: {name: '${user.firstName}', warnings: '${degraded}'}
    cache: {ttl: TTL, stale: STALE, stale_if_error: IF_ERROR}
    """
ANN, BO = user(name="Ann"), user(name="Bo")
BROKEN: list[Script] = [reply(503), reply(429)]


def screen_with(
    screens: Screens, clock: Clock, *, ttl: str = "10s", stale: str = "0s", if_error: str = "0s",
    policy: str = "fail", scope: str = "",
) -> Screen:  # fmt: skip
    """A screen that shows Ann, on a clock that the test turns."""
    text = SCREEN.replace("POLICY", policy).replace("TTL", ttl).replace("STALE", stale)
    text = text.replace("IF_ERROR", if_error + scope)
    screen = screens(text, {"/users/1": ANN}, clock=clock)
    assert shows(screen.get(), "Ann")
    return screen


def shows(answer: Answer, name: str | None, reason: str | None = None) -> bool:
    """Whether this is the whole payload, or the degraded one with its warning."""
    warnings = [{"step": "user", "reason": reason}] if reason else []
    payload: object = answer.json()
    return answer.status == 200 and payload == {"name": name, "warnings": warnings}


def is_stale_if_error(answer: Answer) -> bool:
    return cache_facts(answer).get("fwd") == "stale"


def test_stale_payload_is_served_to_all_while_one_call_makes_it_anew(screens: Screens) -> None:
    clock, gate = Clock(), threading.Event()
    screen = screen_with(screens, clock, stale="30s")
    screen.let("/users/1", held(gate, BO))
    clock.now += 15
    for _ in range(5):
        answer = screen.get()
        assert shows(answer, "Ann")
        assert is_hit(answer)
        assert answer.header("age") == "15"
        assert ttl_of(answer) < 0
        screen.upstream.wait_for_requests(2)
    assert len(screen.calls()) == 2
    gate.set()
    for answer in until(screen.get, lambda answer: shows(answer, "Bo")):
        assert is_hit(answer)


def test_client_that_wants_nothing_stale_waits_and_gets_what_is_new(screens: Screens) -> None:
    clock = Clock()
    screen = screen_with(screens, clock, stale="30s")
    for number, wish in enumerate(("no-cache", "max-age=0", "no-store", "No-Cache, x=1")):
        screen.let("/users/1", user(name=f"Bo {number}"))
        clock.now += 15
        new = screen.get(cache_control=wish)
        assert not is_hit(new)
        assert shows(new, f"Bo {number}")


def test_wish_for_nothing_stale_may_stand_in_either_of_two_lines(screens: Screens) -> None:
    clock = Clock()
    screen = screen_with(screens, clock, stale="30s")
    for number, lines in enumerate((("no-cache", "x"), ("x", "no-cache"))):
        screen.let("/users/1", user(name=f"Bo {number}"))
        clock.now += 15
        new = screen.request("GET", headers=[("Cache-Control", line) for line in lines])
        assert not is_hit(new)
        assert shows(new, f"Bo {number}")


def test_client_can_not_make_upstreams_work_while_a_payload_is_fresh(screens: Screens) -> None:
    screen = screen_with(screens, Clock(), ttl="5m")
    for wish in ("no-cache", "max-age=0", "no-store"):
        assert is_hit(screen.get(cache_control=wish, pragma="no-cache"))
    assert len(screen.calls()) == 1


@pytest.mark.parametrize("broken", BROKEN)
def test_older_payload_stands_in_while_the_service_is_broken_and_no_longer(
    screens: Screens, broken: Script
) -> None:
    clock = Clock()
    screen = screen_with(screens, clock, if_error="30s")
    tag = screen.get().header("etag")
    screen.let("/users/1", broken)
    clock.now += 15
    answer = screen.get()
    assert is_stale_if_error(answer)
    assert shows(answer, "Ann")
    assert answer.header("etag") == tag
    assert answer.header("age") == "15"
    facts = cache_facts(answer)
    assert facts["detail"] == "stale-if-error"
    assert facts["fwd-status"] in (502, 429)
    assert ttl_of(answer) <= 0
    ((_, failed),) = read_list(answer.header("proxy-status") or "")
    assert failed["details"] == "user: status"
    assert screen.get(if_none_match=tag or "").status == 304

    screen.let("/users/1", BO)
    clock.now += 0.9  # the service is left alone for a second
    spared = screen.get()
    assert is_stale_if_error(spared)
    assert shows(spared, "Ann")
    assert len(screen.calls()) == 2
    clock.now += 0.1
    new = screen.get()
    assert shows(new, "Bo")
    assert {"fwd": "miss", "stored": True}.items() <= cache_facts(new).items()
    assert len(screen.calls()) == 3


def test_what_is_not_there_any_more_is_not_papered_over(screens: Screens) -> None:
    clock = Clock()
    screen = screen_with(screens, clock, if_error="30s")
    screen.let("/users/1", reply(404))
    clock.now += 15
    answer = screen.get()
    assert (answer.status, answer.json()["step"]) == (404, "user")
    screen.let("/users/1", reply(503))
    assert screen.get().status == 502  # the older payload has ended


def test_what_is_not_there_any_more_ends_the_stale_payload_too(screens: Screens) -> None:
    clock = Clock()
    screen = screen_with(screens, clock, stale="30s")
    screen.let("/users/1", reply(410))
    clock.now += 15
    *hits, answer = until(screen.get, lambda answer: answer.status != 200)
    assert all(is_hit(each) for each in hits)
    assert answer.status == 410


def test_degraded_payload_is_kept_for_a_second_and_marked_as_it_was(screens: Screens) -> None:
    clock = Clock()
    screen = screen_with(screens, clock, policy="optional", scope=", scope: public")
    screen.let("/users/1", reply(503))
    clock.now += 15
    first = screen.get()
    assert cache_facts(first) == {"fwd": "miss"}  # not stored as what is complete
    second = screen.get()
    assert is_hit(second)
    for answer in (first, second):
        assert shows(answer, None, "status")
        assert directives(answer) == {"private": None, "no-cache": None}
    assert second.header("proxy-status") == first.header("proxy-status") is not None
    assert len(screen.calls()) == 2
    screen.let("/users/1", BO)
    clock.now += 1
    new = screen.get()
    assert shows(new, "Bo")
    assert {"fwd": "miss", "stored": True}.items() <= cache_facts(new).items()
    assert new.header("proxy-status") is None
    assert "public" in directives(new)


def test_complete_older_payload_is_preferred_to_a_degraded_one(screens: Screens) -> None:
    clock = Clock()
    screen = screen_with(screens, clock, policy="optional", if_error="30s")
    screen.let("/users/1", reply(503))
    clock.now += 15
    answer = screen.get()
    assert is_stale_if_error(answer)
    assert shows(answer, "Ann")
    assert (answer.header("proxy-status") or "").startswith("bff; error=http_request_error")
    assert "fwd-status" not in cache_facts(answer)


LAST_GOOD = """
    endpoint: GET /screen
    steps: {user: {call: shop.get_user, with: {id: 1}, on_failure: stale}}
    response: {name: '${user.firstName}', warnings: '${degraded}'}
    """


def test_stale_step_is_its_last_good_value_and_reported(screens: Screens) -> None:
    screen = screens(LAST_GOOD, {"/users/1": ANN})
    assert shows(screen.get(), "Ann")
    screen.let("/users/1", BO)
    assert shows(screen.get(), "Bo")  # it is kept for failures alone
    screen.let("/users/1", reply(503))
    answer = screen.get()
    assert shows(answer, "Bo", "status")
    ((_, failed),) = read_list(answer.header("proxy-status") or "")
    assert (failed["received-status"], failed["details"]) == (503, "user: status")


def test_stale_step_without_a_last_good_value_fails(screens: Screens) -> None:
    screen = screens(LAST_GOOD, {"/users/1": reply(503)})
    answer = screen.get()
    assert (answer.status, answer.json()["step"]) == (502, "user")


def test_stale_step_does_not_paper_over_an_answer(screens: Screens) -> None:
    screen = screens(LAST_GOOD, {"/users/1": ANN})
    assert shows(screen.get(), "Ann")
    screen.let("/users/1", reply(404))
    assert screen.get().status == 404
