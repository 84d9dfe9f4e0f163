"""Compiles `identity.sessions`."""

from bff.declarations.models.sessions import SessionsDecl
from bff.plan.digests import digest_of
from bff.plan.model.sessions import SessionsPlan


def compile_sessions(declared: SessionsDecl) -> SessionsPlan:
    """The plan of what is declared."""
    return SessionsPlan(
        issuer=declared.issuer,
        client_id=declared.client_id,
        client_secret=declared.client_secret,
        scopes=declared.scopes,
        public_url=declared.public_url,
        keys=declared.keys,
        redis_url=declared.redis,
        after_login=declared.after_login,
        after_logout=declared.after_logout,
        idle_seconds=declared.idle,
        absolute_seconds=declared.absolute,
        namespace=digest_of([declared.issuer, declared.client_id, declared.public_url])[:16],
    )
