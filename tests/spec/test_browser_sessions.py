"""Browsers with a session, over every host: what its cookie opens, and how it ends."""

import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from bff.telemetry.metrics.definitions.limits import ACTIONS
from tests.support.gateway.hosts import HOSTS, Header
from tests.support.identity.browsers import (
    HTML,
    NAVIGATES,
    PUBLIC,
    SESSION_COOKIE,
    Browser,
    Served,
    backchannel,
    serving_sessions,
)
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.redis.server import RedisServer
from tests.support.telemetry.counted import counted
from tests.support.telemetry.log_lines import of, read_lines


@pytest.mark.parametrize("target", ["/mine", "/raw/users/1", "/bff/user", "/files/users/1"])
def test_cookie_without_the_header_gets_nothing(
    target: str, served: Served, browser: Browser
) -> None:
    browser.log_in()
    before = len(served.upstream.requests)
    sent: list[list[Header]] = [
        [],
        [("X-CSRF", "2")],
        [("X-CSRF", "1"), ("X-CSRF", "1")],
        [("Origin", PUBLIC)],
        [("Accept", "text/event-stream"), ("Origin", "https://evil.example")],
        [("Accept", "text/event-stream"), ("Sec-Fetch-Site", "same-site")],
        [*NAVIGATES, ("Sec-Fetch-Site", "cross-site")],
        [*NAVIGATES, ("Sec-Fetch-Site", "same-site")],
        [*NAVIGATES, ("Sec-Fetch-Site", "none")],
        [("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Site", "same-origin")],
    ]
    for headers in sent:
        answer = browser.request("GET", target, *headers)
        assert answer.status == 403, headers
        assert answer.json()["reason"] in ("no_csrf_header", "foreign_origin")
    posted = browser.request("POST", "/raw/users/1", *NAVIGATES, ("Sec-Fetch-Site", "same-origin"))
    assert posted.status == 403
    assert len(served.upstream.requests) == before
    assert browser.get(target).status == 200
    sent_on = served.upstream.requests[before:]
    assert not any(each.header("cookie") or each.header("x-csrf") for each in sent_on)


@pytest.mark.parametrize(
    "headers",
    [
        [("Sec-Fetch-Site", "same-origin")],
        [("Origin", PUBLIC)],
        [("Origin", "https://app.example")],
    ],
)
def test_event_streams_are_for_pages_of_listed_origins(
    headers: list[Header], browser: Browser
) -> None:
    browser.log_in()
    stream = ("Accept", "text/event-stream")
    assert browser.request("GET", "/raw/users/1", stream, *headers).status == 200


def test_public_endpoints_look_at_no_cookie(browser: Browser) -> None:
    browser.cookies[SESSION_COOKIE] = "garbage"
    assert browser.request("GET", "/open").status == 200
    assert browser.request("GET", "/welcome", *NAVIGATES).status == 200


@pytest.mark.parametrize(
    "value", ["", "x", "ä" * 43, "p" * 43, "p" * 5000, "../../etc", '"', "a=b"]
)
def test_cookie_that_is_none_is_one_and_the_same_refusal(value: str, browser: Browser) -> None:
    browser.cookies[SESSION_COOKIE] = value.encode().decode("latin-1")
    answer = browser.get("/mine")
    assert answer.status == 401
    assert answer.json()["detail"] == "There is no session of this cookie. Log in at /bff/login."
    assert answer.header("set-cookie") is None  # a late answer would drop a newer session


def test_two_credentials_are_none(served: Served, browser: Browser) -> None:
    browser.log_in()
    twice = ("Cookie", f"{SESSION_COOKIE}={'p' * 43}")
    # A WSGI server joins the two into one.
    assert browser.get("/mine", twice).status in ((401,) if served.host.name == "flask" else (400,))


def test_user_is_shown_by_the_declared_claims_to_its_own_page_alone(
    served: Served, browser: Browser
) -> None:
    assert browser.get("/bff/user").status == 401
    served.issuer.user = {"sub": "a@x@y", "name": "A", "internal": "x"}
    browser.log_in()
    answer = browser.get("/bff/user")
    assert answer.json()["claims"]["sub"] == "a@x@y"
    assert answer.json()["claims"].keys() == {"sub", "name"}
    assert answer.json()["logout_url"].startswith(f"{PUBLIC}/bff/logout?sid=")
    assert answer.header("cache-control") == "no-store"
    assert browser.get("/bff/user", ("Origin", "https://app.example")).header(
        "access-control-allow-origin"
    ) == ("https://app.example")


def logout_target(browser: Browser) -> str:
    parts = urlsplit(browser.get("/bff/user").json()["logout_url"])
    return f"{parts.path}?{parts.query}"


def test_logout_ends_the_session_in_every_tab_and_at_the_issuer(
    served: Served, browser: Browser
) -> None:
    browser.log_in()
    tab = Browser(served.host)
    tab.cookies |= browser.cookies
    answer = browser.request("GET", logout_target(browser), *NAVIGATES)
    assert answer.status == 303
    query = dict(parse_qsl(urlsplit(answer.header("location") or "").query))
    assert query["post_logout_redirect_uri"] == f"{PUBLIC}/bye"
    assert query["id_token_hint"].count(".") == 2
    assert browser.session_id is None
    assert tab.get("/mine").status == 401
    again = tab.request("GET", "/bff/logout?sid=x", *NAVIGATES)
    assert again.status == 403  # its cookie is there still
    gone = Browser(served.host).request("GET", "/bff/logout", *NAVIGATES)
    assert (gone.status, gone.header("location")) == (303, f"{PUBLIC}/bye")


