"""What tests of callers' own tokens share: the callers, the operations, and a service that answers
with the token that it got."""

from tests.support.gateway.screens import Screen, user
from tests.support.gateway.websockets import KEY, ORIGIN
from tests.support.upstream.wire import Exchange

CLAIMS = {name: {"sub": name} for name in ("ann", "bo", "partner")} | {"broken": {"sub": "a\nb"}}
OPERATIONS = """
operations:
  me:
    request: GET /me
    returns: schemas.shop:User
  other:
    request: GET /other
    returns: schemas.shop:User
  pay:
    request: POST /pay
    returns: none
"""
HANDSHAKE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec_websocket_version": "13",
    "sec_websocket_key": KEY,
    "origin": ORIGIN,
}


def whoami(exchange: Exchange) -> None:
    """Answers with the token that it got."""
    token = (exchange.request.header("authorization") or "").removeprefix("Bearer ")
    user(1, token or "nobody")(exchange)


def authorizations(screen: Screen) -> list[list[str]]:
    """The `Authorization` of each call so far."""
    return [
        [value for name, value in each.headers if name == "authorization"]
        for each in screen.upstream.requests
    ]
