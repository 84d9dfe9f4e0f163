"""What an OpenID provider decides, for tests: `tests.support.identity.oidc_issuer` serves it."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

Claims = dict[str, Any]

BACKCHANNEL_EVENT = "http://schemas.openid.net/event/backchannel-logout"

_KEYS = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]


class OidcProvider:
    """One issuer at `url`, with one client: what it is told, what it got, and its answers."""

    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        self.url = url
        self.client_id = client_id
        self.client_secret = client_secret
        self.reset()
        self._lock = threading.Lock()
        self._codes: dict[str, tuple[dict[str, str], Claims, str]] = {}
        self._grants: dict[str, tuple[Claims, str]] = {}
        self._key_index = 0

    def reset(self) -> None:
        """Begin anew: forget what it was told and what it got."""
        self.user: Claims = {"sub": "ada"}
        self.sid: str | None = None  # of the sessions that begin now; None: one of its own each
        self.access_seconds: float | None = 300
        self.refresh_seconds: float | None = None  # stated as refresh_expires_in, where it is set
        self.gives_refresh_tokens = True
        self.refuses_logins: str | None = None  # an error word: access_denied
        self.id_token_changes: Claims = {}
        self.id_token_algorithm = "RS256"
        self.metadata_changes: Claims = {}
        self.token_delay_seconds = 0.0
        self.token_gate: threading.Event | None = None  # what tokens wait for
        self.answer_token_with: tuple[int, bytes] | None = None
        self.answer_refreshes_with: tuple[int, bytes] | None = None
        self.answer_revocation_with: tuple[int, bytes] | None = None
        self.is_away = False  # it takes connections, and breaks each off

        self.authorizations: list[dict[str, str]] = []
        self.token_requests: list[dict[str, str]] = []
        self.revocations: list[dict[str, str]] = []
        self.ended_sessions: list[dict[str, str]] = []
        self.valid_refresh_tokens: set[str] = set()

    @property
    def refreshes(self) -> int:
        """How often somebody asked for a refresh."""
        return sum(each.get("grant_type") == "refresh_token" for each in self.token_requests)

    def rotate_keys(self) -> None:
        """From now on sign with the other key, and publish that one alone."""
        self._key_index = 1 - self._key_index

    def sign(self, claims: Claims, *, algorithm: str = "RS256", **header: Any) -> str:
        """A token of this issuer's; claims that are None are left out."""
        kept = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": f"key-{self._key_index}", **header}
        key: Any = _KEYS[self._key_index]
        if algorithm == "none":
            key = None
        elif algorithm.startswith("HS"):
            key = self.client_secret
        return jwt.encode(kept, key, algorithm=algorithm, headers=headers)

    def logout_token(self, **changes: Any) -> str:
        """A logout token (OpenID Connect Back-Channel Logout 1.0 §2.4) with these changes: `sub`
        and `sid` are not there until they are given."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_hex(8),
            "events": {BACKCHANNEL_EVENT: {}},
            **changes,
        }
        return self.sign(claims, typ="logout+jwt")

    def metadata(self) -> Claims:
        """What it says of itself."""
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "revocation_endpoint": f"{self.url}/revoke",
            "end_session_endpoint": f"{self.url}/end",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            **self.metadata_changes,
        }
        return {name: value for name, value in document.items() if value is not None}

    def key_set(self) -> Claims:
        """The key that it signs with, as a JWK Set."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(_KEYS[self._key_index].public_key()))
        return {"keys": [{**key, "kid": f"key-{self._key_index}", "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str]) -> str | None:
        """Where the browser goes with its code, or with an error; None for a broken request."""
        with self._lock:
            self.authorizations.append(query)
        fits = (query.get("response_type"), query.get("client_id")) == ("code", self.client_id)
        if not fits or "openid" not in query.get("scope", "").split() or "state" not in query:
            return None
        if query.get("code_challenge_method") != "S256" or len(query["code_challenge"]) != 43:
            return None
        answer = {"state": query["state"], "iss": self.url}
        if self.refuses_logins is not None:
            answer |= {"error": self.refuses_logins, "error_description": "<script>no</script>"}
        else:
            answer["code"] = secrets.token_urlsafe(24)
            sid = self.sid or secrets.token_urlsafe(12)
            with self._lock:
                self._codes[answer["code"]] = (query, dict(self.user), sid)
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def give_tokens(self, form: dict[str, str], authorization: str | None) -> tuple[int, Any]:
        """The answer of the token endpoint."""
        with self._lock:
            self.token_requests.append(form)
        if self.token_gate is not None:
            self.token_gate.wait(30)
        time.sleep(self.token_delay_seconds)
        if self.answer_token_with is not None:
            return self.answer_token_with
        if not self._knows(authorization, form):
            return 401, {"error": "invalid_client"}
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem(form)
            case "refresh_token":
                return self.answer_refreshes_with or self._refresh(form)
        return 400, {"error": "unsupported_grant_type"}

    def revoke(self, form: dict[str, str], authorization: str | None) -> tuple[int, Any]:
        """The answer of the revocation endpoint (RFC 7009)."""
        with self._lock:
            self.revocations.append(form)
            self.valid_refresh_tokens.discard(form.get("token", ""))
        if self.answer_revocation_with is not None:
            return self.answer_revocation_with
        return (200, b"") if self._knows(authorization, form) else (401, {"error": "no"})

    def _knows(self, authorization: str | None, form: Mapping[str, str]) -> bool:
        wanted = (self.client_id, self.client_secret)
        if authorization is None:
            return (form.get("client_id"), form.get("client_secret")) == wanted
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        return tuple(map(unquote, pair.split(":"))) == wanted

    def _redeem(self, form: dict[str, str]) -> tuple[int, Any]:
        with self._lock:
            query, user, sid = self._codes.pop(form.get("code", ""), ({}, {}, ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        fits = query and query["redirect_uri"] == form.get("redirect_uri")
        if not fits or query["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        return 200, self._tokens(user, sid, query.get("nonce"))

    def _refresh(self, form: dict[str, str]) -> tuple[int, Any]:
        token = form.get("refresh_token", "")
        with self._lock:
            if token not in self.valid_refresh_tokens:
                return 400, {"error": "invalid_grant"}
            self.valid_refresh_tokens.discard(token)
            user, sid = self._grants.pop(token)
        return 200, self._tokens(user, sid, None)

    def _tokens(self, user: Claims, sid: str, nonce: str | None) -> Claims:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 600,
            "auth_time": now,
            "nonce": nonce,
            "sid": sid,
            **user,
            **self.id_token_changes,
        }
        reply: Claims = {
            "access_token": secrets.token_urlsafe(24),
            "token_type": "Bearer",
            "id_token": self.sign(claims, algorithm=self.id_token_algorithm),
        }
        if self.access_seconds is not None:
            reply["expires_in"] = self.access_seconds
        if self.gives_refresh_tokens:
            token = reply["refresh_token"] = secrets.token_urlsafe(24)
            if self.refresh_seconds is not None:
                reply["refresh_expires_in"] = self.refresh_seconds
            with self._lock:
                self.valid_refresh_tokens.add(token)
                self._grants[token] = (user, sid)
        return reply