def test_logout_without_the_sid_of_the_session_logs_nobody_out(
    served: Served, browser: Browser
) -> None:
    browser.log_in()
    other = Browser(served.host)
    other.log_in()
    for target in (
        "/bff/logout",
        "/bff/logout?sid=",
        "/bff/logout?sid=%C3%BC",
        logout_target(other),
    ):
        answer = browser.request("GET", target, *NAVIGATES)
        assert (answer.status, answer.json()["reason"]) == (403, "wrong_sid")
    assert browser.request("HEAD", logout_target(browser)).status == 405
    assert browser.request("POST", logout_target(browser)).status == 405
    assert browser.get("/mine").status == 200


def test_issuer_ends_sessions_by_the_back_channel(served: Served, browser: Browser) -> None:
    served.issuer.sid = "first"
    browser.log_in()
    for wrong in ({"sid": "other"}, {"sub": "eve"}, {"sid": "first", "sub": "eve"}):
        assert backchannel(served, served.issuer.logout_token(**wrong)) == 200
    for token in ("", "x", "a.b.c", served.issuer.logout_token(sid="first", nonce="n")):
        assert backchannel(served, token) == 400
    good = served.issuer.logout_token(sid="first", sub="ada")
    assert backchannel(served, good, "application/json") == 415
    assert browser.get("/mine").status == 200
    assert backchannel(served, good) == 200
    assert browser.get("/mine").status == 401
    browser.log_in()
    assert backchannel(served, good) == 400  # it was used
    assert browser.get("/mine").status == 200


def test_own_endpoints_win_over_routes_in_each_spelling_of_their_path(
    served: Served, browser: Browser
) -> None:
    before = len(served.upstream.requests)
    assert browser.request("GET", "/%62ff/login").status == 303
    assert browser.request("POST", "/bff/login").status == 405
    assert browser.request("OPTIONS", "/bff/login").status == 204
    assert len(served.upstream.requests) == before


@pytest.mark.parametrize("name", HOSTS)
def test_store_that_restarts_takes_a_new_login_and_one_that_is_away_is_503(
    name: str, tmp_path: Path, shared_issuer: OidcIssuer
) -> None:
    shared_issuer.reset()
    with RedisServer() as redis, serving_sessions(name, tmp_path, shared_issuer, redis) as served:
        browser = Browser(served.host)
        browser.log_in()
        target = logout_target(browser)
        callback = Browser(served.host)
        redis.stop()
        for answer in (
            browser.get("/mine"),
            browser.get("/bff/user"),
            browser.request("GET", target, *NAVIGATES),
            callback.request("GET", callback.begin_login(), HTML),
        ):
            assert answer.status == 503
            assert answer.header("retry-after") == "1"
        assert browser.session_id is not None
        redis.start()
        gives_up_at = time.monotonic() + 10
        while browser.get("/mine").status == 503:  # for the breaker's pause
            assert time.monotonic() < gives_up_at
        assert browser.get("/mine").status == 401
        browser.log_in()
        assert browser.get("/mine").status == 200


def test_logins_logouts_and_their_refusals_have_audit_lines_without_secrets(
    tmp_path: Path, shared_issuer: OidcIssuer, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    shared_issuer.reset()
    shared_issuer.sid = "issuers-own"
    with (
        RedisServer() as redis,
        serving_sessions("http1", tmp_path, shared_issuer, redis) as served,
    ):
        browser = Browser(served.host)
        browser.request("GET", "/bff/callback?code=c0de-given&state=st4te", HTML)
        browser.log_in()
        browser.request("GET", "/bff/logout?sid=wr0ng")
        target = logout_target(browser)
        backchannel(served, "t0ken")
        backchannel(served, shared_issuer.logout_token(sid="issuers-own"))
        browser.request("GET", target)
        browser.log_in()
        browser.request("GET", logout_target(browser))
        core = served.host.app.extensions["bff"].core
        core.log.flush()
    came_to = f"{ACTIONS.name} action={{}} outcome={{}}".format
    assert counted(core.metrics, ACTIONS) == {
        came_to("login", "unknown_login"): 1,
        came_to("login", "done"): 2,
        came_to("logout", "wrong_sid"): 1,
        came_to("logout", "bad_logout_token"): 1,
        came_to("logout", "done"): 2,
    }
    out = capfdbinary.readouterr().out
    audit = of("audit", read_lines(out))
    assert [(each["event.action"], each.get("event.reason", "done")) for each in audit] == [
        ("login", "unknown_login"),
        ("login", "done"),
        ("logout", "wrong_sid"),
        ("logout", "bad_logout_token"),
        ("logout", "done"),
        ("login", "done"),
        ("logout", "done"),
    ]
    assert {each["client.address"] for each in audit} == {"127.0.0.1"}
    (who,) = {each["user.id"] for each in audit if "user.id" in each}
    assert len(who) == 64
    for secret in (b"c0de-given", b"st4te", b"wr0ng", b"t0ken", b"issuers-own", b'"ada"', b"sid="):
        assert secret not in out
