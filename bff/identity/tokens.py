"""Which authenticator a bearer token goes to, where a project has `jwt` and `introspection`.

Rules:
1. A token in the form of a JWT goes to `jwt`; any other goes to `introspection`.
2. A JWT whose `iss` is the issuer of `introspection` goes there: some issuers want to be asked
   about their JWTs. No issuer of `jwt` is that one (`bff check`).
3. Whoever got a token decides: one that fails there is never tried elsewhere.
"""

from collections.abc import Awaitable

from bff.identity.jwt.tokens import BadToken, read_claims, read_token
from bff.identity.ports import Authenticator, CallerRequest, Claims, Refusal


class Tokens:
    """See `Authenticator`. `issuer` is that of `introspection`."""

    def __init__(self, jwt: Authenticator, introspection: Authenticator, issuer: str) -> None:
        self._jwt = jwt
        self._introspection = introspection
        self._issuer = issuer

    def authenticate(
        self, credential: str, request: CallerRequest
    ) -> Claims | Refusal | Awaitable[Claims | Refusal]:
        """See `Authenticator`."""
        is_signed = credential.count(".") == 2 and not self._names_issuer(credential)
        chosen = self._jwt if is_signed else self._introspection
        return chosen.authenticate(credential, request)

    async def open(self) -> None:
        """See `Authenticator`."""
        await self._jwt.open()
        await self._introspection.open()

    async def close(self) -> None:
        """See `Authenticator`."""
        await self._jwt.close()
        await self._introspection.close()

    def _names_issuer(self, token: str) -> bool:
        try:
            return read_claims(read_token(token)).get("iss") == self._issuer
        except BadToken:
            return False
