"""Which authenticator a bearer token goes to, where a project has `jwt` and `introspection`.

Rules:
1. A token in the form of a JWT goes to `jwt`; any other goes to `introspection`.
2. A JWT whose `iss` is the issuer of `introspection` goes there: some issuers want to be asked
   about their JWTs. No issuer of `jwt` is that one (`bff check`).
3. Whoever got a token decides: one that fails there is never tried elsewhere.
4. Where a token goes is remembered: to read its claims takes 25 µs.
"""

import math
from collections.abc import Awaitable

from bff.identity.jwt.tokens import LONGEST_TOKEN, BadToken, read_claims, read_token
from bff.identity.memory import TokenMemory, digest_of
from bff.identity.ports import Authenticator, CallerRequest, Claims, Refusal


class Tokens:
    """See `Authenticator`. `issuer` is that of `introspection`."""

    def __init__(self, jwt: Authenticator, introspection: Authenticator, issuer: str) -> None:
        self._jwt = jwt
        self._introspection = introspection
        self._issuer = issuer
        self._chosen: TokenMemory[Authenticator] = TokenMemory()

    def authenticate(
        self, credential: str, request: CallerRequest
    ) -> Claims | Refusal | Awaitable[Claims | Refusal]:
        """See `Authenticator`."""
        return self._choose(credential).authenticate(credential, request)

    async def open(self) -> None:
        """See `Authenticator`."""
        await self._jwt.open()
        await self._introspection.open()

    async def close(self) -> None:
        """See `Authenticator`."""
        await self._jwt.close()
        await self._introspection.close()

    def _choose(self, token: str) -> Authenticator:
        if token.count(".") != 2 or len(token) > LONGEST_TOKEN:
            return self._introspection
        digest = digest_of(token)
        chosen = self._chosen.recall(digest, 0.0)
        if chosen is None:
            chosen = self._introspection if self._names_issuer(token) else self._jwt
            self._chosen.remember(digest, chosen, math.inf)
        return chosen

    def _names_issuer(self, token: str) -> bool:
        try:
            return read_claims(read_token(token)).get("iss") == self._issuer
        except BadToken:
            return False
