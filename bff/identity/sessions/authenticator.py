"""Authenticates the session's cookie.

A request waits for Redis, and for a refresh where the access token has ended. Whatever is wrong
with a cookie is one and the same 401: a value that is none, one that nobody gave, one whose session
has ended.
"""

from collections.abc import Awaitable
from typing import Final

from bff.identity.ports import CallerRequest, Claims, Refusal
from bff.identity.sessions.sessions import Sessions
from bff.identity.sessions.store import StoredSession
from bff.redis.store import StoreDown

NO_SESSION: Final = Refusal(
    401, "no_session", "There is no session of this cookie. Log in at /bff/login."
)
STORE_DOWN: Final = Refusal(
    503,
    "sessions_unavailable",
    "The store of sessions does not answer.",
    ((b"retry-after", b"1"),),
)
ISSUER_DOWN: Final = Refusal(
    503,
    "issuer_unavailable",
    "The issuer of tokens does not answer.",
    ((b"retry-after", b"5"),),
)


class SessionAuthenticator:
    """See `Authenticator` in `bff.identity.ports`. Opens and closes `sessions`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def authenticate(self, credential: str, request: CallerRequest) -> Awaitable[Claims | Refusal]:
        """See `Authenticator.authenticate`. The claims are those of the id token, the token is the
        access token."""
        return self._authenticate(credential)

    async def open(self) -> None:
        """See `IdentityProvider.open`."""
        await self._sessions.open()

    async def close(self) -> None:
        """See `IdentityProvider.close`."""
        await self._sessions.close()

    async def _authenticate(self, credential: str) -> Claims | Refusal:
        try:
            found = await self._sessions.find(credential)
        except StoreDown:
            return STORE_DOWN
        match found:
            case StoredSession(session):
                return Claims(
                    kind="session",
                    claims=session.claims,
                    subject=session.subject,
                    issuer=self._sessions.plan.issuer,
                    token=session.access_token,
                    until=session.ends_at,
                )
            case "failed":
                return ISSUER_DOWN
        return NO_SESSION
