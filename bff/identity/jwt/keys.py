"""Keys that verify tokens, and the sets that issuers publish of them (RFC 7517). Pure, but for the
mark of a key that has left its set.

Rules:
1. One key has one algorithm: its `alg`, else the one that its type and curve leave of those that
   the project names for the issuer. A key that two of them fit is not used.
2. A published key is public. One that is symmetric, or has private members, is known to everybody
   or will be: it is not used.
3. `use` and `key_ops` are kept to; a key for encryption verifies nothing.
4. A key that is too short, or known to be weak, is not used.
5. A key that can't be used does no harm to the others of its set.
6. A key that stays in the set stays the same object. What was verified by a key ends when the key
   leaves its set: `holds` is false from then on, on every thread.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from jwt import PyJWK, PyJWS

from bff.identity.issuers.requests import IssuerDown
from bff.identity.jwt.tokens import decode_base64url
from bff.secret import Secret

MOST_KEYS: Final = 100
_LEAST_RSA_BITS: Final = 2048
_MOST_RSA_BITS: Final = 8192  # what verifies takes longer with each bit
_MOST_EXPONENT_BITS: Final = 64

# By type and curve: the public members, and the algorithms that fit.
_RSA: Final = (("n", "e"), ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"))
_KINDS: Final = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): (("crv", "x", "y"), ("ES256",)),
    ("EC", "P-384"): (("crv", "x", "y"), ("ES384",)),
    ("EC", "P-521"): (("crv", "x", "y"), ("ES512",)),
    ("OKP", "Ed25519"): (("crv", "x"), ("EdDSA",)),
    ("OKP", "Ed448"): (("crv", "x"), ("EdDSA",)),
}
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

_jws = PyJWS(options={"enforce_minimum_key_length": True})


class BadKey(Exception):
    """Why a key is not used; holds nothing of the key."""


class VerificationKey:
    """A key and its one algorithm. `kid` is its name; None where it has none."""

    __slots__ = ("_key", "algorithm", "digest", "holds", "kid")

    def __init__(self, jwk: dict[str, str], algorithm: str, kid: str | None) -> None:
        self.algorithm = algorithm
        self.kid = kid
        self.digest = hashlib.sha256(
            json.dumps([kid, algorithm, sorted(jwk.items())]).encode()
        ).digest()
        self.holds = True
        try:
            self._key = PyJWK(jwk, algorithm)
            message = self._key.Algorithm.check_key_length(self._key.key)
        except Exception as error:  # libraries raise many things for bytes from the network
            raise BadKey(f"is no {jwk['kty']} key that can be read") from error
        if message is not None:
            raise BadKey(f"is too short for {algorithm}")

    def verifies(self, token: str) -> bool:
        """Whether the token, in its compact form, is signed by this key with its algorithm."""
        try:
            _jws.decode(token, self._key, [self.algorithm])
        except Exception:  # every reason is the same refusal
            return False
        return True

    def __repr__(self) -> str:
        return f"VerificationKey({self.algorithm}, kid={self.kid!r})"


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys of an issuer, and why others are not used."""

    keys: tuple[VerificationKey, ...]
    skipped: tuple[str, ...] = ()

    def fitting(self, algorithm: str, kid: str | None) -> list[VerificationKey]:
        """The keys with this algorithm and, where it is not None, this name, to the character."""
        return [
            each
            for each in self.keys
            if each.algorithm == algorithm and (kid is None or each.kid == kid)
        ]


def secret_key(secret: Secret, algorithm: str, kid: str | None = None) -> VerificationKey:
    """The key that a shared secret's bytes are. Raises `BadKey`."""
    if not algorithm.startswith("HS"):
        raise BadKey(f"is a secret, and {algorithm} has key pairs")
    text = urlsafe_b64encode(secret.reveal().encode("utf-8", "surrogateescape")).rstrip(b"=")
    return VerificationKey({"kty": "oct", "k": text.decode()}, algorithm, kid)


