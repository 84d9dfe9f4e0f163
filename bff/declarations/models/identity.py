"""`identity` of `gateway.yaml`: how callers are identified, and what of their claims is their roles
and scopes."""

from bff.declarations.declaration import Declaration
from bff.declarations.models.forms import EmbeddedExpression
from bff.declarations.models.sessions import SessionsDecl


class IdentityDecl(Declaration):
    """How callers are identified. `claims` names the type that every caller's claims have."""

    claims: str | None = None
    roles: EmbeddedExpression | None = None
    scopes: EmbeddedExpression | None = None
    sessions: SessionsDecl | None = None
