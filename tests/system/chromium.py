"""Debian's Chromium as a person uses it: pages, clicks, and what the browser keeps.

with chromium() as browser:
    visitor = Visitor(browser, shop)        a browser of its own: no cookies yet
    visitor.log_in("jana")                  by the forms of the certified issuer
    visitor.ask("/bff/user")                as the page's script asks: (status, JSON or None)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Response, expect, sync_playwright

PROGRAM = "/usr/bin/chromium"
# As root it runs without a sandbox only; the others keep it from calling home.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
COOKIE = "__Host-Http-bff"
WAIT_MS = 8_000

_ASK = """async ([path, headers]) => {
  const reply = await fetch(path, { headers });
  return [reply.status, await reply.json().catch(() => null)];
}"""
_ASK_OFTEN = """async ([path, times]) => {
  const options = { headers: { 'X-CSRF': '1' }, cache: 'no-store' };
  const asked = Array.from({ length: times }, (_, i) => fetch(`${path}?offset=${i}`, options));
  return (await Promise.all(asked)).map((reply) => reply.status);
}"""

Reply = tuple[int, Any]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without windows."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=PROGRAM, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """A person with a browser, at a shop that is at `address`."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.address = address
        self.context = browser.new_context(viewport={"width": 720, "height": 540})
        self.context.set_default_timeout(WAIT_MS)
        self.page: Page = self.context.new_page()
        self.replies: list[Response] = []
        self.page.on("response", lambda reply: self.replies.append(reply))

    def open_shop(self) -> None:
        """The shop's page, of which some is there."""
        self.page.goto(f"{self.address}/app/")

    def log_in(self, name: str) -> None:
        """To the issuer and back; the password is the name."""
        self.open_shop()
        self.page.click("text=Log in")
        self.fill_in(name)
        self.sees("h2", "Hello ")

    def sees(self, selector: str, words: str) -> None:
        """Wait until an element of the page has these words in it."""
        expect(self.page.locator(selector)).to_contain_text(words, timeout=WAIT_MS)

    def sees_link(self, words: str) -> None:
        """Wait until the page has this link."""
        expect(self.page.get_by_role("link", name=words)).to_be_visible(timeout=WAIT_MS)

    def fill_in(self, name: str) -> None:
        """The issuer's forms: who one is, and that the shop may know it."""
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=password]", name)
        self.page.click("button")
        self.page.click("button[name=allow]")

    def ask(self, path: str, **headers: str) -> Reply:
        """What the page's script gets for a GET with these headers; X-CSRF where none is given."""
        status, body = self.page.evaluate(_ASK, [path, headers or {"X-CSRF": "1"}])
        return status, body

    def ask_often(self, path: str, times: int) -> list[int]:
        """The statuses of requests that are all sent at once."""
        statuses: list[int] = self.page.evaluate(_ASK_OFTEN, [path, times])
        return statuses

    def cookie(self, name: str = COOKIE) -> Any:
        """A cookie as the browser has it; None where it has none."""
        kept = self.context.cookies(self.address)
        return next((cookie for cookie in kept if cookie["name"] == name), None)

    def plant(self, value: str) -> None:
        """Give the browser a session's cookie, as an attacker would who could."""
        cookie = {"name": COOKIE, "value": value, "url": self.address, "path": "/"}
        attributes = {"secure": True, "httpOnly": True, "sameSite": "Strict"}
        session = self.context.new_cdp_session(self.page)
        assert session.send("Network.setCookie", cookie | attributes)["success"]

    def stop_before(self, path: str) -> list[str]:
        """From now on the browser goes to no address of this path; a list of those it would."""
        stopped: list[str] = []
        session = self.context.new_cdp_session(self.page)

        def stop(event: dict[str, Any]) -> None:
            stopped.append(event["request"]["url"])
            session.send(
                "Fetch.failRequest", {"requestId": event["requestId"], "errorReason": "Aborted"}
            )

        session.on("Fetch.requestPaused", stop)
        session.send("Fetch.enable", {"patterns": [{"urlPattern": f"*{path}*"}]})
        return stopped

    def close(self) -> None:
        """Leave, with everything."""
        self.context.close()
