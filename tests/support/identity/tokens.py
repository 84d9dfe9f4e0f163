"""Tokens that tests sign, or forge: any header, any claims, any spelling. Verdicts on them."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from bff.identity.jwt.keys import KeySet, read_key_set
from bff.identity.jwt.verification import Verdict, verify_token
from bff.plan.model.identity import PublishedKeys, TokenIssuer

ISSUER = "https://id.example"
OTHER_ISSUER = "https://other.example"
AUDIENCE = "shop"
NOW = 1_800_000_000.0
SECRET = "s3cret-of-this-project-and-long-enough-for-every-hash-that-there-is-today"
TAKEN = ("RS256", "ES256", "EdDSA")  # algorithms of `token_issuer`

_ALGORITHMS = get_default_algorithms()


def encode(value: Any) -> str:
    """base64url of bytes, or of a value's JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**members: Any) -> dict[str, Any]:
    """The claims of a good token, with these beside or instead; a member of None is left out."""
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": NOW + 300, "iat": NOW - 10}
    return {name: value for name, value in {**usual, **members}.items() if value is not None}


@dataclass(frozen=True)
class SigningKey:
    """A key pair, or a secret, of one algorithm."""

    algorithm: str
    kid: str | None
    private: Any

    def jwk(self, **members: Any) -> dict[str, Any]:
        """The public key as issuers publish it; a member of None is left out."""
        form: Any = _ALGORITHMS[self.algorithm]
        published = form.to_jwk(self.private.public_key(), as_dict=True)
        published.pop("key_ops", None)
        published |= {"kid": self.kid, "alg": self.algorithm, "use": "sig", **members}
        return {name: value for name, value in published.items() if value is not None}

    def signature(self, text: bytes) -> bytes:
        return _ALGORITHMS[self.algorithm].sign(text, self.private)

    def sign(self, payload: Any, **header: Any) -> str:
        """A token; a member of the header that is None is left out."""
        members = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **header}
        members = {name: value for name, value in members.items() if value is not None}
        return self.sign_parts(encode(members), encode(payload))

    def sign_parts(self, header: str, payload: str) -> str:
        """A token of parts that may be anything."""
        signature = self.signature(f"{header}.{payload}".encode())
        return f"{header}.{payload}.{encode(signature)}"


@cache
def rsa_key(kid: str | None = "rsa", algorithm: str = "RS256", bits: int = 2048) -> SigningKey:
    return SigningKey(algorithm, kid, _rsa_pair(bits))


@cache
def _rsa_pair(bits: int) -> Any:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(kid: str | None = "ec", algorithm: str = "ES256") -> SigningKey:
    curve = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}[algorithm]
    return SigningKey(algorithm, kid, ec.generate_private_key(curve()))


@cache
def ed_key(kid: str | None = "ed") -> SigningKey:
    return SigningKey("EdDSA", kid, ed25519.Ed25519PrivateKey.generate())


def hmac_token(payload: Any, secret: bytes, **header: Any) -> str:
    """A token of HS256, with any secret: an empty one, or a public key."""
    first = encode({"alg": "HS256", "typ": "JWT", **header})
    text = f"{first}.{encode(payload)}"
    return f"{text}.{encode(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def token_issuer(name: str = ISSUER, **members: Any) -> TokenIssuer:
    """An issuer of tokens for `shop` and `api`, with these members instead."""
    usual: dict[str, Any] = {
        "audience": frozenset({"shop", "api"}),
        "algorithms": TAKEN,
        "keys": PublishedKeys("https://id.example/jwks.json"),
        "leeway_seconds": 30.0,
    }
    return TokenIssuer(name, **{**usual, **members})


def published(*keys: SigningKey, algorithms: tuple[str, ...] = TAKEN) -> KeySet:
    """The key set that has these keys."""
    return read_key_set({"keys": [each.jwk() for each in keys]}, algorithms)


def verdict_on(
    token: str, key_set: KeySet | None = None, now: float = NOW, **members: Any
) -> Verdict:
    """What a token of `ISSUER` is, by these keys and members of the issuer."""
    one = token_issuer(**members)
    found = key_set or published(rsa_key(), ec_key(), ed_key())
    return verify_token(token, {ISSUER: one}, lambda name: found, now)
