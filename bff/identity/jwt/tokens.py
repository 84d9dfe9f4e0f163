"""The compact form of signed tokens (RFC 7515 §7.1): what is read of one before its signature is
known to be right. Pure.

Rules:
1. A token has `LONGEST_TOKEN` characters at most: base64url, two dots, and a signature.
2. Its header and its claims are each one JSON object in which no member stands twice. What two
   readers could read differently is refused.
3. No key, and no address of one, is taken from the header: a token that brings them is refused,
   even with a right signature.
4. A header that asks for more than this module knows (`crit`, `b64`) is refused, and so is one of
   an encrypted token.
"""

import binascii
import json
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Final

from bff.identity.issuers.requests import unique_members
from bff.plan.schemas.json_texts import may_be_deep

LONGEST_TOKEN: Final = 8192  # characters

# The payload of a signature may be empty; that of a token is no claims then.
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)")
_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*")
_REFUSED_HEADERS: Final = frozenset(
    {"crit", "b64", "jwk", "jku", "x5u", "x5c", "enc", "zip", "epk", "p2c", "p2s"}
)


class BadToken(Exception):
    """Why a token is refused, for the log; holds nothing of the token."""


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token whose signature is not verified. `kid` is None where it names no key; `type` is its
    `typ` in lower case and without `application/`, None where it states none."""

    text: str
    algorithm: str
    kid: str | None
    type: str | None
    payload: bytes


def read_token(text: str) -> SignedToken:
    """Read the parts of a token in its compact form. Raises `BadToken`."""
    if len(text) > LONGEST_TOKEN:
        raise BadToken(f"has more than {LONGEST_TOKEN} characters")
    match = _COMPACT.fullmatch(text)
    if match is None:
        raise BadToken("is not in the compact form of a signed token")
    header, payload, signature = map(decode_base64url, match.groups())
    if header is None or payload is None or signature is None:
        raise BadToken("has a part that is not base64url in its one spelling")
    members = _read_object(header, "header")
    if refused := _REFUSED_HEADERS & members.keys():
        raise BadToken(f"has {', '.join(sorted(refused))} in its header")
    algorithm, kid, kind = members.get("alg"), members.get("kid"), members.get("typ")
    if not isinstance(algorithm, str):
        raise BadToken("names no algorithm")
    if kid is not None and not isinstance(kid, str):
        raise BadToken("has a kid that is no text")
    if kind is not None and not isinstance(kind, str):
        raise BadToken("has a typ that is no text")
    kind = None if kind is None else kind.lower().removeprefix("application/")
    return SignedToken(text, algorithm, kid, kind, payload)


def read_claims(token: SignedToken) -> dict[str, Any]:
    """The claims of a token. Raises `BadToken`."""
    return _read_object(token.payload, "payload")


def decode_base64url(text: str) -> bytes | None:
    """The bytes that a part of a token or a member of a key stands for, None where the text is not
    the one spelling of any: no padding, no spare bits (RFC 7515 §2)."""
    if not _ALPHABET.fullmatch(text) or len(text) % 4 == 1:
        return None
    try:
        found = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    return found if urlsafe_b64encode(found).rstrip(b"=").decode() == text else None


def read_number(claims: dict[str, Any], name: str) -> float | None:
    """A claim that is a NumericDate (RFC 7519 §2), None where it is absent. Raises `BadToken`."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadToken(f"has an {name} that is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadToken(f"has an {name} that is no time")
    return number


def _read_object(text: bytes, what: str) -> dict[str, Any]:
    try:
        if may_be_deep(text):
            raise BadToken(f"has a {what} that is nested too deep")
        found = json.loads(
            text.decode(),
            object_pairs_hook=unique_members,
            parse_float=_finite,
            parse_constant=_finite,
        )
        if b"\\u" in text:  # half a pair of surrogates, which no header or digest can hold
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BadToken(f"has a {what} that is no JSON, or has a member twice") from None
    if not isinstance(found, dict):
        raise BadToken(f"has a {what} that is no object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no JSON has an infinity")
    return number
