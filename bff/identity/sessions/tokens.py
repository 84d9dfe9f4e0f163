"""The issuer's tokens for the gateway itself: id tokens and logout tokens, verified.

Rules:
1. Both are signed by a key that the issuer publishes, with an asymmetric algorithm, and are for
   this client (`bff.identity.jwt.verification` says what else every token must have).
2. An id token belongs to one login, by its nonce, and to one session after that, by its subject
   (OpenID Connect Core 1.0 §3.1.3.7 and §12.2).
3. A logout token has the event, a `jti`, and a `sub` or a `sid`; it has no nonce, so that no id
   token is one (OpenID Connect Back-Channel Logout 1.0 §2.6).

Belongs to one event loop.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from bff.identity.issuers.issuers import Issuers
from bff.identity.issuers.requests import IssuerDown
from bff.identity.jwt.sources import KeySource, open_source
from bff.identity.jwt.tokens import BadToken
from bff.identity.jwt.verification import KeyMissing, Rejected, Verdict, verify_token
from bff.identity.sessions.session import Session
from bff.plan.model.identity import PublishedKeys, TokenIssuer
from bff.plan.model.sessions import SessionsPlan

# One for each type of key, so that a key that names none has one.
ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
LEEWAY_SECONDS: Final = 60.0
LONGEST_NAME: Final = 255  # characters of a `sub` (OpenID Connect Core 1.0 §2), a `sid`, a `jti`

_LOGOUT_TYPE: Final = "logout+jwt"
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True, slots=True)
class Logout:
    """What a logout token asks for: the end of the sessions with both of these names, of which one
    is given at least. `until` is when the token ends, in seconds since the epoch."""

    jti: str
    sid: str | None
    subject: str | None
    until: float


class IssuersTokens:
    """Verifies tokens of the project's issuer, with the keys that `issuers` hold. `clock` returns
    seconds since the epoch."""

    def __init__(self, plan: SessionsPlan, issuers: Issuers, clock: Callable[[], float]) -> None:
        self._usual = TokenIssuer(
            plan.issuer,
            frozenset({plan.client_id}),
            ALGORITHMS,
            PublishedKeys(None),
            LEEWAY_SECONDS,
        )
        self._client_id = plan.client_id
        self._clock = clock
        self._keys: KeySource = open_source(self._usual, issuers)

    async def read_login(self, id_token: str, nonce: str) -> dict[str, Any]:
        """The claims of a login's id token. Raises `BadToken` and `IssuerDown`."""
        claims = await self._claims(id_token, self._usual)
        stated = claims.get("nonce")
        if not isinstance(stated, str) or not hmac.compare_digest(stated.encode(), nonce.encode()):
            raise BadToken("is of another login")
        self._check_id_claims(claims)
        return claims

    async def read_refresh(self, id_token: str, session: Session) -> dict[str, Any]:
        """The claims of the id token that a refresh brought. Raises `BadToken` and `IssuerDown`."""
        claims = await self._claims(id_token, self._usual)
        self._check_id_claims(claims)
        if claims["sub"] != session.subject:
            raise BadToken("is of somebody else")
        # By this name the issuer ends the session, whatever it calls the next one.
        sid = session.issuers_sid
        return claims if sid is None else {**claims, "sid": sid}

    async def read_logout(self, token: str) -> Logout:
        """What a logout token asks for. Raises `BadToken` and `IssuerDown`."""
        try:
            claims = await self._claims(token, self._usual)
        except BadToken:
            claims = await self._claims(token, replace(self._usual, type=_LOGOUT_TYPE))
        return read_logout_claims(claims)

    async def close(self) -> None:
        """Let go of the issuer's keys."""
        await self._keys.close()

    async def _claims(self, token: str, issuer: TokenIssuer) -> dict[str, Any]:
        verdict = self._verdict(token, issuer)
        if isinstance(verdict, KeyMissing) and self._keys.may_be_newer():
            await self._keys.renew()
            verdict = self._verdict(token, issuer)
        match verdict:
            case Rejected(why):
                raise BadToken(why)
            case KeyMissing():
                if self._keys.current is None:
                    raise IssuerDown("has no keys to verify with")
                raise BadToken("names no key of the issuer's")
        return verdict.claims

    def _verdict(self, token: str, issuer: TokenIssuer) -> Verdict:
        return verify_token(
            token, {issuer.issuer: issuer}, lambda _: self._keys.current, self._clock()
        )

    def _check_id_claims(self, claims: dict[str, Any]) -> None:
        if _name(claims, "sub") is None:
            raise BadToken("has no sub")
        _name(claims, "sid")
        for name in ("iat", "exp"):
            if name not in claims:
                raise BadToken(f"has no {name}")
        if claims.get("azp", self._client_id) != self._client_id:
            raise BadToken("was issued to another client")


def read_logout_claims(claims: dict[str, Any]) -> Logout:
    """What a logout token with these claims asks for. Raises `BadToken`."""
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT_EVENT), dict):
        raise BadToken("has no logout event")
    if "nonce" in claims:
        raise BadToken("has a nonce: it is an id token")
    if "iat" not in claims:
        raise BadToken("has no iat")
    jti, sid, subject = (_name(claims, name) for name in ("jti", "sid", "sub"))
    if jti is None:
        raise BadToken("has no jti")
    if sid is None and subject is None:
        raise BadToken("has neither sub nor sid")
    return Logout(jti, sid, subject, claims["exp"])


def _name(claims: dict[str, Any], name: str) -> str | None:
    """A claim that names something; None where there is none. Raises `BadToken`."""
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or _has_half(value):
        raise BadToken(f"has a {name} that is no name")
    return value


def _has_half(text: str) -> bool:
    """Whether the text holds half of a character, which JSON may write and UTF-8 has none of."""
    return any("\ud800" <= each <= "\udfff" for each in text)
