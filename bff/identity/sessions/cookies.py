"""The two cookies: the session's, and that of logins under way.

`__Host-Http-` is a prefix that browsers hold to: such a cookie is Secure, HttpOnly, of this host
alone and of its whole site, so that no script, no subdomain and no plain connection plants one.
A browser that does not know it sees the prefix `__Host-`, which its name begins with, and holds to
all but HttpOnly. So one name serves all browsers (RFC 6265bis §4.1.3, and the draft on cookie
prefixes). Chromium and Firefox take both on http://localhost, too.
"""

from typing import Final

from bff.identity.ports import CallerRequest, Refusal
from bff.identity.sessions.logins import LOGIN_SECONDS, is_login_key

SESSION_COOKIE: Final = "__Host-Http-bff"
LOGIN_COOKIE: Final = "__Host-Http-bff-login"

_TWO_SESSIONS: Final = Refusal(
    400, "invalid_request", "The request brings the session's cookie more than once."
)


class SessionCookie:
    """Finds the session's cookie in requests, whatever it holds."""

    headers: tuple[str, ...] = ("cookie",)

    def read(self, request: CallerRequest) -> str | Refusal | None:
        """See `CredentialReader` in `bff.identity.provider`."""
        if b"cookie" not in request.single:
            return None
        values = cookies_called(SESSION_COOKIE, request)
        if not values:
            return None
        return values[0] if len(values) == 1 else _TWO_SESSIONS


def login_key_in(request: CallerRequest) -> str | None:
    """The browser's login cookie; None where there is none, or anything else."""
    values = cookies_called(LOGIN_COOKIE, request)
    return values[0] if len(values) == 1 and is_login_key(values[0]) else None


def cookies_called(name: str, request: CallerRequest) -> list[str]:
    """The values of every cookie of this name (RFC 6265 §5.4), as they came. HTTP/2 may split the
    header (RFC 9113 §8.2.3)."""
    found = []
    for line in request.header_values("cookie"):
        for pair in line.split(";"):
            key, _, value = pair.partition("=")
            if key.strip(" \t") == name:
                found.append(value.strip(" \t"))
    return found


def set_session(session_id: str) -> bytes:
    """The `Set-Cookie` of a new session. The browser keeps it until it is closed: the end of the
    session is the gateway's to decide."""
    return _line(SESSION_COOKIE, session_id, "SameSite=Strict")


def drop_session() -> bytes:
    """The `Set-Cookie` that ends the cookie."""
    return _line(SESSION_COOKIE, "", "SameSite=Strict; Max-Age=0")


def set_login(login_key: str) -> bytes:
    """The `Set-Cookie` of a login. The issuer sends the browser back from another site, and a
    strict cookie would not come along."""
    return _line(LOGIN_COOKIE, login_key, f"SameSite=Lax; Max-Age={LOGIN_SECONDS}")


def _line(name: str, value: str, attributes: str) -> bytes:
    return f"{name}={value}; Path=/; Secure; HttpOnly; {attributes}".encode()
