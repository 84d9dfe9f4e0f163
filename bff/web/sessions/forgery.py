"""Requests that another page has the browser send, with the session's cookie in them: refused.

Rules (RFC 10017 §6.1, and the browser's own word, Fetch Metadata):
1. A request with the session's cookie has `X-CSRF: 1`. A page of another origin can't send that
   without a preflight, which only the origins in `cors` pass.
2. A browser can't add it to the handshake of a WebSocket and to an EventSource. Those name an
   `Origin` that is listed, or the gateway's own; an EventSource of the own origin names none, and
   says so in `Sec-Fetch-Site`.
3. A route with `navigation: true` is also for a GET by which a page of the own origin navigates: a
   download. Nobody else's link, form or frame opens it.

It is judged before the session is looked for, so a forged request costs nothing. Pure.
"""

from collections.abc import Collection

from bff.identity.ports import Refusal
from bff.identity.sessions.cookies import SESSION_COOKIE, cookies_called
from bff.upstream.passthrough.handshake import offers_websocket
from bff.web.http.requests import GatewayRequest

NO_CSRF_HEADER = Refusal(
    403,
    "no_csrf_header",
    "A request with the session's cookie must have the header X-CSRF: 1.",
)
FOREIGN_ORIGIN = Refusal(
    403,
    "foreign_origin",
    "With the session's cookie, WebSockets and event streams are for pages of listed origins.",
)

_OWN_PAGE = b"same-origin"


class ForgeryGuard:
    """Judges requests to one endpoint that asks who calls. `origins` are those that are listed for
    it, and the gateway's own."""

    def __init__(self, origins: Collection[str], takes_navigations: bool) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self._takes_navigations = takes_navigations

    def refusal(self, request: GatewayRequest) -> Refusal | None:
        """Why a request is refused, None where it is sound or has no session's cookie."""
        single = request.single
        if b"cookie" not in single or not cookies_called(SESSION_COOKIE, request):
            return None
        if request.header_values("x-csrf") == ["1"]:
            return None
        site, origin = single.get(b"sec-fetch-site"), single.get(b"origin")
        if request.method == "GET" and offers_websocket(request.headers):
            return None if origin in self._origins else FOREIGN_ORIGIN
        if request.method == "GET" and single.get(b"accept") == b"text/event-stream":
            is_own = origin is None and site == _OWN_PAGE
            return None if is_own or origin in self._origins else FOREIGN_ORIGIN
        navigates = request.method == "GET" and single.get(b"sec-fetch-mode") == b"navigate"
        is_download = self._takes_navigations and navigates and site == _OWN_PAGE
        return None if is_download else NO_CSRF_HEADER
