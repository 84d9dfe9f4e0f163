"""Keeps the access tokens of sessions good: one refresh, however many calls in any worker need it.

Rules:
1. A token is renewed ahead of its end, in the background, while calls go on with it. After its end
   calls wait for the next.
2. Within a worker one task refreshes a session; among workers one holds the session's lock, and the
   others look every `POLL_SECONDS` for what it stored.
3. A refresh is a task of its own: a client that leaves ends its own wait, and no more. A worker has
   `MOST_REFRESHES` at a time; what comes beyond is answered as if the issuer were down.
4. What the issuer refuses ends the session. What goes wrong on the way does not: the token is good
   until its end, then the answer is 503 until the issuer answers again.
5. A refresh token that was used is worth nothing, so its successor is stored with patience: Redis
   is asked again until the lock is about to end.
6. Where a session was ended during its refresh, the successor is given back to the issuer.

Belongs to one event loop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, Literal

from bff.identity.issuers.requests import IssuerDown
from bff.identity.sessions.grants import ANSWER_SECONDS, Grant, Refused
from bff.identity.sessions.session import Session
from bff.identity.sessions.store import LOCK_SECONDS, SessionStore, StoredSession
from bff.redis.store import StoreDown
from bff.secret import Secret
from bff.telemetry.logs.repeats import Complaints

POLL_SECONDS: Final = 0.1
STORE_SECONDS: Final = LOCK_SECONDS - ANSWER_SECONDS - 2.0
STORE_PAUSE_SECONDS: Final = 0.25
MOST_REFRESHES: Final = 1024
_RENEWED_AT: Final = 0.8  # of its life
_MOST_AHEAD_SECONDS: Final = 60.0

Refreshed = StoredSession | Literal["failed", "ended"]
"""What a session is after a refresh: good, with a token that has ended, or no more."""

RefreshOutcome = Literal["done", "failed", "ended"]

_log = logging.getLogger(__name__)


def needs_refresh(session: Session, now: float) -> Literal["no", "soon", "now"]:
    """Whether the access token is to be renewed: before its end, or before anything else."""
    if session.refresh_token is None or now < session.renew_at:
        return "no"
    return "soon" if now < session.access_until else "now"


def session_of(grant: Grant, claims: dict[str, Any], *, now: float, latest_end: float) -> Session:
    """The session that begins, or goes on, with a grant. It ends with what can renew it."""
    assert grant.id_token is not None  # noqa: S101  (its claims are here)
    ends_at = latest_end
    if grant.refresh_token is None:
        ends_at = min(ends_at, grant.access_until)
    elif grant.refresh_until is not None:
        ends_at = min(ends_at, grant.refresh_until)
    life = grant.access_until - now
    return Session(
        claims=claims,
        access_token=grant.access_token,
        renew_at=grant.access_until - min(life * (1 - _RENEWED_AT), _MOST_AHEAD_SECONDS),
        access_until=grant.access_until,
        refresh_token=grant.refresh_token,
        id_token=grant.id_token,
        ends_at=ends_at,
        latest_end=latest_end,
    )


class Refreshes:
    """Refreshes the sessions in `store`.

    `ask` asks the issuer; it raises `Refused` and `IssuerDown`. `verify` returns the claims of an
    id token that a refresh brought; None where it is not the session's. `give_back` gets refresh
    tokens that nobody needs, `note_end` sessions that the issuer has ended, `count` what came of
    each refresh that this worker made. `clock` returns seconds since the epoch, `new_word` a random
    word.
    """

    def __init__(
        self,
        store: SessionStore,
        *,
        ask: Callable[[Secret, float], Awaitable[Grant]],
        verify: Callable[[Secret, Session], Awaitable[dict[str, Any] | None]],
        give_back: Callable[[Secret | None], None],
        note_end: Callable[[Session], None],
        count: Callable[[RefreshOutcome], None],
        clock: Callable[[], float],
        new_word: Callable[[], str],
        complaints: Complaints,
    ) -> None:
        self._store = store
        self._ask = ask
        self._verify = verify
        self._give_back = give_back
        self._note_end = note_end
        self._count = count
        self._clock = clock
        self._new_word = new_word
        self._complaints = complaints
        self._tasks: dict[str, asyncio.Task[Refreshed]] = {}

    async def renewed(self, handle: str, stored: StoredSession) -> Refreshed:
        """The session with a token that is good now. Raises `StoreDown`."""
        match needs_refresh(stored.session, self._clock()):
            case "no":
                return stored
            case "soon":
                self._begin(handle, stored)
                return stored
        task = self._begin(handle, stored)
        if task is None:
            return "failed"
        # To end this wait, in whichever way, leaves the task alone.
        done, _ = await asyncio.wait({task}, timeout=LOCK_SECONDS)
        return task.result() if done else "failed"

    async def close(self, seconds: float) -> None:
        """Wait so long for refreshes in flight, whose tokens would be lost; then end them."""
        tasks = list(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _begin(self, handle: str, stored: StoredSession) -> asyncio.Task[Refreshed] | None:
        task = self._tasks.get(handle)
        if task is None and len(self._tasks) < MOST_REFRESHES:
            task = asyncio.get_running_loop().create_task(self._refresh(handle, stored))
            self._tasks[handle] = task
            task.add_done_callback(lambda done: self._end(handle, done))
        return task

    def _end(self, handle: str, task: asyncio.Task[Refreshed]) -> None:
        del self._tasks[handle]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, StoreDown):  # which is who waits' to report
            _log.error("a refresh failed", exc_info=error)

    async def _refresh(self, handle: str, stored: StoredSession) -> Refreshed:
        loop, word = asyncio.get_running_loop(), self._new_word()
        gives_up_at = loop.time() + LOCK_SECONDS
        while loop.time() < gives_up_at:
            locked = await self._store.lock(handle, stored.version, word)
            if locked == "yours":
                renewed = await self._renew(handle, stored.session, word)
                self._count(renewed if isinstance(renewed, str) else "done")
                return renewed
            if locked != "busy":
                return locked
            await asyncio.sleep(POLL_SECONDS)
        return "failed"

    async def _renew(self, handle: str, session: Session, word: str) -> Refreshed:
        """Ask the issuer, as the one who holds the lock."""
        assert session.refresh_token is not None  # noqa: S101  (else there is nothing to renew)
        now = self._clock()
        try:
            grant = await self._ask(session.refresh_token, now)
            renewed = await self._continued(session, grant, now)
            if renewed is None:
                self._give_back(grant.refresh_token)
        except IssuerDown as error:
            self._complaints.error(_log, f"a session was not refreshed: the issuer {error}")
            await self._store.note_failure(handle, word)
            return "failed"
        except Refused:
            renewed = None
        if renewed is None:
            await self._store.end(handle, session)
            self._note_end(session)
            return "ended"
        kept = await self._stored(handle, renewed, word)
        if kept is None:
            self._give_back(renewed.refresh_token)
            return "ended"
        return kept

    async def _continued(self, session: Session, grant: Grant, now: float) -> Session | None:
        """The session after a grant; None where the grant is somebody else's."""
        claims: dict[str, Any] | None = dict(session.claims)
        if grant.id_token is not None:
            claims = await self._verify(grant.id_token, session)
        if claims is None:
            return None
        whole = replace(
            grant,
            id_token=grant.id_token or session.id_token,
            refresh_token=grant.refresh_token or session.refresh_token,
        )
        # A refresh token that goes on has the end that was stated with it.
        latest_end = session.latest_end if grant.refresh_token is not None else session.ends_at
        renewed = session_of(whole, claims, now=now, latest_end=latest_end)
        return replace(renewed, latest_end=session.latest_end)

    async def _stored(self, handle: str, session: Session, word: str) -> StoredSession | None:
        loop = asyncio.get_running_loop()
        gives_up_at = loop.time() + STORE_SECONDS
        while True:
            try:
                return await self._store.renew(handle, session, word)
            except StoreDown:
                if loop.time() >= gives_up_at:
                    raise
            await asyncio.sleep(STORE_PAUSE_SECONDS)
