"""A login under way: what ties the callback to the browser that began it.

Rules:
1. The browser's login cookie is a random key, good for `LOGIN_SECONDS`. From it and from the
   `state` follow the PKCE verifier (RFC 7636), the nonce, and the signature of the state. The
   gateway stores nothing, so logins that are never finished cost nothing.
2. A state holds the time of its login, where the browser goes afterwards, and the handle of the
   session that it had. Nothing of it is believed before its signature is right for this browser.
3. A browser may have several logins under way, in several tabs: they share the cookie.
4. Whatever is wrong with a callback is one and the same refusal.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from bff.identity.sessions.session import base64url
from bff.own_paths import is_own_path

LOGIN_SECONDS: Final = 600
KEY_BYTES: Final = 32
SALT_BYTES: Final = 16
LONGEST_STATE: Final = 2048  # characters
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_HANDLE: Final = re.compile(r"[0-9a-f]{64}|")


@dataclass(frozen=True, slots=True)
class Login:
    """A login: `state`, `nonce` and `verifier` are what the protocol needs. `return_to` is a path
    of the gateway's site; `replaces` is the handle of the session that the browser had, "" for
    none."""

    state: str
    nonce: str
    verifier: str
    return_to: str
    replaces: str

    @property
    def challenge(self) -> str:
        """The verifier, as the issuer gets it at first (RFC 7636 §4.2: S256)."""
        return base64url(hashlib.sha256(self.verifier.encode()).digest())


def is_login_key(text: str) -> bool:
    """Whether this can be the value of a login cookie."""
    return _KEY.fullmatch(text) is not None


def new_login_key(random_bytes: bytes) -> str:
    """The value of a login cookie: `random_bytes` are `KEY_BYTES` that nobody knows."""
    return base64url(random_bytes)


def begin_login(
    login_key: str, return_to: str, *, replaces: str = "", salt: bytes, now: float
) -> Login:
    """A new login of the browser with this key, to come back to `return_to`, which is a path of
    one's own. `salt` are `SALT_BYTES` random bytes, `now` seconds since the epoch."""
    body = f"{base64url(salt)}.{int(now)}.{replaces}.{base64url(return_to.encode())}"
    return _login(login_key, body, return_to, replaces)


def resume_login(login_key: str, state: str, *, now: float) -> Login | None:
    """The login that a callback with this state belongs to; None where it is no login of this
    browser's, or too old."""
    body, _, signature = state.rpartition(".")
    if len(state) > LONGEST_STATE or not state.isascii() or not is_login_key(login_key):
        return None
    if not hmac.compare_digest(signature, _derived(login_key, "state", body)):
        return None
    try:
        _, began_at, replaces, return_to = body.split(".")
        path = base64.urlsafe_b64decode(return_to + "=" * (-len(return_to) % 4)).decode()
        age = now - int(began_at)
    except (ValueError, OverflowError):  # signed by a browser whose key somebody else chose
        return None
    # A clock of another worker may be a little behind.
    if not -60 <= age <= LOGIN_SECONDS or not is_own_path(path) or not _HANDLE.fullmatch(replaces):
        return None
    return _login(login_key, body, path, replaces)


def _login(login_key: str, body: str, return_to: str, replaces: str) -> Login:
    return Login(
        state=f"{body}.{_derived(login_key, 'state', body)}",
        nonce=_derived(login_key, "nonce", body),
        verifier=_derived(login_key, "verifier", body),
        return_to=return_to,
        replaces=replaces,
    )


def _derived(login_key: str, use: str, body: str) -> str:
    return base64url(hmac.digest(login_key.encode(), f"{use} {body}".encode(), "sha256"))
