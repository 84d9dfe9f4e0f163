"""`identity` of `gateway.yaml`: how callers are identified, and what of their claims is their roles
and scopes."""

from collections.abc import Iterator
from typing import Annotated

from bff.declarations.declaration import Declaration, Violation
from bff.declarations.models.forms import EmbeddedExpression, FromList
from bff.declarations.models.jwt import JwtIssuerDecl, check_issuers
from bff.declarations.models.sessions import SessionsDecl


class IdentityDecl(Declaration):
    """How callers are identified. `claims` names the type that every caller's claims have."""

    claims: str | None = None
    roles: EmbeddedExpression | None = None
    scopes: EmbeddedExpression | None = None
    jwt: Annotated[tuple[JwtIssuerDecl, ...], FromList] = ()
    sessions: SessionsDecl | None = None

    def violations(self) -> Iterator[Violation]:
        if self.knows("jwt"):
            yield from check_issuers(self.jwt)
