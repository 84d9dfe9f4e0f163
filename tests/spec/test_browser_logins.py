"""Browsers that log in, over every host: what goes over the wire, and who gets a session."""

import asyncio
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest

from bff.identity.api_keys.stores import FileStore
from bff.identity.sessions.cookies import LOGIN_COOKIE
from tests.support.identity.api_keys import key_for
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


def test_login_leads_to_the_issuer_with_pkce_state_and_nonce_and_back_to_a_session(
    served: Served, browser: Browser
) -> None:
    assert browser.get("/mine").status == 401
    evil = [("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil.example")]
    location = browser.request("GET", "/bff/login", *evil).header("location")
    query = dict(parse_qsl(urlsplit(location or "").query))
    assert query["redirect_uri"] == f"{PUBLIC}/bff/callback"
    assert query["code_challenge_method"] == "S256"
    assert all(len(query[name]) == 43 for name in ("code_challenge", "nonce"))
    assert query["scope"] == "openid offline_access"
    assert browser.log_in() == f"{PUBLIC}/welcome"
    assert browser.attributes == {
        LOGIN_COOKIE: "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600",
        SESSION_COOKIE: "Path=/; Secure; HttpOnly; SameSite=Strict",
    }
    answer = browser.get("/mine")
    assert answer.json() == {"who": "ada", "name": "Ann"}
    assert "private" in (answer.header("cache-control") or "")


def test_page_after_a_login_leads_on_without_a_redirect_and_tells_nobody(
    served: Served, browser: Browser
) -> None:
    answer = browser.request("GET", browser.begin_login("/orders?a=b&c='d'"), HTML)
    assert answer.status == 200
    assert b'content="0;url=http://127.0.0.1:8080/orders?a=b&amp;c=&#x27;d&#x27;"' in answer.body
    assert answer.header("location") is None
    assert answer.header("cache-control") == "no-store"
    assert answer.header("referrer-policy") == "no-referrer"
    assert "default-src 'none'" in (answer.header("content-security-policy") or "")


@pytest.mark.parametrize(
    "target",
    [
        *("https://evil.example", "//evil.example", "/\\evil.example", "/%2f%2fevil.example"),
        *("/\r\nSet-Cookie: a=b", "javascript:alert(1)", "", "\u0000", "/" + "a" * 2000),
    ],
)
def test_login_leads_to_no_other_site(target: str, browser: Browser) -> None:
    query = urlencode({"return_to": target})
    answer = browser.request("GET", f"/bff/login?{query}", HTML)
    assert (answer.status, answer.json()["reason"]) == (400, "bad_return_to")
    assert browser.cookies == {}
    twice = browser.request("GET", f"/bff/login?return_to=/a&{query}", HTML)
    assert twice.status == 400


def test_session_has_a_new_name_at_each_login_and_a_planted_one_gets_nothing(
    served: Served, browser: Browser
) -> None:
    planted = browser.cookies[SESSION_COOKIE] = "p" * 43
    assert browser.get("/mine").status == 401
    browser.log_in()
    first = browser.session_id
    assert first != planted
    browser.log_in()
    assert browser.session_id != first
    for old in (planted, first):
        thief = Browser(served.host)
        thief.cookies[SESSION_COOKIE] = old or ""
        assert thief.get("/mine").status == 401


def test_session_that_a_browser_had_ends_at_its_login(served: Served, browser: Browser) -> None:
    """Whether its cookie comes with the login's beginning, or with the callback."""
    browser.log_in()
    first = browser.cookies.pop(SESSION_COOKIE)
    callback = browser.begin_login()  # from a link of another site: without the strict cookie
    browser.cookies[SESSION_COOKIE] = first
    assert browser.request("GET", callback, HTML).status == 200
    assert browser.session_id != first
    browser.cookies[SESSION_COOKIE] = first
    assert browser.get("/mine").status == 401


def test_callback_in_another_browser_gives_no_session(served: Served, browser: Browser) -> None:
    """Login CSRF: the attacker's own answer of the issuer, in a victim's browser."""
    callback, victim = browser.begin_login(), Browser(served.host)
    for is_logging_in in (False, True):
        if is_logging_in:
            victim.begin_login()
        answer = victim.request("GET", callback, HTML)
        assert answer.status == 400
        assert victim.session_id is None
    assert served.issuer.token_requests == []


