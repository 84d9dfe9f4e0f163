"""What the stand-in issuer knows and decides: clients, accounts, sessions, codes, tokens.

1. A code is redeemed once, within a minute, by the client and for the address that it was given
   to, with the verifier of its challenge.
2. Each refresh token is used once, and gives the next. One that comes a second time ends what the
   client has of its session: one of the two who had it has stolen it.
3. Whatever ends a session ends its refresh tokens; access tokens live on until they expire.

Safe to share between threads: each method holds the lock while it looks or changes.
"""

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

_CODE_SECONDS = 60
_LOGOUT_SECONDS = 120
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True, slots=True)
class Client:
    """Who may log people in. `secret` is None for a public client: an app on a phone."""

    id: str
    secret: str | None
    redirect_uris: tuple[str, ...]
    logout_uris: tuple[str, ...] = ()  # where it may send the browser after a logout
    backchannel_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Who may log in. `claims` hold at least `sub`."""

    password: str
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """Who logged in at the issuer, when, and the clients that were given codes for it."""

    account: Account
    at: int
    clients: set[str]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code or a refresh token stands for."""

    client: str
    sid: str
    scope: str
    redirect_uri: str = ""
    challenge: str = ""
    nonce: str | None = None
    until: float = 0


class OAuthError(Exception):
    """A refusal of the token endpoint: an error of RFC 6749 §5.2, and a sentence."""

    def __init__(self, error: str, detail: str) -> None:
        self.error = error
        self.detail = detail
        super().__init__(detail)


