"""A browser's session: what is known of it, and its encrypted form, which is all that Redis gets.

Rules:
1. The cookie's value is random and means nothing. Redis knows a session by the SHA-256 of it, its
   handle: who reads Redis can't make a cookie.
2. A record is a JWE (RFC 7516: `dir`, A256GCM) under the newest key. Each declared key opens
   records, so keys can be rotated.
3. A record names its handle: copied to another key, it opens nothing.
4. What can't be opened is no session, whatever the reason, and nobody learns which it was.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from bff.secret import Secret

ID_BYTES: Final = 32
_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that has logged in. Times are seconds since the epoch.

    `claims` are those of the id token. `access_until` is the end of the access token, and from
    `renew_at` on it is time for the next. `ends_at` is the end of the session, which a refresh may
    move, to `latest_end` at most.
    """

    claims: Mapping[str, Any]
    access_token: Secret
    renew_at: float
    access_until: float
    refresh_token: Secret | None
    id_token: Secret
    ends_at: float
    latest_end: float

    @property
    def subject(self) -> str:
        """The issuer's name for who has logged in."""
        subject: str = self.claims["sub"]
        return subject

    @property
    def issuers_sid(self) -> str | None:
        """The issuer's name for its own session, by which it logs out; None where it has none."""
        sid = self.claims.get("sid")
        return sid if isinstance(sid, str) else None


def is_session_id(text: str) -> bool:
    """Whether this can be the value of a session's cookie."""
    return _ID.fullmatch(text) is not None


def new_session_id(random_bytes: bytes) -> str:
    """The value of a cookie: `random_bytes` are `ID_BYTES` that nobody knows."""
    return base64url(random_bytes)


def handle_of(session_id: str) -> str:
    """What Redis knows a session by."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def logout_sid(session_id: str) -> str:
    """What a page states to log out: it belongs to one session, and gives none."""
    return base64url(hashlib.sha256(b"bff logout " + session_id.encode()).digest()[:24])


class SessionKeys:
    """Seals sessions and opens them. `secrets` stand from the newest to the oldest. Safe between
    threads."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        keys = [OctKey.import_key(_derived(each, b"bff session record")) for each in secrets]
        names = [_derived(each, b"bff session key's name").hex()[:16] for each in secrets]
        headers = [{"alg": "dir", "enc": "A256GCM", "kid": name} for name in names]
        self._header, self._key = headers[0], keys[0]
        # A record's first part is one of these texts, so nothing of it is read before it is
        # authentic.
        self._by_header = {_written(header): key for header, key in zip(headers, keys, strict=True)}

    def seal(self, handle: str, session: Session) -> bytes:
        """The record of a session."""
        members = {
            "handle": handle,
            "claims": session.claims,
            "access_token": session.access_token.reveal(),
            "renew_at": session.renew_at,
            "access_until": session.access_until,
            "refresh_token": session.refresh_token and session.refresh_token.reveal(),
            "id_token": session.id_token.reveal(),
            "ends_at": session.ends_at,
            "latest_end": session.latest_end,
        }
        text = json.dumps(members, separators=(",", ":")).encode()
        header = {**self._header}
        return jwe.encrypt_compact(header, text, self._key, registry=_REGISTRY).encode()

    def open(self, handle: str, record: bytes) -> Session | None:
        """The session in a record; None for what is no record of this handle's."""
        key = self._by_header.get(record.partition(b".")[0])
        if key is None:
            return None
        try:
            sealed = jwe.decrypt_compact(record, key, registry=_REGISTRY)
            return _read(handle, json.loads(sealed.plaintext or b"{}"))
        except (JoseError, ValueError, KeyError):  # a record of another version lacks members
            return None


class _Registry(jwe.JWERegistry):
    """Takes records of all sizes that tokens may add up to (`bff.identity.sessions.grants`)."""

    max_ciphertext_length = 256 * 1024


_REGISTRY: Final = _Registry(algorithms=["dir", "A256GCM"])


def _read(handle: str, members: dict[str, Any]) -> Session | None:
    """Raises `KeyError`."""
    if members["handle"] != handle:
        return None
    refresh_token = members["refresh_token"]
    return Session(
        claims=members["claims"],
        access_token=Secret(members["access_token"]),
        renew_at=members["renew_at"],
        access_until=members["access_until"],
        refresh_token=None if refresh_token is None else Secret(refresh_token),
        id_token=Secret(members["id_token"]),
        ends_at=members["ends_at"],
        latest_end=members["latest_end"],
    )


def _derived(secret: Secret, use: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=use).derive(secret.reveal().encode())


def _written(header: Mapping[str, str]) -> bytes:
    return base64url(json.dumps(header, separators=(",", ":")).encode()).encode()


def base64url(raw: bytes) -> str:
    """RFC 4648 §5, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
