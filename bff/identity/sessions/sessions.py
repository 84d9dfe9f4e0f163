"""Logins, sessions and logouts of browsers, as RFC 10017 (BCP 212) has a backend for frontends.

Rules:
1. A browser holds a cookie that means nothing; tokens are in Redis, encrypted.
2. A session has a new name at each login. What the browser brings is never the name of a session
   that begins; a session that it had before the login ends.
3. Redis decides what a session is. Where it is away nobody is logged out: `StoreDown`.
4. A logout ends the session here first. Its refresh token goes back to the issuer in a task of its
   own, which nobody waits for.

Belongs to one event loop.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from bff.identity.issuers.issuers import Issuers, metadata_name
from bff.identity.issuers.requests import IssuerDown
from bff.identity.jwt.tokens import BadToken
from bff.identity.sessions.grants import ANSWER_SECONDS, Grant, IssuersGrants, Refused
from bff.identity.sessions.logins import (
    KEY_BYTES,
    SALT_BYTES,
    begin_login,
    new_login_key,
    resume_login,
)
from bff.identity.sessions.refreshes import (
    Refreshed,
    Refreshes,
    RefreshOutcome,
    session_of,
)
from bff.identity.sessions.revocations import Revocations
from bff.identity.sessions.session import (
    ID_BYTES,
    Session,
    SessionKeys,
    handle_of,
    is_session_id,
    new_session_id,
)
from bff.identity.sessions.store import SessionStore
from bff.identity.sessions.tokens import LEEWAY_SECONDS, IssuersTokens
from bff.plan.model.sessions import SessionsPlan
from bff.redis.store import SharedStore, StoreDown
from bff.secret import Secret
from bff.telemetry.logs.repeats import Complaints

# Redis has more time than it has as a cache: without it there is no answer.
STORE_SECONDS: Final = 0.5

Event = Literal["login", "logout"]

_log = logging.getLogger(__name__)


class BadLogin(Exception):
    """A callback that ends no login; the word is for the log."""


@dataclass(frozen=True, slots=True)
class BegunLogin:
    """Where the browser goes, and its login cookie."""

    location: str
    login_key: str


@dataclass(frozen=True, slots=True)
class FinishedLogin:
    """The cookie of a new session, and the path that the browser goes on to."""

    session_id: str
    return_to: str
    session: Session


class Sessions:
    """The browser sessions of a project, in the Redis at `redis_url`. `note` gets what happens to
    sessions without a request of the browser's: the event, the session's subject, an outcome.
    `count_refresh` gets the outcome of each refresh of a token.
    `clock` returns seconds since the epoch, `random_bytes` as many random bytes as are asked
    for."""

    def __init__(
        self,
        plan: SessionsPlan,
        redis_url: str,
        issuers: Issuers,
        *,
        note: Callable[[Event, str, str], None],
        count_refresh: Callable[[RefreshOutcome], None],
        clock: Callable[[], float],
        complaints: Complaints,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        store_seconds: float = STORE_SECONDS,
    ) -> None:
        self.plan = plan
        self.complaints = complaints
        self._redis_url = redis_url
        self._store_seconds = store_seconds
        self._issuers = issuers
        self._note = note
        self._count_refresh = count_refresh
        self._clock = clock
        self._random_bytes = random_bytes
        self._is_open = False

    async def open(self) -> None:
        """Begin: the issuer's documents are fetched in the background, Redis at the first use."""
        plan, clock = self.plan, self._clock
        self._tokens = IssuersTokens(plan, self._issuers, clock)
        metadata = self._issuers.use_metadata(plan.issuer)
        self._grants = IssuersGrants(plan, metadata, self._issuers.client)
        self._revocations = Revocations(self._grants.revoke, self.complaints)
        self._redis = SharedStore(self._redis_url, use="sessions", seconds=self._store_seconds)
        self._store = SessionStore(
            self._redis, SessionKeys(plan.keys), plan.namespace, plan.idle_seconds, clock
        )
        self._refreshes = Refreshes(
            self._store,
            ask=self._grants.refresh,
            verify=self._verify_refresh,
            give_back=self._revocations.begin,
            count=self._count_refresh,
            note_end=lambda session: self._note("logout", session.subject, "ended by the issuer"),
            clock=clock,
            new_word=lambda: self._random_bytes(16).hex(),
            complaints=self.complaints,
        )
        self._is_open = True

    async def begin(
        self, return_to: str, login_key: str | None, session_id: str | None
    ) -> BegunLogin:
        """Begin a login of the browser with these cookies; `return_to` is a path of the
        gateway's site. Raises `IssuerDown`."""
        key = login_key or new_login_key(self._random_bytes(KEY_BYTES))
        had_session = session_id is not None and is_session_id(session_id)
        login = begin_login(
            key,
            return_to,
            replaces=handle_of(session_id) if session_id and had_session else "",
            salt=self._random_bytes(SALT_BYTES),
            now=self._clock(),
        )
        return BegunLogin(await self._grants.login_url(login), key)

    def knows(self, login_key: str | None, state: str | None) -> bool:
        """Whether a callback belongs to a login that this browser began."""
        return (
            login_key is not None
            and state is not None
            and resume_login(login_key, state, now=self._clock()) is not None
        )

    async def finish(
        self,
        login_key: str | None,
        state: str | None,
        code: str,
        issuer: str | None,
        *,
        before: str | None = None,
    ) -> FinishedLogin:
        """End a login with the code of a callback; `issuer` is the one that the callback names,
        `before` the session's cookie that came with it, if one did. Raises `BadLogin`, `IssuerDown`
        and `StoreDown`."""
        now, login = self._clock(), None
        if login_key is not None and state is not None:
            login = resume_login(login_key, state, now=now)
        if login is None:
            raise BadLogin("unknown_login")
        names_issuer = await self._grants.names_issuer()
        if issuer != self.plan.issuer and (issuer is not None or names_issuer):
            raise BadLogin("other_issuer")  # RFC 9207 §2.4
        try:
            grant = await self._grants.redeem(code, login.verifier, now)
            session = await self._begun(grant, login.nonce, now)
        except Refused:
            raise BadLogin("code_refused") from None
        except BadToken as bad:
            self.complaints.error(_log, f"a login was refused: its id token {bad}")
            raise BadLogin("bad_id_token") from None
        session_id = new_session_id(self._random_bytes(ID_BYTES))
        try:
            if login.replaces:
                await self._end(login.replaces)
            if before is not None:
                await self.end(before)
            await self._store.create(handle_of(session_id), session)
        except StoreDown:
            self._revocations.begin(session.refresh_token)
            raise
        return FinishedLogin(session_id, login.return_to, session)

    async def find(self, session_id: str) -> Refreshed:
        """The session of a cookie, with an access token that is good now. Raises `StoreDown`."""
        if not is_session_id(session_id):
            return "ended"
        handle = handle_of(session_id)
        stored = await self._store.use(handle)
        return "ended" if stored is None else await self._refreshes.renewed(handle, stored)

    async def end(self, session_id: str) -> Session | None:
        """End the session of a cookie, and return what it was. Raises `StoreDown`."""
        return await self._end(handle_of(session_id)) if is_session_id(session_id) else None

    async def logout_url(self, session: Session) -> str:
        """Where the browser goes after its session has ended: to the issuer's own logout, where it
        has one and is there."""
        try:
            location = await self._grants.logout_url(session.id_token)
        except IssuerDown as error:
            what = f"a browser was logged out here alone: the issuer {error}"
            self.complaints.error(_log, what)
            location = None
        return location or self.plan.origin + self.plan.after_logout

    async def end_by_token(self, logout_token: str) -> int | None:
        """End the sessions that a logout token of the issuer's names; returns how many these were,
        None for a token that came before. Raises `BadToken`, `IssuerDown` and `StoreDown`."""
        logout = await self._tokens.read_logout(logout_token)
        seconds = logout.until + LEEWAY_SECONDS - self._clock()
        return await self._store.end_all(
            logout.jti, sid=logout.sid, subject=logout.subject, seconds=max(seconds, 1.0)
        )

    async def close(self) -> None:
        """End what is in flight, once tokens that are on their way are stored or given back; does
        nothing where it is not open."""
        if not self._is_open:
            return
        self._is_open = False
        await self._refreshes.close(ANSWER_SECONDS)
        await self._revocations.close(ANSWER_SECONDS)
        await self._tokens.close()
        await self._issuers.leave(metadata_name(self.plan.issuer))
        await self._redis.close()

    async def _begun(self, grant: Grant, nonce: str, now: float) -> Session:
        if grant.id_token is None:
            raise IssuerDown("gave no id_token")
        claims = await self._tokens.read_login(grant.id_token.reveal(), nonce)
        return session_of(grant, claims, now=now, latest_end=now + self.plan.absolute_seconds)

    async def _end(self, handle: str) -> Session | None:
        stored = await self._store.use(handle)
        if stored is None:
            return None
        session = stored.session
        if not await self._store.end(handle, session):
            return None
        self._revocations.begin(session.refresh_token)
        return session

    async def _verify_refresh(self, id_token: Secret, session: Session) -> dict[str, Any] | None:
        try:
            return await self._tokens.read_refresh(id_token.reveal(), session)
        except BadToken as bad:
            self.complaints.error(_log, f"a session was ended: the id token of its refresh {bad}")
            return None
        except IssuerDown as error:  # the tokens are good: what is known of who logged in stays
            self.complaints.error(_log, f"claims were not refreshed: the issuer {error}")
            return dict(session.claims)
