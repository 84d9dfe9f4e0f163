"""Key sets that issuers publish: which of their keys are used, for what, and for how long."""

from typing import Any

import pytest

from bff.identity.issuers.requests import IssuerDown
from bff.identity.jwt.keys import (
    MOST_KEYS,
    BadKey,
    KeySet,
    end_lost_keys,
    read_key,
    read_key_set,
    secret_key,
)
from bff.identity.jwt.tokens import decode_base64url
from bff.secret import Secret
from tests.support.identity.tokens import SECRET, SigningKey, ec_key, ed_key, encode, rsa_key

ALL = ("RS256", "ES256", "ES384", "EdDSA")


def read(*keys: Any, algorithms: tuple[str, ...] = ALL, before: KeySet | None = None) -> KeySet:
    return read_key_set({"keys": list(keys)}, algorithms, before)


@pytest.mark.parametrize(
    ("jwk", "algorithms", "algorithm"),
    [
        (rsa_key().jwk(), ALL, "RS256"),
        (rsa_key().jwk(alg=None), ALL, "RS256"),
        (rsa_key().jwk(alg="PS256"), ("RS256", "PS256"), "PS256"),
        (ec_key().jwk(alg=None), ALL, "ES256"),
        (ec_key("k", "ES384").jwk(alg=None), ALL, "ES384"),
        (ed_key().jwk(alg=None), ALL, "EdDSA"),
        (ec_key().jwk(use=None), ALL, "ES256"),
        (ec_key().jwk(use=None, key_ops=["verify"]), ALL, "ES256"),
        (ec_key().jwk(x5c=["MII"], x5t="abc", nbf=1), ALL, "ES256"),
    ],
)
def test_key_has_the_algorithm_that_it_states_or_the_one_that_fits(
    jwk: dict[str, Any], algorithms: tuple[str, ...], algorithm: str
) -> None:
    assert read_key(jwk, algorithms).algorithm == algorithm


def _roca() -> dict[str, Any]:
    """A modulus with the mark of CVE-2017-15361: a power of 65537 modulo small primes."""
    product = 1
    for prime in (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157):
        product *= prime
    start = (1 << 2047) - (1 << 2047) % product
    modulus = start + pow(65537, 12345, product) + product
    return rsa_key().jwk(n=encode(modulus.to_bytes(256)))


