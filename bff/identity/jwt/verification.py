"""Whether a token is good: one pure function over the token, the keys and the time (RFC 7519,
RFC 8725).

    verify_signature(text, keys)               → the payload     any signed text (RFC 7515)
    verify_token(text, issuers, keys_of, now)  → its claims      an access token for this gateway

Rules:
1. What is cheap comes first: form, issuer, audience, times; then the key; then the signature.
2. The issuer is chosen by the token's `iss`, to the character. From there on, the keys and the
   algorithms of that issuer alone decide.
3. `alg` must be one of the issuer's, in its exact spelling, and that of the key.
4. Where the token names a key, that one is taken; where it names none, exactly one key must fit. A
   shared secret has no name: what the token says of one is not looked at.
5. `exp`, `iss` and `aud` must be there. `nbf` and `iat` hold with the issuer's leeway, where they
   are there.
6. Every refusal is the same to the caller. The reason is for the log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from bff.identity.jwt.keys import KeySet, VerificationKey
from bff.identity.jwt.tokens import (
    BadToken,
    SignedToken,
    read_claims,
    read_number,
    read_token,
)
from bff.plan.model.identity import SharedSecret, TokenIssuer

# RFC 7519 §5.1 and RFC 9068 §2.1; other kinds of tokens name themselves.
_USUAL_TYPES: Final = frozenset({None, "jwt", "at+jwt"})


@dataclass(frozen=True, slots=True)
class Verified:
    """A good token: its claims, the key that signed it, and its end in seconds since the epoch."""

    claims: dict[str, Any]
    issuer: TokenIssuer
    key: VerificationKey
    until: float


class Rejected(NamedTuple):
    """A token that is refused, and why: for the log, never for the caller."""

    why: str


class KeyMissing(NamedTuple):
    """The token may be good, but its issuer's keys lack the one that it names: a newer set of them
    may have it."""

    issuer: str


Verdict = Verified | Rejected | KeyMissing


def verify_token(
    text: str,
    issuers: Mapping[str, TokenIssuer],
    keys_of: Callable[[str], KeySet | None],
    now: float,
) -> Verdict:
    """Decide on a token. `issuers` are by their names; `keys_of` gives an issuer's keys, None where
    there are none yet; `now` is in seconds since the epoch."""
    try:
        token = read_token(text)
        claims = read_claims(token)
        issuer = _issuer_of(claims, issuers)
        until = _check_claims(token, claims, issuer, now)
        keys = keys_of(issuer.issuer)
        if keys is None:
            return KeyMissing(issuer.issuer)
        kid = None if isinstance(issuer.keys, SharedSecret) else token.kid
        fitting = keys.fitting(token.algorithm, kid)
        if not fitting:
            return KeyMissing(issuer.issuer)
        key = _verified_by(token, fitting)
    except BadToken as bad:
        return Rejected(str(bad))
    return Verified(claims, issuer, key, until)


def verify_signature(text: str, keys: KeySet) -> bytes:
    """The payload of a signed text, whatever it is. Raises `BadToken`."""
    token = read_token(text)
    _verified_by(token, keys.fitting(token.algorithm, token.kid))
    return token.payload


def _verified_by(token: SignedToken, fitting: list[VerificationKey]) -> VerificationKey:
    match fitting:
        case [key] if key.verifies(token.text):
            return key
        case [_]:
            raise BadToken("has a signature that is not the key's")
        case []:
            raise BadToken("names no key of the set")
        case _:
            raise BadToken("names no single key of the set")


def _issuer_of(claims: dict[str, Any], issuers: Mapping[str, TokenIssuer]) -> TokenIssuer:
    name = claims.get("iss")
    issuer = issuers.get(name) if isinstance(name, str) else None
    if issuer is None:
        raise BadToken("is of no issuer that the project names")
    return issuer


def _check_claims(
    token: SignedToken, claims: dict[str, Any], issuer: TokenIssuer, now: float
) -> float:
    """When the token ends. Raises `BadToken`."""
    if token.algorithm not in issuer.algorithms:
        raise BadToken("is signed with an algorithm that the project does not name for its issuer")
    types = _USUAL_TYPES if issuer.type is None else {issuer.type}
    if token.type not in types:
        raise BadToken("has the typ of another kind of token")
    if not issuer.audience.intersection(_audience(claims)):
        raise BadToken("is for another audience")
    if not isinstance(claims.get("sub", ""), str):
        raise BadToken("has a sub that is no text")
    until = read_number(claims, "exp")
    if until is None:
        raise BadToken("has no exp")
    if now >= until + issuer.leeway_seconds:
        raise BadToken("has expired")
    for name in ("nbf", "iat"):
        begin = read_number(claims, name)
        if begin is not None and now < begin - issuer.leeway_seconds:
            raise BadToken(f"is not good yet, by its {name}")
    return until


def _audience(claims: dict[str, Any]) -> list[str]:
    stated = claims.get("aud")
    names = [stated] if isinstance(stated, str) else stated
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise BadToken("has no aud that is a text or a list of texts")
    return names
