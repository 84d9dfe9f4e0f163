"""A worker's browser sessions over a real Redis and the test's issuer, without a host.

async with worker_of(issuer, server.url) as worker:
    session_id = await worker.log_in()
    found = await worker.sessions.find(session_id)
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from bff.identity.issuers.issuers import Issuers
from bff.identity.sessions.sessions import FinishedLogin, Sessions
from bff.identity.sessions.store import StoredSession
from bff.plan.model.sessions import SessionsPlan
from bff.secret import Secret
from bff.telemetry.logs.repeats import Complaints
from tests.support.cache.worker import CALM_SECONDS, RunningClock
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.redis.server import RedisServer

TOKEN_SECONDS = 300  # that the issuer's access tokens are good, where a test says nothing else
PUBLIC_URL = "http://127.0.0.1:8080"
KEY = Secret("a key of thirty-two characters, or more")


def plan_of(issuer: OidcIssuer, **changes: Any) -> SessionsPlan:
    """The plan of sessions at this issuer, with these changes."""
    given = {
        "issuer": issuer.url,
        "client_id": issuer.client_id,
        "client_secret": Secret(issuer.client_secret),
        "scopes": ("openid", "offline_access"),
        "public_url": PUBLIC_URL,
        "keys": (KEY,),
        "redis_url": None,
        "after_login": "/",
        "after_logout": "/",
        "idle_seconds": 1800.0,
        "absolute_seconds": 12 * 3600.0,
        "namespace": "tests",
        **changes,
    }
    return SessionsPlan(**given)


@dataclass(slots=True)
class Worker:
    """One worker's sessions. `noted` is what happened to sessions by itself."""

    sessions: Sessions
    clock: RunningClock
    noted: list[tuple[str, str, str]] = field(default_factory=list)

    async def log_in(self, return_to: str = "/") -> str:
        """The cookie of a new session."""
        return (await self.finish_login(return_to)).session_id

    async def finish_login(
        self, return_to: str = "/", session_id: str | None = None
    ) -> FinishedLogin:
        """Log a browser in, with the cookie that it had before."""
        begun = await self.sessions.begin(return_to, None, session_id)
        query = await callback_of(begun.location)
        return await self.sessions.finish(
            begun.login_key, query["state"], query["code"], query.get("iss")
        )


async def callback_of(location: str) -> dict[str, str]:
    """What the issuer has the browser bring back, as its query."""
    async with httpx.AsyncClient(trust_env=False) as client:
        reply = await client.get(location)
    assert reply.status_code == 303, reply.text
    return dict(parse_qsl(urlsplit(reply.headers["location"]).query))


@asynccontextmanager
async def worker_of(
    issuer: OidcIssuer, redis_url: str, clock: RunningClock | None = None, **changes: Any
) -> AsyncIterator[Worker]:
    """A worker on the running loop, until the context is left."""
    issuers = Issuers()
    clock = clock or RunningClock()
    noted: list[tuple[str, str, str]] = []

    def note(*event: str) -> None:
        noted.append(event)  # type: ignore[arg-type]

    sessions = Sessions(
        plan_of(issuer, **changes),
        redis_url,
        issuers,
        note=note,
        count_refresh=lambda outcome: None,
        clock=clock,
        complaints=Complaints(),
        store_seconds=CALM_SECONDS,
    )
    await sessions.open()
    try:
        yield Worker(sessions, clock, noted)
    finally:
        await sessions.close()
        await issuers.close()


def run_worker(
    test: Callable[[Worker], Awaitable[None]],
    issuer: OidcIssuer,
    server: RedisServer,
    **changes: Any,
) -> None:
    """Run the test with a worker whose plan has these changes."""

    async def main() -> None:
        async with worker_of(issuer, server.url, **changes) as worker:
            await test(worker)

    asyncio.run(main())


def access_token(found: object) -> str:
    """The token of a session that was found."""
    assert isinstance(found, StoredSession), found
    return found.session.access_token.reveal()
