"""Services that want to know who asks: by a key, a password, a token, or the caller's token."""

import base64

import jwt
from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

MAPS_KEY = "maps-key"
WEATHER_KEY = "weather-key"
LEGACY_PASSWORD = "pass word"
LEDGER_SECRET = "ledger-secret"
ISSUER_SECRET = "a-secret-of-32-bytes-for-cooking"

_TOKEN = "token-of-the-shop"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_CALLERS = {"Bearer ann-token": "ann", "Bearer bob-token": "bob"}


def build() -> Blueprint:
    """The stand-in, at `/maps`, `/weather`, `/legacy`, `/oauth`, `/ledger`, `/me`, `/inbox`,
    `/profile`, `/mine` and `/session`."""
    guarded = Blueprint("guarded", __name__)

    @guarded.get("/maps/places/<int:number>")
    def get_place(number: int) -> ResponseReturnValue:
        """Wants its key in the query."""
        if request.args.get("key") != MAPS_KEY:
            return {"error": "invalid key"}, 403
        return {"id": number, "name": "Harbour"}

    @guarded.get("/weather/<city>")
    def get_weather(city: str) -> ResponseReturnValue:
        """Wants its key in a header."""
        if request.headers.get("X-Api-Key") != WEATHER_KEY:
            return {"error": "invalid key"}, 401
        return {"city": city, "celsius": 21.5}

    @guarded.get("/legacy/invoices/<int:number>")
    def get_invoice(number: int) -> ResponseReturnValue:
        """Wants basic credentials, and a tenant."""
        if not _is_basic("shop", LEGACY_PASSWORD) or request.args.get("tenant") != "demo":
            return {"error": "who are you?"}, 401, {"WWW-Authenticate": 'Basic realm="legacy"'}
        return {"id": number, "due": "2026-12-01", "total": "19.90"}

    @guarded.post("/oauth/token")
    def give_token() -> ResponseReturnValue:
        """A token for client credentials (RFC 6749 §4.4), or for a caller's (RFC 8693)."""
        if not _is_basic("shop", LEDGER_SECRET):
            return {"error": "invalid_client"}, 401
        if request.form.get("grant_type") == _EXCHANGE:
            return _exchanged(request.form["subject_token"], request.form.get("audience", ""))
        if request.form.get("grant_type") != "client_credentials":
            return {"error": "unsupported_grant_type"}, 400
        scope = request.form.get("scope", "")
        token = f"{_TOKEN}:{scope}"
        return {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": scope}

    @guarded.get("/ledger/entries/<int:number>")
    def get_entry(number: int) -> ResponseReturnValue:
        """Wants a token with the scope `ledger.read`."""
        if request.headers.get("Authorization") != f"Bearer {_TOKEN}:ledger.read":
            return {"error": "invalid_token"}, 401
        return {"id": number, "amount": "12.50"}

    @guarded.get("/me")
    def get_me() -> ResponseReturnValue:
        """Wants the caller's own token."""
        name = _CALLERS.get(request.headers.get("Authorization", ""))
        if name is None:
            return {"error": "invalid_token"}, 401, {"WWW-Authenticate": 'Bearer realm="shop"'}
        return {"login": name}

    @guarded.get("/inbox/unread")
    def count_unread() -> ResponseReturnValue:
        """Believes the gateway, which is all that may call it."""
        user = request.headers.get("X-User")
        return ({"user": user, "unread": 3}, 200) if user else ({"error": "who?"}, 401)

    @guarded.get("/profile")
    def get_profile() -> ResponseReturnValue:
        """Wants the caller's own token, of the issuer."""
        name = _subject_of(request.headers.get("Authorization", "").removeprefix("Bearer "))
        return ({"login": name}, 200) if name else ({"error": "invalid_token"}, 401)

    @guarded.get("/mine/orders")
    def list_mine() -> ResponseReturnValue:
        """Wants a token that is for it."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        audience, _, name = token.partition(":")
        if (scheme, audience) != ("Bearer", "orders"):
            return {"error": "invalid_token"}, 401
        return [{"id": 7, "buyer": name}]

    @guarded.post("/session/login")
    def log_in() -> ResponseReturnValue:
        """Begins a session, and sends the browser on."""
        reply = redirect("/session/home", 303)
        reply.set_cookie("session", request.form["user"], path="/session", httponly=True)
        return reply

    @guarded.put("/session/theme")
    def set_theme() -> ResponseReturnValue:
        """Wants the session, and a token against forged requests."""
        if "session" not in request.cookies or request.headers.get("X-CSRF-Token") != "csrf-1":
            return {"error": "forbidden"}, 403
        return {"user": request.cookies["session"], "theme": request.get_json()["theme"]}

    return guarded


def _exchanged(subject_token: str, audience: str) -> ResponseReturnValue:
    name = _subject_of(subject_token)
    if name is None:
        return {"error": "invalid_request"}, 400
    if audience != "orders":
        return {"error": "invalid_target"}, 400
    kind = "urn:ietf:params:oauth:token-type:access_token"
    token = {"access_token": f"orders:{name}", "issued_token_type": kind}
    return {**token, "token_type": "Bearer", "expires_in": 300}


def _subject_of(token: str) -> str | None:
    """Whom the issuer's token is about; None for any other text."""
    try:
        claims = jwt.decode(token, ISSUER_SECRET, algorithms=["HS256"], audience="shop")
    except jwt.InvalidTokenError:
        return None
    return str(claims["sub"])


def _is_basic(user: str, password: str) -> bool:
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return request.headers.get("Authorization") == f"Basic {credentials}"
