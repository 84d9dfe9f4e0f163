"""How callers are identified, compiled: what `bff.identity` is built from.

Sessions, which have endpoints too, are in `bff.plan.model.sessions`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bff.plan.model.expressions import Template
from bff.plan.model.service import Schema
from bff.plan.model.sessions import SessionsPlan
from bff.secret import Secret

# For people: what is wrong where keys are `SharedKeys`, and no Redis is named.
NO_REDIS: Final = (
    "identity.api_keys: keys are kept in the Redis of BFF_REDIS_URL: set it. The gateway's own"
    " Redis would forget them."
)


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """Keys that the issuer publishes: at `url`, or where its metadata says, for None."""

    url: str | None


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """A secret that the issuer signs with, too."""

    secret: Secret


TokenKeys = PublishedKeys | SharedSecret


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Whose tokens are taken, to the character: `issuer` and one of `audience`.

    `algorithms` are those of RFC 7518 and RFC 8037; a shared secret has one, of HMAC. `type` is the
    `typ` that a token must have, in lower case and without `application/`; where it is None, a
    token is a JWT, an access token of RFC 9068 or says nothing.
    """

    issuer: str
    audience: frozenset[str]
    algorithms: tuple[str, ...]
    keys: TokenKeys
    leeway_seconds: float
    type: str | None = None


@dataclass(frozen=True, slots=True)
class IntrospectionPlan:
    """The authorization server that knows whether an opaque token is active (RFC 7662).

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


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Keys in a file that the gateway's user alone may read."""

    path: Path


@dataclass(frozen=True, slots=True)
class SharedKeys:
    """Keys in the Redis that gateways share, under the project's namespace."""

    namespace: str


@dataclass(frozen=True, slots=True)
class ApiKeysPlan:
    """API keys: the header that they come in, in lower case, and where they are kept."""

    header: str
    store: KeyFile | SharedKeys


@dataclass(frozen=True, slots=True)
class IdentityPlan:
    """The project's `identity`.

    `claims` is the type of every caller's claims; None where none is declared. `roles` and `scopes`
    see `claims`, and are None where the usual claims have them. `jwt` are the issuers whose tokens
    are taken.
    """

    claims: Schema | None = None
    roles: Template | None = None
    scopes: Template | None = None
    jwt: tuple[TokenIssuer, ...] = ()
    sessions: SessionsPlan | None = None
    api_keys: ApiKeysPlan | None = None
    introspection: IntrospectionPlan | None = None
    digest: str = ""  # of what is declared, secrets included: the same plan has the same provider


NO_IDENTITY = IdentityPlan()
