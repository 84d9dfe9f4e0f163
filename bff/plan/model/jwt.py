"""An issuer of tokens, compiled: whose tokens are taken, and what their keys are."""

from dataclasses import dataclass

from bff.secret import Secret


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
