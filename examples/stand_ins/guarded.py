"""Services that want to know who asks: by a key, a password, a token, or the caller's token."""

import base64

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

MAPS_KEY = "maps-key"
WEATHER_KEY = "weather-key"
LEGACY_PASSWORD = "pass word"
LEDGER_SECRET = "ledger-secret"

_TOKEN = "token-of-the-shop"
_CALLERS = {"Bearer ann-token": "ann", "Bearer bob-token": "bob"}


def build() -> Blueprint:
    """The stand-in, at `/maps`, `/weather`, `/legacy`, `/oauth`, `/ledger`, `/me` and
    `/session`."""
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
        """A token for client credentials (RFC 6749 §4.4)."""
        if not _is_basic("shop", LEDGER_SECRET):
            return {"error": "invalid_client"}, 401
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


def _is_basic(user: str, password: str) -> bool:
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return request.headers.get("Authorization") == f"Basic {credentials}"
