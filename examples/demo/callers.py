"""Who may ask: each kind of caller makes a request of the show, and gets what is theirs.

A login goes the way that a browser takes: to the gateway, to the issuer's form, and back. What a
browser would do by itself with cookies is done here by hand, so that it can be seen.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from examples.demo.processes import DemoFailed, DemoServers

USER = "jana"  # user 92; the password is the name
SUPPORT = "noor"
_TIMEOUT_SECONDS = 20
_PHONE_ADDRESS = "com.example.shop:/callback"


@dataclass(frozen=True, slots=True)
class Login:
    """A browser that is logged in: its cookie, and where its page's "log out" leads."""

    cookie: str
    logout: str

    @property
    def headers(self) -> dict[str, str]:
        """What the page's requests carry."""
        return {"Cookie": self.cookie, "X-CSRF": "1"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request of one caller, made so many times, and the status that is right for it."""

    who: str
    target: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What came of an attempt the last time. `said` is what the reply says, in a few words."""

    attempt: Attempt
    status: int
    said: str

    @property
    def failure(self) -> str | None:
        """What is wrong, as a sentence."""
        if self.status == self.attempt.status:
            return None
        attempt = self.attempt
        return f"{attempt.who}: GET {attempt.target} answered {self.status}: {self.said}"


def log_in(running: DemoServers, name: str) -> Login:
    """Log in as a browser does. Raises `DemoFailed` where it leads elsewhere."""
    with _client() as gateway, _client() as issuer:
        begun = gateway.get(f"{running.gateway}/bff/login")
        back = _submit_form(issuer, _location(begun), name)
        done = gateway.get(back, headers={"Cookie": _cookies(begun)})
        cookie = _cookies(done)
        if not cookie:
            raise DemoFailed(
                f"The login of {name} ended with {done.status_code}: {done.text[:300]}"
            )
        user = gateway.get(f"{running.gateway}/bff/user", headers=Login(cookie, "").headers)
        return Login(cookie, user.json()["logout_url"])


def log_out(login: Login) -> None:
    """Click on "log out". Raises `DemoFailed` where it leads nowhere."""
    with _client() as browser:
        left = browser.get(login.logout, headers={"Cookie": login.cookie})
        browser.get(_location(left))


def take_token(running: DemoServers, name: str) -> str:
    """A token as an app on a phone gets it from the issuer (RFC 8252), without the gateway."""
    issuer = running.processes["issuer"].address
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    asked = {
        "client_id": "phone",
        "redirect_uri": _PHONE_ADDRESS,
        "response_type": "code",
        "scope": "openid",
        "state": secrets.token_urlsafe(8),
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    with _client() as app:
        back = _submit_form(app, f"{issuer}/authorize?{urlencode(asked)}", name)
        form = {
            "grant_type": "authorization_code",
            "client_id": "phone",
            "redirect_uri": _PHONE_ADDRESS,
            "code": parse_qs(urlsplit(back).query)["code"][0],
            "code_verifier": verifier,
        }
        token: str = app.post(f"{issuer}/token", data=form).json()["access_token"]
    return token


def attempts(running: DemoServers, login: Login) -> list[Attempt]:
    """What each caller tries; the partner goes on until the limit."""
    own, anothers, offers = "/account/92/orders", "/account/7/orders", "/partner/offers"
    cookie_alone = {"Cookie": login.cookie}
    click = {**cookie_alone, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
    app = {"Authorization": f"Bearer {take_token(running, USER)}"}
    support = {"Authorization": f"Bearer {take_token(running, SUPPORT)}"}
    partner = {"X-Api-Key": running.partner_key}
    return [
        Attempt("nobody", own, 401),
        Attempt("jana, logged in", own, 200, login.headers),
        Attempt("jana, without X-CSRF", own, 403, cookie_alone),
        Attempt("jana, by a click", "/downloads/orders.csv", 200, click),
        Attempt("jana, another's", anothers, 403, login.headers),
        Attempt("jana's phone, a token", own, 200, app),
        Attempt("support, a token", anothers, 200, support),
        Attempt("support, no partner", offers, 403, support),
        Attempt("partner, an API key, 5 ×", offers, 200, partner, times=5),
        Attempt("partner, once too often", offers, 429, partner),
    ]


def try_all(running: DemoServers, login: Login) -> list[AttemptResult]:
    """Make the attempts; then jana logs out, and her cookie is worth nothing."""
    with httpx.Client(
        base_url=running.gateway, trust_env=False, timeout=_TIMEOUT_SECONDS
    ) as client:
        results = [_try(client, each) for each in attempts(running, login)]
        log_out(login)
        after = Attempt("jana, logged out", "/account/92/orders", 401, login.headers)
        return [*results, _try(client, after)]


def _try(client: httpx.Client, attempt: Attempt) -> AttemptResult:
    for _ in range(attempt.times):
        reply = client.get(attempt.target, headers=dict(attempt.headers))
    return AttemptResult(attempt, reply.status_code, _say(reply))


def _say(reply: httpx.Response) -> str:
    match reply.status_code:
        case 200:
            kind = reply.headers.get("content-type", "").partition(";")[0]
            return f"{len(reply.content)} bytes of {kind}"
        case 429:
            return f"Retry-After: {reply.headers.get('retry-after')}"
        case _:
            said: str = reply.json().get("detail", "")
            return said


def _client() -> httpx.Client:
    """Follows nothing and keeps no cookies of the gateway's: they are Secure, and a client takes
    them for HTTPS alone, where a browser makes an exception for localhost."""
    return httpx.Client(trust_env=False, timeout=_TIMEOUT_SECONDS)


def _submit_form(browser: httpx.Client, form: str, name: str) -> str:
    """Fill in the issuer's form at this address; where it leads back to."""
    return _location(browser.post(form, data={"name": name, "password": name}))


def _location(reply: httpx.Response) -> str:
    if not reply.is_redirect:
        raise DemoFailed(f"{reply.url} answered {reply.status_code}: {reply.text[:300]}")
    return str(reply.url.join(reply.headers["location"]))


def _cookies(reply: httpx.Response) -> str:
    """What a browser would send back."""
    kept: SimpleCookie = SimpleCookie()
    for line in reply.headers.get_list("set-cookie"):
        kept.load(line)
    return "; ".join(f"{name}={each.value}" for name, each in kept.items() if each.value)
