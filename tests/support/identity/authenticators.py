"""An authenticator of tokens, beside the stand-in issuer whose keys it follows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from bff.identity.issuers.issuers import Issuers
from bff.identity.jwt.authenticator import JwtAuthenticator
from bff.identity.memory import TokenMemory
from bff.identity.ports import Claims, Refusal
from bff.plan.model.identity import PublishedKeys, TokenIssuer
from tests.support.fake_time import Clock
from tests.support.identity.issuers import StandInIssuer, fetched
from tests.support.identity.tokens import NOW, SigningKey, claims

REQUEST: Any = SimpleNamespace()


class AuthenticatorSetup:
    """An authenticator of one issuer, and a clock that the test turns."""

    def __init__(
        self, issuer: StandInIssuer, memory: TokenMemory[Any] | None, **members: Any
    ) -> None:
        self.issuer = issuer
        self.clock = Clock(NOW)
        self.documents = Issuers(clock=self.clock, jitter=lambda: 1.0)
        usual = TokenIssuer(
            issuer.url,
            frozenset({"shop"}),
            ("ES256", "RS256"),
            PublishedKeys(f"{issuer.url}/jwks.json"),
            leeway_seconds=5.0,
        )
        self.plan = replace(usual, **members)
        self.tokens = JwtAuthenticator((self.plan,), self.documents, self.clock, memory)

    def token(self, key: SigningKey, **members: Any) -> str:
        return key.sign(claims(**{"iss": self.issuer.url, **members}))

    async def ask(self, token: str) -> Claims | Refusal:
        answer = self.tokens.authenticate(token, REQUEST)
        return answer if isinstance(answer, Claims | Refusal) else await answer

    def ask_now(self, token: str) -> Claims | Refusal:
        """The answer, which takes no waiting."""
        answer = self.tokens.authenticate(token, REQUEST)
        assert isinstance(answer, Claims | Refusal)
        return answer

    async def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.documents.look()
        for document in list(self.documents._documents.values()):
            await fetched(document)

    def keys_asked(self) -> int:
        return self.issuer.count("/jwks.json")


@asynccontextmanager
async def opened(
    issuer: StandInIssuer, memory: TokenMemory[Any] | None = None, **members: Any
) -> AsyncIterator[AuthenticatorSetup]:
    setup = AuthenticatorSetup(issuer, memory, **members)
    await setup.tokens.open()
    await setup.pass_time(0)
    try:
        yield setup
    finally:
        await setup.tokens.close()
        await setup.documents.close()
