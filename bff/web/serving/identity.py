"""The providers that projects configure: what is built of an `IdentityPlan`, and how long it lives.

Two versions of a project that declare the same `identity` share a provider, which keeps what it has
fetched and verified.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bff.identity.issuers.issuers import Issuers
from bff.identity.jwt.authenticator import JwtAuthenticator
from bff.identity.ports import Anonymous, IdentityProvider
from bff.identity.provider import BearerToken, ConfiguredProvider, CredentialKindReader
from bff.plan.model.identity import IdentityPlan
from bff.redis.store import SharedStore


@dataclass(frozen=True, slots=True)
class ProviderParts:
    """What providers work with. `store` is Redis, None without one; `issuers` holds what issuers
    publish; `clock` gives seconds since the epoch."""

    store: SharedStore | None
    issuers: Issuers
    clock: Callable[[], float]


def build_provider(plan: IdentityPlan, parts: ProviderParts) -> IdentityProvider:
    """The provider of a plan, not open yet."""
    kinds: list[CredentialKindReader] = []
    if plan.jwt:
        tokens = JwtAuthenticator(plan.jwt, parts.issuers, parts.clock)
        kinds.append(CredentialKindReader(BearerToken(), tokens))
    return ConfiguredProvider(plan, kinds) if kinds else Anonymous()


class Identities:
    """The open providers of one event loop, by the digests of their plans."""

    def __init__(self, parts: ProviderParts) -> None:
        self._parts = parts
        self._opening = asyncio.Lock()
        self._providers: dict[str, IdentityProvider] = {}

    async def of(self, plan: IdentityPlan) -> IdentityProvider:
        """The provider of a plan, opened where nobody has. Raises `SettingsError`."""
        async with self._opening:
            provider = self._providers.get(plan.digest)
            if provider is None:
                provider = build_provider(plan, self._parts)
                await provider.open()
                self._providers[plan.digest] = provider
            return provider

    async def close(self) -> None:
        """Close every provider."""
        providers, self._providers = list(self._providers.values()), {}
        await asyncio.gather(*(provider.close() for provider in providers))
