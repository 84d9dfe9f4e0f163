"""Callers of the rows that ask who calls: their tokens, and the reply to a refused one. Pure.

A token is about as long as those of OpenID providers are: 700 characters.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

SECRET = "of this benchmark alone, and long enough for HS256"
REQUEST_ID = "0af7651916cd43dd8448eb211c80319c"  # else each refusal has another
_FAR = 4_102_444_800  # 2100-01-01


def token() -> str:
    """A token of the issuer that the project names."""
    claims = {
        "iss": "https://id.bench.example",
        "aud": ["bench", "account"],
        "sub": "f:4f1d8c1e-6a0f-4a3c-9d55-0c8f3f2f9b11:ann",
        "exp": _FAR,
        "iat": 1_000_000_000 - 300,
        "jti": "5c2b0a52-6f3e-4f0b-8c0e-2f1b7d4f8a90",
        "scope": "openid profile email orders.read",
        "roles": ["customer", "offline_access", "uma_authorization", "default-roles-shop"],
        "email": "ann@shop.example",
        "preferred_username": "ann",
        "given_name": "Ann",
        "family_name": "Archer",
        "session_state": "9d1c8a0e-7b2f-4d7c-8f6a-1e5f0b3c2d4a",
    }
    text = f"{_encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'bench-2026-11'})}.{_encoded(claims)}"
    signature = hmac.digest(SECRET.encode(), text.encode(), hashlib.sha256)
    return f"{text}.{_base64url(signature)}"


def expected_refusal() -> dict[str, Any]:
    """The problem document that a caller without a token gets."""
    return {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The request brings no credentials.",
        "reason": "no_credentials",
        "request_id": REQUEST_ID,
    }


def _encoded(value: Any) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