@pytest.mark.parametrize(
    "query",
    [
        *("", "state=x", "code=x", "code=x&state=x", "error=x&state=x", "error=x"),
        *("code=&state=", "code=x&code=y&state=x", "state=%ff&code=x", "&".join(["a=b"] * 50)),
    ],
)
def test_callback_that_answers_no_login_is_one_and_the_same_refusal(
    query: str, browser: Browser
) -> None:
    page = browser.request("GET", f"/bff/callback?{query}", HTML)
    assert page.status == 400
    assert page.header("content-type") == "text/html; charset=utf-8"
    problem = browser.request("GET", f"/bff/callback?{query}").json()
    assert problem["reason"] == "bad_login"
    assert problem["detail"].encode() in page.body
    browser.begin_login()
    assert browser.request("GET", f"/bff/callback?{query}", HTML).body == page.body


def test_login_that_the_issuer_refuses_says_so_and_repeats_nothing(
    served: Served, browser: Browser
) -> None:
    served.issuer.refuses_logins = "access_denied"
    answer = browser.request("GET", browser.begin_login(), HTML)
    assert answer.status == 403
    assert b"The issuer has not logged you in." in answer.body
    assert b"script" not in answer.body
    assert b"access_denied" not in answer.body
    assert browser.session_id is None


def test_issuer_in_trouble_is_503_and_no_logout(served: Served, browser: Browser) -> None:
    callback = browser.begin_login()
    served.issuer.answer_token_with = (500, b"secret trouble")
    answer = browser.request("GET", callback, HTML)
    assert (answer.status, answer.header("retry-after")) == (503, "5")
    assert b"secret trouble" not in answer.body


def test_pages_of_the_own_origin_may_navigate_to_downloads_alone(browser: Browser) -> None:
    browser.log_in()
    own = [*NAVIGATES, ("Sec-Fetch-Site", "same-origin")]
    assert browser.request("GET", "/files/users/1", *own).status == 200
    assert browser.request("GET", "/raw/users/1", *own).status == 403
    assert browser.request("POST", "/files/users/1", *own).status == 403


def test_logins_count_by_address_as_other_requests_do(
    tmp_path: Path, shared_issuer: OidcIssuer
) -> None:
    shared_issuer.reset()
    limits = "limits: [{by: address, rate: 3/hour, burst: 3, exact: true}]"
    with (
        RedisServer() as redis,
        serving_sessions("http1", tmp_path, shared_issuer, redis, limits) as served,
    ):
        browser = Browser(served.host)
        statuses = [browser.request("GET", "/bff/login").status for _ in range(3)]
        assert statuses == [303, 303, 303]
        for path in ("/bff/login", "/bff/callback?code=x&state=y", "/bff/user", "/bff/logout"):
            assert browser.get(path).status == 429
        assert backchannel(served, shared_issuer.logout_token(sub="ada")) == 429


def test_ended_sessions_and_wrong_keys_of_an_address_lock_out_no_session_and_no_key_of_it(
    tmp_path: Path, shared_issuer: OidcIssuer
) -> None:
    """A Redis that restarts ends the sessions of a whole office at once."""
    shared_issuer.reset()
    good, add = key_for("partner", claims={"sub": "partner"})
    asyncio.run(FileStore(tmp_path / "keys.json").update(add))
    limits = f"""
  api_keys: {{header: X-Api-Key, file: {tmp_path}/keys.json}}
  jwt: [{{issuer: id, audience: [shop], algorithms: [HS256], secret: "${{secret.SESSION_KEY}}"}}]
limits: [{{by: failed_credentials, rate: 2/day}}]
"""
    with (
        RedisServer() as redis,
        serving_sessions("http1", tmp_path, shared_issuer, redis, limits) as served,
    ):
        ended, browser = Browser(served.host), Browser(served.host)
        browser.log_in()
        ended.cookies[SESSION_COOKIE] = "e" * 43
        assert [ended.get("/mine").status for _ in range(4)] == [401] * 4
        wrong = ("X-Api-Key", "wrong")
        statuses = [Browser(served.host).get("/mine", wrong).status for _ in range(4)]
        assert statuses == [401, 401, 429, 429]
        assert browser.get("/mine").status == 200
        assert Browser(served.host).get("/mine", ("X-Api-Key", good)).status == 200
        claims = {"iss": "id", "aud": "shop", "sub": "ann", "exp": time.time() + 600}
        token = ("Authorization", f"Bearer {jwt.encode(claims, 'k' * 32)}")
        assert Browser(served.host).get("/mine", token).status == 429
        assert Browser(served.host).get("/mine", wrong).status == 429
