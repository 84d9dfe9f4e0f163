"""OAuth 2.0 token introspection (RFC 7662), compiled: who is asked, and what an answer must say."""

from dataclasses import dataclass

from bff.secret import Secret


@dataclass(frozen=True, slots=True)
class IntrospectionPlan:
    """The authorization server that knows whether an opaque token is active.

    `url` is its endpoint; None where its metadata says. `audience`: an active token is for one of
    these; None where every active token of the server is taken. `cache_seconds` is how long an
    answer is kept at most, so a revoked token is taken no longer than that.
    """

    issuer: str
    url: str | None
    client_id: str | Secret
    client_secret: Secret
    audience: frozenset[str] | None
    cache_seconds: float