@dataclass(slots=True)
class Provider:
    """The issuer's state. `issuer` is its address, without a slash at the end."""

    issuer: str
    clients: Mapping[str, Client]
    accounts: Mapping[str, Account]
    audience: str = "shop"
    access_seconds: int = 300
    now: Callable[[], float] = time.time
    refreshed: int = 0  # how many refresh tokens were used
    _key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    _kid: str = field(default_factory=lambda: secrets.token_hex(4))
    _codes: dict[str, Grant] = field(default_factory=dict)
    _refresh: dict[str, Grant] = field(default_factory=dict)
    _used: dict[str, Grant] = field(default_factory=dict)
    _sessions: dict[str, Session] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # ------------------------------------------------------------------ sessions at the issuer

    def log_in(self, name: str, password: str) -> str | None:
        """The sid of a new session; None where name or password is wrong."""
        account = self.accounts.get(name)
        if account is None or not secrets.compare_digest(account.password, password):
            return None
        sid = secrets.token_urlsafe(16)
        with self._lock:
            self._sessions[sid] = Session(account, int(self.now()), set())
        return sid

    def is_logged_in(self, sid: str) -> bool:
        """Whether there is a session of this sid."""
        with self._lock:
            return sid in self._sessions

    def log_out(self, sid: str) -> list[tuple[str, str]]:
        """End a session. Returns the addresses of clients to inform, each with a logout token."""
        with self._lock:
            session = self._sessions.pop(sid, None)
            self._forget(lambda grant: grant.sid == sid)
        if session is None:
            return []
        subject = session.account.claims["sub"]
        return [
            (client.backchannel_uri, self.logout_token(client.id, subject, sid))
            for client in map(self.clients.__getitem__, sorted(session.clients))
            if client.backchannel_uri is not None
        ]

    # ------------------------------------------------------------------------ codes and tokens

    def give_code(
        self,
        client: Client,
        sid: str,
        *,
        scope: str,
        redirect_uri: str,
        challenge: str,
        nonce: str | None,
    ) -> str:
        """A code for a session that has not ended."""
        code = secrets.token_urlsafe(24)
        until = self.now() + _CODE_SECONDS
        with self._lock:
            self._sessions[sid].clients.add(client.id)
            self._codes[code] = Grant(client.id, sid, scope, redirect_uri, challenge, nonce, until)
        return code

    def redeem_code(
        self, client: Client, code: str, redirect_uri: str, verifier: str
    ) -> dict[str, Any]:
        """The tokens for a code (RFC 6749 §4.1.3, RFC 7636 §4.6)."""
        with self._lock:
            grant = self._codes.pop(code, None)
        if grant is None or grant.client != client.id or grant.until < self.now():
            raise OAuthError("invalid_grant", "the code is unknown, used or too old")
        if grant.redirect_uri != redirect_uri:
            raise OAuthError("invalid_grant", "the code was given for another redirect_uri")
        digest = hashlib.sha256(verifier.encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != grant.challenge:
            raise OAuthError("invalid_grant", "the verifier is not the one of the challenge")
        return self._tokens(grant)

    def refresh(self, client: Client, token: str) -> dict[str, Any]:
        """The next tokens for a refresh token (RFC 6749 §6, RFC 9700 §4.14)."""
        with self._lock:
            grant = self._refresh.pop(token, None)
            if grant is None or grant.client != client.id:
                stolen = self._used.get(token)
                if stolen is not None:
                    self._forget(
                        lambda each: (each.sid, each.client) == (stolen.sid, stolen.client)
                    )
                raise OAuthError("invalid_grant", "the refresh token is unknown, used or ended")
            self._used[token] = grant
            self.refreshed += 1
        return self._tokens(grant)

    def revoke(self, client: Client, token: str) -> None:
        """End a refresh token (RFC 7009); nothing else is kept that could end."""
        with self._lock:
            grant = self._refresh.get(token)
            if grant is not None and grant.client == client.id:
                del self._refresh[token]

    def has_refresh_token(self, sid: str) -> bool:
        """Whether a refresh token of the session is still good."""
        with self._lock:
            return any(grant.sid == sid for grant in self._refresh.values())

    def authenticate(self, client_id: str, secret: str | None) -> Client:
        """The client that proves to be itself."""
        client = self.clients.get(client_id)
        if client is None or (client.secret or "") != (secret or ""):
            raise OAuthError("invalid_client", "the client is unknown, or its secret is wrong")
        return client

    # --------------------------------------------------------------------------------- signing

    def keys(self) -> dict[str, Any]:
        """The key set (RFC 7517)."""
        public = jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self._kid, "use": "sig", "alg": "ES256"}]}

    def sign(self, claims: Mapping[str, Any], kind: str = "JWT") -> str:
        """A token of these claims and `iss`, of `kind` as its `typ`."""
        body = {"iss": self.issuer, **claims}
        return jwt.encode(body, self._key, "ES256", {"kid": self._kid, "typ": kind})

    def access_token(self, account: Account, client: str, scope: str) -> str:
        """A token for the audience (RFC 9068)."""
        now = int(self.now())
        claims = {
            **account.claims,
            "aud": self.audience,
            "client_id": client,
            "scope": scope,
            "jti": secrets.token_hex(8),
            "iat": now,
            "exp": now + self.access_seconds,
        }
        return self.sign(claims, "at+jwt")

    def logout_token(self, client: str, subject: str, sid: str) -> str:
        """What informs a client of a session's end (OpenID Connect Back-Channel Logout §2.4)."""
        now = int(self.now())
        claims = {
            "aud": client,
            "sub": subject,
            "sid": sid,
            "iat": now,
            "exp": now + _LOGOUT_SECONDS,
            "jti": secrets.token_hex(8),
            "events": {_LOGOUT_EVENT: {}},
        }
        return self.sign(claims, "logout+jwt")

    def sid_of(self, id_token: str) -> str | None:
        """The session that an ID token of this issuer names, whenever it expired."""
        try:
            claims = jwt.decode(
                id_token,
                self._key.public_key(),
                ["ES256"],
                issuer=self.issuer,
                options={"verify_exp": False, "verify_aud": False},
            )
        except jwt.InvalidTokenError:
            return None
        return claims.get("sid")

    def _tokens(self, grant: Grant) -> dict[str, Any]:
        now = int(self.now())
        refresh = secrets.token_urlsafe(24)
        with self._lock:
            session = self._sessions.get(grant.sid)
            if session is None:
                raise OAuthError("invalid_grant", "the session has ended")
            self._refresh[refresh] = Grant(grant.client, grant.sid, grant.scope)
        id_claims = {
            **session.account.claims,
            "aud": grant.client,
            "sid": grant.sid,
            "auth_time": session.at,
            "iat": now,
            "exp": now + self.access_seconds,
        }
        if grant.nonce is not None:
            id_claims["nonce"] = grant.nonce
        return {
            "access_token": self.access_token(session.account, grant.client, grant.scope),
            "token_type": "Bearer",
            "expires_in": self.access_seconds,
            "refresh_token": refresh,
            "scope": grant.scope,
            "id_token": self.sign(id_claims),
        }

    def _forget(self, ends: Callable[[Grant], bool]) -> None:
        for kept in (self._codes, self._refresh):
            for token in [token for token, grant in kept.items() if ends(grant)]:
                del kept[token]
