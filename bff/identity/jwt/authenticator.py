"""Authenticates tokens of the project's issuers (`identity.jwt`).

Rules:
1. A token that is remembered, or that the keys at hand decide, is answered at once. A good one is
   remembered until its `exp`, and no longer than the key that verified it is in its set.
2. A token whose key is missing waits for a newer key set where one may be fetched now; then it is
   decided, and never waits twice.
3. While an issuer's keys have never come, or have been good for too long, its tokens get 503 with
   Retry-After: nobody can say whether they are good.
4. Every other refusal is the same 401, whatever the reason. The log has the reason at `debug`. A
   token that was found bad is remembered for `REFUSED_SECONDS`, in a memory of its own: whoever
   sends one sends it again and again.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, assert_never

from bff.errors import SettingsError
from bff.identity.issuers.issuers import Issuers
from bff.identity.jwt.keys import BadKey, KeySet, VerificationKey
from bff.identity.jwt.sources import KeySource, open_source
from bff.identity.jwt.tokens import LONGEST_TOKEN
from bff.identity.jwt.verification import KeyMissing, Rejected, Verdict, Verified, verify_token
from bff.identity.memory import BYTES_A_CHARACTER, TokenMemory, digest_of
from bff.identity.ports import CallerRequest, Claims, Refusal
from bff.plan.model.identity import TokenIssuer
from bff.secret import Secret

REFUSED_SECONDS: Final = 5.0
INVALID_TOKEN: Final = Refusal(
    401,
    "invalid_token",
    "The access token is malformed, expired, or not of an issuer and a key that are known here.",
)
NO_KEYS: Final = Refusal(
    503,
    "identity_unavailable",
    "Whether the access token is good can't be found out now.",
    ((b"retry-after", b"5"),),
)

_log = logging.getLogger(__name__)


class JwtAuthenticator:
    """See `Authenticator`. `clock` returns seconds since the epoch."""

    def __init__(
        self,
        issuers: tuple[TokenIssuer, ...],
        documents: Issuers,
        clock: Callable[[], float],
        memory: TokenMemory[tuple[Claims, VerificationKey]] | None = None,
    ) -> None:
        self._issuers = {each.issuer: each for each in issuers}
        self._documents = documents
        self._clock = clock
        self._memory = TokenMemory() if memory is None else memory
        self._refused: TokenMemory[Refusal] = TokenMemory()
        self._sources: dict[str, KeySource] = {}
        self._opened: list[KeySource] = []

    def authenticate(
        self, credential: str, request: CallerRequest
    ) -> Claims | Refusal | Awaitable[Claims | Refusal]:
        """See `Authenticator.authenticate`."""
        if len(credential) > LONGEST_TOKEN:  # before its digest is computed
            return INVALID_TOKEN
        now = self._clock()
        digest = digest_of(credential)
        known = self._memory.recall(digest, now)
        if known is not None and known[1].holds:
            return known[0]
        refused = self._refused.recall(digest, now)
        if refused is not None:
            return refused
        verdict = self._verify(credential, now)
        if isinstance(verdict, KeyMissing) and self._sources[verdict.issuer].may_be_newer():
            return self._verify_later(credential, digest, verdict.issuer)
        return self._answer(credential, digest, verdict)

    async def open(self) -> None:
        """See `IdentityProvider.open`."""
        for issuer in self._issuers.values():
            try:
                source = open_source(issuer, self._documents)
            except BadKey as bad:
                raise SettingsError(
                    f"the secret of the issuer {issuer.issuer} {bad}; see identity.jwt"
                ) from None
            self._sources[issuer.issuer] = source
            self._opened.append(source)

    async def close(self) -> None:
        """See `IdentityProvider.close`. Requests in flight are decided with the keys that there
        were."""
        opened, self._opened = self._opened, []
        for source in opened:
            await source.close()

    async def _verify_later(self, token: str, digest: bytes, issuer: str) -> Claims | Refusal:
        await self._sources[issuer].renew()
        return self._answer(token, digest, self._verify(token, self._clock()))

    def _verify(self, token: str, now: float) -> Verdict:
        return verify_token(token, self._issuers, self._keys_of, now)

    def _keys_of(self, issuer: str) -> KeySet | None:
        return self._sources[issuer].current

    def _answer(self, token: str, digest: bytes, verdict: Verdict) -> Claims | Refusal:
        match verdict:
            case Verified(stated, issuer, key, until):
                claims = Claims(
                    kind="token",
                    claims=stated,
                    subject=stated.get("sub", ""),
                    issuer=issuer.issuer,
                    token=Secret(token),
                    until=until,
                )
                size = BYTES_A_CHARACTER * len(token)
                self._memory.remember(digest, (claims, key), until, size)
                return claims
            case Rejected(why):
                _log.debug("a token was refused: it %s", why)
                until = self._clock() + REFUSED_SECONDS
                self._refused.remember(digest, INVALID_TOKEN, until)
                return INVALID_TOKEN
            case KeyMissing(name):
                if self._keys_of(name) is None:
                    return NO_KEYS
                _log.debug("a token was refused: it names no key of %s", name)
                return INVALID_TOKEN
            case _:
                assert_never(verdict)
