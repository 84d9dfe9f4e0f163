"""A browser as far as logins need one: it keeps cookies, follows the issuer, and sends `X-CSRF`.

    browser = Browser(host)
    browser.log_in("/orders")           by the issuer, until the page that leads on
    browser.get("/mine").json()

What browsers enforce by themselves (SameSite, prefixes) is not in it: that takes a real one.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx

from bff.identity.sessions.cookies import SESSION_COOKIE
from bff.settings import Settings
from tests.support.gateway.hosts import Answer, Header, Host, serving
from tests.support.gateway.websockets import echo, switching
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.projects import SHOP_SCHEMAS, SHOP_SERVICE, write_project
from tests.support.redis.server import RedisServer
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

CSRF: Header = ("X-CSRF", "1")
HTML: Header = ("Accept", "text/html,*/*;q=0.8")
NAVIGATES: list[Header] = [("Sec-Fetch-Mode", "navigate"), HTML]

PUBLIC = "http://127.0.0.1:8080"
COMPOSITIONS = {
    "open": """
        endpoint: GET /open
        access: public
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        """,
    "mine": """
        endpoint: GET /mine
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        response: {who: '${claims.sub}', name: '${user.firstName}'}
        cache: {ttl: 5m}
        """,
    "relayed": "{endpoint: GET /relayed, steps: {user: {call: relayed.get_me}}}",
}
RELAYED = """
base: http://127.0.0.1:9
auth: {relay: true}
operations:
  get_me:
    request: GET /me
    returns: schemas.shop:User
"""
GATEWAY = """
defaults: {{access: authenticated}}
cors: {{origins: ['https://app.example'], credentials: true}}
routes:
  /raw: {{service: shop}}
  /files: {{service: shop, navigation: true}}
  /live: {{service: shop, websocket: true}}
  "/": {{service: shop, access: public}}
identity:
  claims: schemas.auth:Claims
  sessions:
    issuer: {issuer}
    client_id: {client}
    client_secret: "${{secret.OIDC}}"
    scopes: [openid, offline_access]
    public_url: {public}
    keys: ["${{secret.SESSION_KEY}}"]
    after_login: /welcome
    after_logout: /bye
"""
CLAIMS = """
from pydantic import BaseModel

class Claims(BaseModel):
    sub: str
    name: str | None = None
"""


class Browser:
    """One browser in front of a gateway."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.cookies: dict[str, str] = {}
        self.attributes: dict[str, str] = {}  # of each cookie, as it came last

    @property
    def session_id(self) -> str | None:
        return self.cookies.get(SESSION_COOKIE)

    def request(self, method: str, target: str, *headers: Header) -> Answer:
        """Send exactly these headers, and the cookies."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = [("Cookie", cookie), *headers] if cookie else list(headers)
        answer = self.host.request(method, target, sent)
        for name, value in answer.headers:
            if name == "set-cookie":
                self._keep(value)
        return answer

    def get(self, target: str, *headers: Header) -> Answer:
        """What a page's own code asks for."""
        return self.request("GET", target, CSRF, *headers)

    def begin_login(self, return_to: str | None = None) -> str:
        """The path and query with which the issuer sends the browser back."""
        query = "" if return_to is None else "?" + urlencode({"return_to": return_to})
        answer = self.request("GET", f"/bff/login{query}", HTML)
        assert answer.status == 303, answer.body
        reply = httpx.get(answer.header("location") or "", trust_env=False)
        assert reply.status_code == 303, reply.text
        parts = urlsplit(reply.headers["location"])
        return f"{parts.path}?{parts.query}"

    def log_in(self, return_to: str | None = None) -> str:
        """Log in; returns where the browser is led."""
        answer = self.request("GET", self.begin_login(return_to), HTML)
        assert answer.status == 200, answer.body
        found = re.search(rb'content="0;url=([^"]*)"', answer.body)
        assert found is not None
        return found[1].decode()

    def _keep(self, line: str) -> None:
        parsed = SimpleCookie(line)
        for name, morsel in parsed.items():
            self.attributes[name] = line.partition("; ")[2]
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


@dataclass
class Served:
    """A host whose browsers log in, and what stands around it."""

    host: Host
    issuer: OidcIssuer
    redis: RedisServer
    upstream: WireServer


@contextmanager
def serving_sessions(
    name: str, folder: Path, issuer: OidcIssuer, redis: RedisServer, more: str = ""
) -> Iterator[Served]:
    """A project whose browsers log in at this issuer; `more` is added to its `gateway.yaml`."""
    secrets = {"OIDC": issuer.client_secret, "SESSION_KEY": "k" * 32}
    for secret, text in secrets.items():
        (folder / secret).write_text(text)
    answer = json_reply('{"id": 1, "first_name": "Ann"}')
    known = ("/users/1", "/me", "/welcome")
    scripts = {**dict.fromkeys(known, answer), "/chat": switching(echo)}
    with WireServer(scripts) as upstream:
        gateway = GATEWAY.format(issuer=issuer.url, client=issuer.client_id, public=PUBLIC)
        project = write_project(
            folder / "project",
            COMPOSITIONS,
            services={
                name: text.replace("http://127.0.0.1:9", upstream.url)
                for name, text in (("shop", SHOP_SERVICE), ("relayed", RELAYED))
            },
            schemas={"auth": CLAIMS, "shop": SHOP_SCHEMAS},
            gateway=gateway + more,
        )
        settings = Settings(
            log_level="error",
            redis_url=redis.url,
            secrets_dir=folder,
            metrics_token="t" * 32,
        )
        with serving(name, project, settings=settings) as host:
            yield Served(host, issuer, redis, upstream)


def backchannel(
    served: Served, token: str, media: str = "application/x-www-form-urlencoded"
) -> int:
    """The status of the reply to a logout token of the issuer's."""
    body = urlencode({"logout_token": token}).encode()
    sent = [("Content-Type", media)]
    return served.host.request("POST", "/bff/backchannel-logout", sent, body).status
