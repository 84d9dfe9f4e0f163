"""Login to logout in Chromium, at a certified issuer that is another site than the gateway.

The sample project serves under `bff serve` with two workers over one Redis, at http://localhost;
the issuer is at http://127.0.0.1. Each test is a person with a browser of their own.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from examples.demo.processes import DemoServers, running_demo
from tests.support.redis.server import RedisServer
from tests.system.certified_issuer import CertifiedIssuer, command_of
from tests.system.chromium import COOKIE, WAIT_MS, Visitor, chromium

ROOT = Path(__file__).parents[2]
OWN, ANOTHERS = "/account/92/orders", "/account/7/orders"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def shop(redis: RedisServer) -> Iterator[DemoServers]:
    with running_demo(ROOT, redis.url, lambda *_: None, issuer=command_of, workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def issuer(shop: DemoServers) -> Iterator[CertifiedIssuer]:
    issuer = CertifiedIssuer(shop.processes["issuer"].address)
    yield issuer
    issuer.switch(token_delay_ms=0, access_seconds=300)


@pytest.fixture
def jana(browser: Browser, shop: DemoServers) -> Iterator[Visitor]:
    visitor = Visitor(browser, shop.gateway)
    yield visitor
    visitor.close()


@pytest.fixture
def mallory(browser: Browser, shop: DemoServers) -> Iterator[Visitor]:
    """Somebody else, whose account is `gita`."""
    visitor = Visitor(browser, shop.gateway)
    yield visitor
    visitor.close()


# ------------------------------------------------------------------------------- login to logout


def test_login_leads_back_to_the_screen_whose_data_come_in_one_call(
    jana: Visitor, issuer: CertifiedIssuer
) -> None:
    jana.log_in("jana")
    jana.sees("h2", "Hello Jana García")
    sites = {urlsplit(reply.url).hostname for reply in jana.replies}
    assert sites == {"localhost", "127.0.0.1"}
    at_the_end = [urlsplit(reply.url).path for reply in jana.replies[-3:]]
    assert at_the_end == ["/app/", "/bff/user", "/screens/home/92"]


def test_browser_keeps_one_strict_cookie_and_no_token(jana: Visitor) -> None:
    jana.log_in("jana")
    kept = {cookie["name"]: cookie for cookie in jana.context.cookies(jana.address)}
    assert kept.keys() == {COOKIE, f"{COOKIE}-login"}  # that of logins under way, for 10 minutes
    cookie = kept[COOKIE]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
    assert (cookie["path"], cookie["domain"], cookie["expires"]) == ("/", "localhost", -1)
    assert jana.page.evaluate("document.cookie") == ""
    assert jana.page.evaluate("localStorage.length + sessionStorage.length") == 0
    _, user = jana.ask("/bff/user")
    assert "eyJ" not in f"{user}{cookie['value']}"  # how every JWT begins


def test_request_with_the_cookie_needs_the_header(jana: Visitor) -> None:
    jana.log_in("jana")
    assert jana.ask(OWN)[0] == 200
    assert jana.ask(OWN, Accept="application/json")[0] == 403


def test_user_gets_own_orders_and_nobody_elses(jana: Visitor) -> None:
    jana.log_in("jana")
    status, payload = jana.ask(OWN)
    assert status == 200
    assert {order["user_id"] for order in payload["history"]["orders"]} == {92}
    assert jana.ask(ANOTHERS)[0] == 403


def test_download_opens_by_a_click_and_holds_own_orders_alone(jana: Visitor) -> None:
    jana.log_in("jana")
    with jana.page.expect_download() as begun:
        jana.page.click("text=for your spreadsheet")
    assert begun.value.suggested_filename == "orders.csv"
    lines = Path(begun.value.path()).read_text("utf-8").splitlines()
    _, payload = jana.ask(f"{OWN}?limit=50")
    numbers = [str(order["id"]) for order in payload["history"]["orders"]]
    assert [line.split(",")[0] for line in lines] == ["order", *numbers]


def test_twenty_calls_at_once_refresh_once_while_the_issuer_is_slow(
    jana: Visitor, issuer: CertifiedIssuer
) -> None:
    issuer.switch(access_seconds=1)
    jana.log_in("jana")
    before = issuer.events().count("refresh_token.consumed")
    issuer.switch(access_seconds=300, token_delay_ms=1000)
    jana.page.wait_for_timeout(1200)  # until the access token has expired
    cookie = jana.cookie()
    assert jana.ask_often(OWN, 20) == [200] * 20
    assert issuer.events().count("refresh_token.consumed") - before == 1
    assert jana.cookie() == cookie


def test_logout_ends_the_session_here_and_at_the_issuer(
    jana: Visitor, issuer: CertifiedIssuer
) -> None:
    jana.log_in("jana")
    cookie = jana.cookie()
    before = issuer.events()
    jana.page.click("text=Log out")
    jana.page.wait_for_selector("button[name=logout]")  # the issuer's page asks once more
    while (since := issuer.events()[len(before) :]) == []:  # pytest's timeout ends it
        jana.page.wait_for_timeout(20)
    assert "refresh_token.destroyed" in since  # without her doing
    jana.page.click("button[name=logout]")
    jana.sees_link("Log in")
    assert jana.page.url == f"{jana.address}/app/"
    assert jana.cookie() is None
    assert "end_session.success" in issuer.events()
    jana.plant(cookie["value"])
    assert jana.ask(OWN)[0] == 401
    jana.page.click("text=Log in")  # the issuer knows nobody, and asks
    expect(jana.page.locator("input[name=password]")).to_be_visible(timeout=WAIT_MS)


def test_logout_at_the_issuer_ends_the_session_here(jana: Visitor, issuer: CertifiedIssuer) -> None:
    jana.log_in("jana")
    tab = jana.context.new_page()
    tab.goto(f"{issuer.url}/session/end")
    tab.click("button[name=logout]")
    expect(tab.locator("h1")).to_have_text("Logged out")
    assert "backchannel.success" in issuer.events()
    assert jana.ask(OWN)[0] == 401
    jana.open_shop()
    jana.sees_link("Log in")


def test_two_tabs_may_log_in_at_once(jana: Visitor) -> None:
    first, second = jana.page, jana.context.new_page()
    for tab in (first, second):
        tab.goto(f"{jana.address}/bff/login")
    for tab in (first, second):
        tab.fill("input[name=name]", "jana")
        tab.fill("input[name=password]", "jana")
    first.click("button")
    first.click("button[name=allow]")
    first.wait_for_url("**/app/")
    second.click("button")
    second.wait_for_url("**/app/")
    jana.open_shop()
    jana.sees("h2", "Hello Jana García")


def test_event_stream_of_the_own_page_needs_no_header(jana: Visitor) -> None:
    jana.log_in("jana")
    with jana.page.expect_response(f"**{OWN}") as begun:
        jana.page.evaluate("(path) => { new EventSource(path); }", OWN)
    assert begun.value.request.headers["accept"] == "text/event-stream"
    assert begun.value.status == 200


# ------------------------------------------------------------------------------------- attacks


def test_login_gives_a_session_other_than_the_one_that_was_planted(
    jana: Visitor, mallory: Visitor
) -> None:
    mallory.log_in("gita")
    planted = mallory.cookie()["value"]
    jana.plant(planted)
    jana.page.goto(f"{jana.address}/bff/login")
    jana.fill_in("jana")
    jana.page.wait_for_url("**/app/")
    assert jana.cookie()["value"] != planted
    assert jana.ask("/bff/user")[1]["claims"]["name"] == "Jana García"
    assert mallory.ask("/bff/user")[0] == 401  # the one that was planted has ended


def test_cookie_that_an_attacker_made_up_is_nobody(jana: Visitor) -> None:
    jana.open_shop()
    jana.sees_link("Log in")
    jana.plant("A" * 43)
    assert jana.ask(OWN)[0] == 401


def test_callback_of_an_attackers_login_logs_nobody_in(jana: Visitor, mallory: Visitor) -> None:
    caught = mallory.stop_before("/bff/callback")
    mallory.page.goto(f"{mallory.address}/bff/login")
    with mallory.page.expect_event("requestfailed"):
        mallory.fill_in("gita")
    answer = jana.page.goto(caught[0])
    assert answer is not None
    assert answer.status == 400
    assert jana.cookie() is None


def test_page_of_another_site_reads_nothing_and_sends_no_cookie_along(
    jana: Visitor, issuer: CertifiedIssuer
) -> None:
    jana.log_in("jana")
    elsewhere = jana.context.new_page()
    elsewhere.goto(f"{issuer.url}/healthz")
    read = """(url) => fetch(url, { credentials: 'include', headers: { 'X-CSRF': '1' } })
      .then(() => 'read', () => 'blocked')"""
    assert elsewhere.evaluate(read, f"{jana.address}{OWN}") == "blocked"
    click = """(url) => { const link = document.createElement('a'); link.href = url;
      document.body.append(link); link.click(); }"""
    with elsewhere.expect_response("**/downloads/orders.csv") as begun:
        elsewhere.evaluate(click, f"{jana.address}/downloads/orders.csv")
    assert begun.value.status == 401
    assert "__Host-Http-bff=" not in begun.value.request.all_headers().get("cookie", "")


# --------------------------------------------------------------------------------------- troubles


def test_redis_that_is_away_is_503_and_one_that_comes_back_empty_is_a_new_login(
    jana: Visitor, redis: RedisServer
) -> None:
    jana.log_in("jana")
    redis.stop()
    try:
        assert jana.ask(OWN)[0] == 503
        assert jana.cookie() is not None
    finally:
        redis.start()
    for _ in range(100):  # until the gateway has found it again
        status, _body = jana.ask(OWN)
        if status != 503:
            break
        jana.page.wait_for_timeout(100)
    assert status == 401
    jana.open_shop()
    jana.page.click("text=Log in")  # the issuer knows her still, and leads back at once
    jana.sees("h2", "Hello Jana García")


# ----------------------------------------------------------------------------------------- tokens


def test_token_of_the_certified_issuer_is_a_caller_too(
    shop: DemoServers, issuer: CertifiedIssuer
) -> None:
    granted = httpx.post(
        f"{issuer.url}/token",
        data={"grant_type": "client_credentials", "scope": "orders.read"},
        auth=("robot", "robot-secret"),
        trust_env=False,
    )
    token = granted.json()["access_token"]
    with httpx.Client(base_url=shop.gateway, trust_env=False) as client:
        assert client.get(OWN).status_code == 401
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get(OWN).status_code == 403  # somebody, who is not user 92
        client.headers["Authorization"] = f"Bearer {token[:-8]}AAAAAAAA"
        assert client.get(OWN).status_code == 401
