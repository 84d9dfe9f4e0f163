"""The providers that projects configure: what is built of an `IdentityPlan`, and how long it lives.

Two versions of a project that declare the same `identity` share a provider, which keeps what it has
fetched and verified. A provider that no release uses any more is closed.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NamedTuple, assert_never

from bff.errors import SettingsError
from bff.identity.api_keys.authenticator import ApiKeys
from bff.identity.api_keys.shared import RedisStore
from bff.identity.api_keys.stores import FileStore, KeyStore
from bff.identity.introspection.authenticator import Introspection
from bff.identity.issuers.issuers import Issuers
from bff.identity.jwt.authenticator import JwtAuthenticator
from bff.identity.ports import Anonymous, Authenticator, IdentityProvider
from bff.identity.provider import (
    BearerToken,
    ConfiguredProvider,
    CredentialKindReader,
    KeyHeader,
    TypedProvider,
    subject_of,
)
from bff.identity.sessions.authenticator import SessionAuthenticator
from bff.identity.sessions.cookies import SessionCookie
from bff.identity.sessions.sessions import Event, Sessions
from bff.identity.tokens import Tokens
from bff.plan.model.identity import NO_REDIS, ApiKeysPlan, IdentityPlan, KeyFile, SharedKeys
from bff.plan.model.sessions import SessionsPlan
from bff.redis.store import SharedStore
from bff.telemetry.logs.events import AuditEntry
from bff.telemetry.logs.repeats import Complaints
from bff.web.serving.users import Users
from bff.web.telemetry.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class ProviderParts:
    """What providers work with. `store` is the Redis at `redis_url`, None without one; `issuers`
    holds what issuers publish; `clock` gives seconds since the epoch."""

    redis_url: str | None
    store: SharedStore | None
    issuers: Issuers
    clock: Callable[[], float]
    telemetry: Telemetry
    complaints: Complaints


class OpenIdentity(NamedTuple):
    """What identifies callers, the headers of credentials that take work to verify, and the
    sessions of browsers, where the project has them."""

    provider: IdentityProvider
    costly_headers: tuple[str, ...]
    sessions: Sessions | None = None


def build_identity(plan: IdentityPlan, parts: ProviderParts) -> OpenIdentity:
    """The provider of a plan, not open yet. Raises `SettingsError`."""
    kinds: list[CredentialKindReader] = []
    tokens = _tokens(plan, parts)
    if tokens is not None:
        kinds.append(CredentialKindReader(BearerToken(), tokens))
    if plan.api_keys is not None:
        keys = ApiKeys(_key_store(plan.api_keys, parts), parts.clock, time.monotonic)
        kinds.append(CredentialKindReader(KeyHeader(plan.api_keys.header), keys))
    sessions = None if plan.sessions is None else _build_sessions(plan.sessions, parts)
    if sessions is not None:
        kinds.append(CredentialKindReader(SessionCookie(), SessionAuthenticator(sessions)))
    provider = ConfiguredProvider(plan, kinds) if kinds else Anonymous()
    return OpenIdentity(provider, () if tokens is None else BearerToken.headers, sessions)


def _build_sessions(plan: SessionsPlan, parts: ProviderParts) -> Sessions:
    url = parts.redis_url if plan.redis_url is None else plan.redis_url.reveal()
    if url is None:
        raise SettingsError(
            "identity.sessions keeps sessions in Redis, and there is none: set REDIS_URL, or"
            " identity.sessions.redis"
        )

    def note(event: Event, subject: str, outcome: str) -> None:
        who = subject_of("session", plan.issuer, subject)
        parts.telemetry.audit(AuditEntry(event, outcome, who, None))

    return Sessions(
        plan,
        url,
        parts.issuers,
        note=note,
        count_refresh=parts.telemetry.count_refresh,
        clock=parts.clock,
        complaints=parts.complaints,
    )


def _tokens(plan: IdentityPlan, parts: ProviderParts) -> Authenticator | None:
    jwt = JwtAuthenticator(plan.jwt, parts.issuers, parts.clock) if plan.jwt else None
    if plan.introspection is None:
        return jwt
    introspection = Introspection(plan.introspection, parts.issuers, parts.clock, parts.complaints)
    return introspection if jwt is None else Tokens(jwt, introspection, plan.introspection.issuer)


def _key_store(plan: ApiKeysPlan, parts: ProviderParts) -> KeyStore:
    match plan.store:
        case KeyFile(path):
            return FileStore(path)
        case SharedKeys(namespace):
            if parts.store is None:
                raise SettingsError(NO_REDIS)
            return RedisStore(parts.store, namespace, secrets.token_bytes)
        case _:
            assert_never(plan.store)


def own_identity(provider: IdentityProvider, plan: IdentityPlan) -> OpenIdentity:
    """What identifies callers in place of what is declared, but for the type of claims."""
    typed = provider if plan.claims is None else TypedProvider(provider, plan)
    return OpenIdentity(typed, provider.headers)


class Identities:
    """The open providers of one event loop, by the digests of their plans."""

    def __init__(self, parts: ProviderParts) -> None:
        self._parts = parts
        self._opening = asyncio.Lock()
        self._open: dict[str, OpenIdentity] = {}
        self._users = Users(self._take)

    def __len__(self) -> int:
        return len(self._open)

    async def of(self, plan: IdentityPlan) -> OpenIdentity:
        """The provider of a plan, opened where nobody has. Raises `SettingsError`."""
        async with self._opening:
            found = self._open.get(plan.digest)
            if found is None:
                found = build_identity(plan, self._parts)
                try:
                    await found.provider.open()
                except BaseException:
                    await found.provider.close()
                    raise
                self._open[plan.digest] = found
            return found

    def keep_for(self, user: object, plan: IdentityPlan) -> None:
        """Leave the plan's provider open as long as the user exists."""
        self._users.add(user, plan.digest)

    async def close(self) -> None:
        """Close every provider."""
        opened, self._open = list(self._open.values()), {}
        await asyncio.gather(*(each.provider.close() for each in opened), self._users.close())

    def _take(self, digest: str) -> Coroutine[Any, Any, None] | None:
        found = self._open.pop(digest, None)
        return None if found is None else found.provider.close()