def _exponent(exponent: int) -> dict[str, Any]:
    return rsa_key().jwk(e=encode(exponent.to_bytes((exponent.bit_length() + 7) // 8)))


UNUSED = {
    "no object": (7, "is no object"),
    "no type": (ec_key().jwk(kty=None), "no type that is known"),
    "type that is a list": (ec_key().jwk(kty=["EC"]), "no type that is known"),
    "another type": (ec_key().jwk(kty="ML-DSA"), "no type that is known"),
    "another curve": (ec_key().jwk(crv="secp256k1"), "no type that is known"),
    "curve of another type": (ec_key().jwk(crv="Ed25519"), "no type that is known"),
    "symmetric": ({"kty": "oct", "k": encode(b"x" * 32), "alg": "HS256"}, "is symmetric"),
    "private RSA": (rsa_key().jwk(d="AQAB"), "has private members"),
    "private EC": (ec_key().jwk(d="AQAB"), "has private members"),
    "primes alone": (rsa_key().jwk(p="AQAB"), "has private members"),
    "for encryption": (rsa_key().jwk(use="enc"), "not for signatures"),
    "use that is a list": (rsa_key().jwk(use=["sig"]), "not for signatures"),
    "to sign with": (rsa_key().jwk(key_ops=["sign"]), "not to verify with"),
    "operations in a text": (rsa_key().jwk(key_ops="verify"), "not to verify with"),
    "algorithm that is not named": (rsa_key().jwk(alg="RS512"), "does not name"),
    "algorithm of another type": (rsa_key().jwk(alg="ES256"), "does not name"),
    "algorithm of another curve": (ec_key().jwk(alg="ES384"), "does not name"),
    "algorithm in another case": (rsa_key().jwk(alg="rs256"), "does not name"),
    "algorithm of encryption": (rsa_key().jwk(alg="RSA-OAEP"), "does not name"),
    "algorithm that is a number": (rsa_key().jwk(alg=7), "does not name"),
    "kid that is a number": (ec_key().jwk(kid=7), "a kid that is no text"),
    "no modulus": (rsa_key().jwk(n=None), "no n that can be read"),
    "modulus with padding": (rsa_key().jwk(n="AQAB=="), "no n that can be read"),
    "empty modulus": (rsa_key().jwk(n=""), "no n that can be read"),
    "half a point": (ec_key().jwk(y=None), "no y that can be read"),
    "point off the curve": (ec_key().jwk(y=encode(b"\x01" * 32)), "no EC key that can be read"),
    "short point": (ed_key().jwk(x=encode(b"\x01" * 31)), "no OKP key that can be read"),
    "short modulus": (rsa_key("k", "RS256", 1024).jwk(), "fewer than 2048 bits"),
    "long modulus": (rsa_key().jwk(n=encode(b"\xff" * 1025)), "more than 8192 bits"),
    "exponent of one": (_exponent(1), "signatures worth nothing"),
    "even exponent": (_exponent(65536), "signatures worth nothing"),
    "long exponent": (_exponent(2**64 + 1), "signatures worth nothing"),
    "weak by its chip": (_roca(), "can be factored"),
}


@pytest.mark.parametrize(("jwk", "why"), UNUSED.values(), ids=UNUSED)
def test_key_is_not_used_that_is(jwk: Any, why: str) -> None:
    with pytest.raises(BadKey, match=why):
        read_key(jwk, ALL)


def test_key_that_two_algorithms_fit_is_not_used() -> None:
    with pytest.raises(BadKey, match="names no alg, and RS256 and PS256 fit it"):
        read_key(rsa_key().jwk(alg=None), ("RS256", "PS256"))


def test_bad_keys_do_no_harm_to_the_others_of_their_set() -> None:
    found = read(7, ec_key().jwk(), rsa_key().jwk(use="enc"), ec_key().jwk())
    assert [(each.kid, each.algorithm) for each in found.keys] == [("ec", "ES256")]
    assert found.skipped == ("key 1 is no object", "key 3 is not for signatures")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (None, "no key set"),
        ([], "no key set"),
        ({}, "no key set"),
        ({"keys": {}}, "no key set"),
        ({"keys": []}, "no key that can be used$"),
        ({"keys": [7, 8]}, "no key that can be used: key 1 is no object; key 2 is no object"),
        ({"keys": [7] * (MOST_KEYS + 1)}, f"more than {MOST_KEYS} keys"),
    ],
)
def test_set_without_a_usable_key_is_none(document: Any, why: str) -> None:
    with pytest.raises(IssuerDown, match=why):
        read_key_set(document, ALL)


def test_key_that_stays_is_the_same_and_one_that_leaves_holds_no_more() -> None:
    first = read(ec_key("old").jwk(), rsa_key("stays").jwk())
    second = read(rsa_key("stays").jwk(), ec_key("new").jwk(), before=first)
    old, stays = first.keys
    assert second.keys[0] is stays
    end_lost_keys(first, second)
    assert (old.holds, stays.holds) == (False, True)
    end_lost_keys(second, None)
    assert not stays.holds


def test_key_under_a_known_name_that_is_another_is_another() -> None:
    first = read(ec_key("same").jwk())
    second = read(SigningKey("ES256", "same", ec_key("two").private).jwk(), before=first)
    end_lost_keys(first, second)
    assert not first.keys[0].holds
    assert second.keys[0].holds


@pytest.mark.parametrize(
    ("algorithm", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)]
)  # fmt: skip
def test_secret_is_as_long_as_its_hash(algorithm: str, least: int) -> None:
    assert secret_key(Secret("x" * least), algorithm).algorithm == algorithm
    for short in ("", "x" * (least - 1)):
        with pytest.raises(BadKey):
            secret_key(Secret(short), algorithm)


def test_secret_is_no_key_pair() -> None:
    with pytest.raises(BadKey, match="RS256 has key pairs"):
        secret_key(Secret(SECRET), "RS256")


def test_key_shows_nothing_of_a_secret() -> None:
    assert SECRET not in repr(secret_key(Secret(SECRET), "HS256"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", b""),
        ("AA", b"\0"),
        ("_-8", b"\xff\xef"),
        ("AB", None),  # spare bits
        ("A", None),
        ("AA=", None),
        ("AA==", None),
        ("+/8", None),
        ("A A", None),
        ("AA\n", None),
        ("é", None),
    ],
)
def test_base64url_has_one_spelling(text: str, value: bytes | None) -> None:
    assert decode_base64url(text) == value