def read_key_set(
    document: Any, algorithms: tuple[str, ...], before: KeySet | None = None
) -> KeySet:
    """The keys in a published set that fit one of the algorithms; those that were in the set before
    are the same objects. Raises `IssuerDown` where none can be used."""
    given = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(given, list):
        raise IssuerDown("answered with no key set")
    if len(given) > MOST_KEYS:
        raise IssuerDown(f"publishes more than {MOST_KEYS} keys")
    known = {each.digest: each for each in before.keys} if before is not None else {}
    keys: dict[bytes, VerificationKey] = {}
    skipped: list[str] = []
    for index, jwk in enumerate(given, 1):
        try:
            key = read_key(jwk, algorithms)
        except BadKey as bad:
            skipped.append(f"key {index} {bad}")
        else:
            keys[key.digest] = known.get(key.digest, key)
    if not keys:
        reasons = f": {'; '.join(skipped)}" if skipped else ""
        raise IssuerDown(f"publishes no key that can be used{reasons}")
    return KeySet(tuple(keys.values()), tuple(skipped))


def end_lost_keys(before: KeySet | None, after: KeySet | None) -> None:
    """End what was verified by keys that are in the set no more."""
    left = set(before.keys if before else ()) - set(after.keys if after else ())
    for key in left:
        key.holds = False


def read_key(jwk: Any, algorithms: tuple[str, ...]) -> VerificationKey:
    """The public key that a published one is. Raises `BadKey`."""
    if not isinstance(jwk, dict):
        raise BadKey("is no object")
    kty, crv, kid = jwk.get("kty"), jwk.get("crv"), jwk.get("kid")
    if not isinstance(kty, str) or (crv is not None and not isinstance(crv, str)):
        raise BadKey("has no type that is known here")
    if kty == "oct":
        raise BadKey("is symmetric: whoever reads it can sign")
    if _PRIVATE & jwk.keys():
        raise BadKey("has private members: whoever reads it can sign")
    members, fitting = _KINDS.get((kty, crv if kty != "RSA" else None), ((), ()))
    if not fitting:
        raise BadKey("has no type that is known here")
    if kid is not None and not isinstance(kid, str):
        raise BadKey("has a kid that is no text")
    if "use" in jwk and jwk["use"] != "sig":
        raise BadKey("is not for signatures")
    if "key_ops" in jwk and not (isinstance(jwk["key_ops"], list) and "verify" in jwk["key_ops"]):
        raise BadKey("is not to verify with")
    algorithm = _algorithm(jwk, fitting, algorithms)
    public = {"kty": kty, **dict(_texts(jwk, members))}
    if kty == "RSA":
        _check_rsa(public["n"], public["e"])
    return VerificationKey(public, algorithm, kid)


def _algorithm(jwk: dict[str, Any], fitting: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    stated = jwk.get("alg")
    found = [each for each in wanted if each in fitting and stated in (None, each)]
    match found:
        case [one]:
            return one
        case []:
            raise BadKey("has an algorithm that the project does not name for this issuer")
        case _:
            raise BadKey(f"names no alg, and {' and '.join(found)} fit it")


def _texts(jwk: dict[str, Any], members: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in members:
        value = jwk.get(name)
        if not isinstance(value, str) or (name != "crv" and not decode_base64url(value)):
            raise BadKey(f"has no {name} that can be read")
        yield name, value


def _check_rsa(n: str, e: str) -> None:
    modulus, exponent = (int.from_bytes(decode_base64url(each) or b"") for each in (n, e))
    if modulus.bit_length() < _LEAST_RSA_BITS:
        raise BadKey(f"has fewer than {_LEAST_RSA_BITS} bits")
    if modulus.bit_length() > _MOST_RSA_BITS:
        raise BadKey(f"has more than {_MOST_RSA_BITS} bits")
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > _MOST_EXPONENT_BITS:
        raise BadKey("has an exponent that makes signatures worth nothing")
    if _is_roca(modulus):
        raise BadKey("is of a chip whose keys can be factored (CVE-2017-15361)")


def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, each, prime) for each in range(prime - 1))


# Primes of such keys are powers of 65537 modulo each of the first primes, and so are products of
# them. Another key passes all of these by chance once in 200 million.
_ROCA_MARKS: Final = {
    prime: _powers(prime)
    for prime in (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
}


def _is_roca(modulus: int) -> bool:
    return all(modulus % prime in powers for prime, powers in _ROCA_MARKS.items())
