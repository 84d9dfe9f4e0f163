"""`identity` of `gateway.yaml`: how callers are identified, and what of their claims is their roles
and scopes."""

from collections.abc import Iterator
from typing import Annotated

from bff.declarations.declaration import Declaration, Violation
from bff.declarations.models.api_keys import ApiKeysDecl
from bff.declarations.models.forms import EmbeddedExpression, FromList
from bff.declarations.models.introspection import IntrospectionDecl
from bff.declarations.models.jwt import JwtIssuerDecl, check_issuers
from bff.declarations.models.sessions import SessionsDecl


class IdentityDecl(Declaration):
    """How callers are identified. `claims` names the type that every caller's claims have."""

    claims: str | None = None
    roles: EmbeddedExpression | None = None
    scopes: EmbeddedExpression | None = None
    jwt: Annotated[tuple[JwtIssuerDecl, ...], FromList] = ()
    api_keys: ApiKeysDecl | None = None
    introspection: IntrospectionDecl | None = None
    sessions: SessionsDecl | None = None

    def violations(self) -> Iterator[Violation]:
        if self.knows("jwt"):
            yield from check_issuers(self.jwt)
        asked = self.introspection
        if asked is None or not self.knows("jwt", "introspection") or not asked.knows("issuer"):
            return
        if any(each.knows("issuer") and each.issuer == asked.issuer for each in self.jwt):
            yield Violation(
                "tokens of this issuer are verified by `jwt`",
                "Keep one: its tokens are verified, or it is asked about them.",
                ("introspection", "issuer"),
            )
