"""Tokens from the issuer, for browsers that have logged in: by a code, by a refresh token; and what
gives a refresh token back.

Rules:
1. What the issuer answers is a `Grant`, or one of two refusals: `Refused`, after which the grant is
   of no more use, and `IssuerDown`, which says nothing of the grant.
2. `invalid_grant` alone is `Refused` (RFC 6749 §5.2). An issuer that does not know the gateway, or
   is down, logs nobody out.
3. Nothing of an answer is logged, nor shown to anybody.

Belongs to one event loop.
"""

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from bff.identity.issuers.metadata import IssuerMetadata
from bff.identity.issuers.remote import RemoteDocument
from bff.identity.issuers.requests import IssuerClient, IssuerDown, Question
from bff.identity.sessions.logins import Login
from bff.plan.model.sessions import SessionsPlan
from bff.plan.params.sendable import is_sendable_token
from bff.secret import Secret

ANSWER_SECONDS: Final = 10.0  # what a token endpoint may take
ASSUMED_LIFE_SECONDS: Final = 300.0  # of an access token, where none is stated
LONGEST_LIFE_SECONDS: Final = 366 * 24 * 3600.0  # whatever is stated


class Refused(Exception):
    """The issuer takes the code, or the refresh token, not or no more."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the token endpoint gave. Ends are seconds since the epoch. `refresh_until` is None where
    the issuer states no end, `id_token` where it gave none, which only a refresh may."""

    access_token: Secret
    access_until: float
    refresh_token: Secret | None
    refresh_until: float | None
    id_token: Secret | None


class IssuersGrants:
    """Asks the issuer that its `metadata` describes."""

    def __init__(
        self, plan: SessionsPlan, metadata: RemoteDocument[IssuerMetadata], client: IssuerClient
    ) -> None:
        self._plan = plan
        self._metadata = metadata
        self._client = client

    async def login_url(self, login: Login) -> str:
        """Where the browser logs in. Raises `IssuerDown`."""
        metadata = await self._metadata.get()
        if metadata.authorization_endpoint is None:
            raise IssuerDown("its metadata names no authorization_endpoint")
        return with_query(
            metadata.authorization_endpoint,
            {
                "response_type": "code",
                "client_id": self._plan.client_id,
                "redirect_uri": self._plan.redirect_uri,
                "scope": " ".join(self._plan.scopes),
                "state": login.state,
                "nonce": login.nonce,
                "code_challenge": login.challenge,
                "code_challenge_method": "S256",
            },
        )

    async def logout_url(self, id_token: Secret) -> str | None:
        """Where the browser logs out at the issuer (OpenID Connect RP-Initiated Logout 1.0), None
        where the issuer has no such place. Raises `IssuerDown`."""
        metadata = await self._metadata.get()
        if metadata.end_session_endpoint is None:
            return None
        return with_query(
            metadata.end_session_endpoint,
            {
                "id_token_hint": id_token.reveal(),
                "client_id": self._plan.client_id,
                "post_logout_redirect_uri": self._plan.origin + self._plan.after_logout,
            },
        )

    async def names_issuer(self) -> bool:
        """Whether the issuer's callbacks name it (RFC 9207). Raises `IssuerDown`."""
        return (await self._metadata.get()).names_issuer_in_callback

    async def redeem(self, code: str, verifier: str, now: float) -> Grant:
        """The grant of a code. Raises `Refused` and `IssuerDown`."""
        return await self._ask(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._plan.redirect_uri,
                "code_verifier": verifier,
            },
            now,
        )

    async def refresh(self, refresh_token: Secret, now: float) -> Grant:
        """The next grant; without a refresh token where the old one holds. Raises `Refused` and
        `IssuerDown`."""
        return await self._ask(
            {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}, now
        )

    async def revoke(self, refresh_token: Secret) -> None:
        """Give a refresh token back (RFC 7009); nothing is done where the issuer has no place for
        it. Raises `IssuerDown`."""
        metadata = await self._metadata.get()
        if metadata.revocation_endpoint is None:
            return
        form = {"token": refresh_token.reveal(), "token_type_hint": "refresh_token"}
        status, _ = await self._post(metadata.revocation_endpoint, form, metadata)
        if status != 200:
            raise IssuerDown(f"answered {status} where a token is revoked")

    async def _ask(self, form: dict[str, str], now: float) -> Grant:
        metadata = await self._metadata.get()
        if metadata.token_endpoint is None:
            raise IssuerDown("its metadata names no token_endpoint")
        status, document = await self._post(metadata.token_endpoint, form, metadata)
        if status == 200:
            return read_grant(document, now)
        error = document.get("error") if isinstance(document, dict) else None
        if status == 400 and error == "invalid_grant":
            raise Refused
        raise IssuerDown(f"answered {status} where tokens are given")

    async def _post(
        self, url: str, form: dict[str, str], metadata: IssuerMetadata
    ) -> tuple[int, Any]:
        plan, methods = self._plan, metadata.token_endpoint_auth_methods
        question = Question(plan.issuer, "tokens")
        # Basic where nothing is stated (OpenID Connect Discovery 1.0 §3).
        if "client_secret_post" in methods and "client_secret_basic" not in methods:
            secret = plan.client_secret.reveal()
            form = {**form, "client_id": plan.client_id, "client_secret": secret}
            return await self._client.post(url, form, question, timeout_seconds=ANSWER_SECONDS)
        client = (plan.client_id, plan.client_secret)
        return await self._client.post(
            url, form, question, client=client, timeout_seconds=ANSWER_SECONDS
        )


def read_grant(document: Any, now: float) -> Grant:
    """The grant in the answer to a request of this time. Raises `IssuerDown`."""
    if not isinstance(document, dict):
        raise IssuerDown("gave tokens in no object")
    access_token = _token(document, "access_token")
    kind = document.get("token_type")
    if access_token is None or not isinstance(kind, str) or kind.lower() != "bearer":
        raise IssuerDown("gave no access_token of the type Bearer")
    life = _life_seconds(document, "expires_in")
    # OAuth has no name for it: the first is Keycloak's, the second Entra's and others'.
    refresh_life = _life_seconds(document, "refresh_expires_in") or _life_seconds(
        document, "refresh_token_expires_in"
    )
    return Grant(
        access_token=access_token,
        access_until=now + (life or ASSUMED_LIFE_SECONDS),
        refresh_token=_token(document, "refresh_token"),
        refresh_until=None if refresh_life is None else now + refresh_life,
        id_token=_token(document, "id_token"),
    )


def with_query(url: str, params: dict[str, str]) -> str:
    """An address of the issuer's, which may have a query, with more params."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"


def _token(document: dict[str, Any], name: str) -> Secret | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not is_sendable_token(value):
        raise IssuerDown(f"gave a {name} that is no token")
    return Secret(value)


def _life_seconds(document: dict[str, Any], name: str) -> float | None:
    stated = document.get(name)
    if isinstance(stated, str) and re.fullmatch(r"[0-9]{1,9}", stated):  # as some issuers do
        stated = int(stated)
    if stated is None or stated == 0:  # Keycloak's word for "without an end"
        return None
    if isinstance(stated, bool) or not isinstance(stated, int | float) or not stated > 0:
        raise IssuerDown(f"gave an {name} that is no lifetime")
    return min(float(stated), LONGEST_LIFE_SECONDS)
