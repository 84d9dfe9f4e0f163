"""Tokens: by which keys and in which form they are good, and that nothing else is (RFC 7519,
RFC 8725)."""

import json
from typing import Any

import pytest

from bff.identity.jwt.keys import KeySet, secret_key
from bff.identity.jwt.tokens import LONGEST_TOKEN
from bff.identity.jwt.verification import KeyMissing, Rejected, Verdict, Verified, verify_token
from bff.plan.model.identity import SharedSecret
from bff.secret import Secret
from tests.support.identity.tokens import (
    ISSUER,
    NOW,
    OTHER_ISSUER,
    SECRET,
    SigningKey,
    claims,
    ec_key,
    ed_key,
    encode,
    hmac_token,
    published,
    rsa_key,
    token_issuer,
    verdict_on,
)


@pytest.mark.parametrize("key", [rsa_key, ec_key, ed_key])
def test_token_of_a_named_issuer_audience_and_key_gives_its_claims_and_its_end(key: Any) -> None:
    found = verdict_on(key().sign(claims(roles=["admin"])))
    assert isinstance(found, Verified)
    assert found.claims["roles"] == ["admin"]
    assert found.until == NOW + 300
    assert found.key.kid == key().kid


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512"])
def test_every_algorithm_of_rsa_is_verified_by_its_own_key(algorithm: str) -> None:
    key = rsa_key("a", algorithm)
    keys = published(key, algorithms=(algorithm,))
    assert isinstance(verdict_on(key.sign(claims()), keys, algorithms=(algorithm,)), Verified)


@pytest.mark.parametrize("algorithm", ["ES384", "ES512"])
def test_every_curve_has_its_algorithm(algorithm: str) -> None:
    key = ec_key("a", algorithm)
    keys = published(key, algorithms=(algorithm,))
    assert isinstance(verdict_on(key.sign(claims()), keys, algorithms=(algorithm,)), Verified)


def with_secret(token: str, secret: str = SECRET) -> Verdict:
    keys = KeySet((secret_key(Secret(secret), "HS256"),))
    return verdict_on(token, keys, algorithms=("HS256",), keys=SharedSecret(Secret(secret)))


def test_shared_secret_verifies_its_issuers_tokens_whatever_key_they_name() -> None:
    assert isinstance(with_secret(hmac_token(claims(), SECRET.encode())), Verified)
    assert isinstance(with_secret(hmac_token(claims(), SECRET.encode(), kid="7")), Verified)
    assert isinstance(with_secret(hmac_token(claims(), b"another")), Rejected)


NONE_SPELLINGS = ["none", "None", "NONE", "nOnE", "none ", "", "null", None, 0, ["none"]]


@pytest.mark.parametrize("algorithm", NONE_SPELLINGS)
@pytest.mark.parametrize("signature", ["", "AA", "none"])
def test_unsigned_token_is_refused_however_it_spells_none(algorithm: Any, signature: str) -> None:
    header = encode({"alg": algorithm, "typ": "JWT", "kid": "ec"})
    found = verdict_on(f"{header}.{encode(claims())}.{signature}")
    assert isinstance(found, Rejected)


@pytest.mark.parametrize("algorithm", ["es256", "Es256", "ES256 ", "ES384", "RS256", "HS256"])
def test_algorithm_is_compared_to_the_character_and_with_that_of_the_key(algorithm: str) -> None:
    found = verdict_on(ec_key().sign(claims(), alg=algorithm))
    assert isinstance(found, Rejected | KeyMissing)


def test_public_key_is_no_secret_of_hmac() -> None:
    """Key confusion: the verifier's public key, in each form that a library might take, as the
    secret of HS256 (CVE-2016-5431 and its kind)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = rsa_key().private.public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(rsa_key().jwk()).encode(),
        rsa_key().jwk()["n"].encode(),
        b"",
    ]
    for form in forms:
        found = verdict_on(hmac_token(claims(), form, kid="rsa"))
        assert isinstance(found, Rejected)


@pytest.mark.parametrize(
    ("algorithm", "key"), [("PS256", rsa_key()), ("RS384", rsa_key()), ("RS256", rsa_key())]
)
def test_key_of_one_algorithm_verifies_no_other(algorithm: str, key: SigningKey) -> None:
    """One key one algorithm, though both are the issuer's and the signature is right."""
    named = ("RS256", "PS256", "RS384")
    keys = published(key, algorithms=named)
    token = SigningKey(algorithm, key.kid, key.private).sign(claims())
    found = verdict_on(token, keys, algorithms=named)
    assert isinstance(found, Verified if algorithm == key.algorithm else KeyMissing)


HEADERS = {
    "a key": {"jwk": rsa_key("own").jwk()},
    "an address of keys": {"jku": "https://evil.example/jwks.json"},
    "an address of certificates": {"x5u": "https://evil.example/cert.pem"},
    "certificates": {"x5c": ["MIIB"]},
    "extensions": {"crit": ["exp"], "exp": 1},
    "no extensions": {"crit": []},
    "an unencoded payload": {"b64": False, "crit": ["b64"]},
    "an encoded payload": {"b64": True},
    "encryption": {"enc": "A256GCM"},
    "compression": {"zip": "DEF"},
    "iterations": {"p2c": 2**31},
    "a kid that is a number": {"kid": 7},
    "a kid in a list": {"kid": ["ec"]},
    "a typ that is a number": {"typ": 7},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_rightly_signed_token_is_refused_that_brings(header: dict[str, Any]) -> None:
    found = verdict_on(ec_key().sign(claims(), **header))
    assert isinstance(found, Rejected)
    assert "in its header" in found.why or "no text" in found.why


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg": "ES256", "kid": "ec", "alg": "none"}',
        b'{"alg": "none", "alg": "ES256", "kid": "ec"}',
        b'{"alg": "ES256", "kid": "other", "kid": "ec"}',
        b'{"alg": "ES256", "kid": "ec", "x": NaN}',
        b'["ES256"]',
        b'"ES256"',
        b"",
    ],
)
def test_header_that_two_readers_could_read_differently_is_refused(header: bytes) -> None:
    found = verdict_on(ec_key().sign_parts(encode(header), encode(claims())))
    assert isinstance(found, Rejected)


@pytest.mark.parametrize(
    ("typ", "wanted", "good"),
    [
        ("JWT", None, True),
        ("jwt", None, True),
        ("at+jwt", None, True),
        ("application/at+JWT", None, True),
        (None, None, True),
        ("logout+jwt", None, False),
        ("dpop+jwt", None, False),
        ("secevent+jwt", None, False),
        ("JOSE", None, False),
        ("", None, False),
        ("at+jwt", "at+jwt", True),
        ("application/at+jwt", "at+jwt", True),
        ("JWT", "at+jwt", False),
        (None, "at+jwt", False),
    ],
)
def test_token_of_another_kind_is_refused_by_its_typ(
    typ: str | None, wanted: str | None, good: bool
) -> None:
    found = verdict_on(ec_key().sign(claims(), typ=typ), type=wanted)
    assert isinstance(found, Verified) is good


def test_key_is_named_to_the_character() -> None:
    for kid in ("EC", "ec ", "../../ec", "ec\x00", "' or 1=1 --", ""):
        assert isinstance(verdict_on(ec_key().sign(claims(), kid=kid)), KeyMissing)


def test_token_that_names_no_key_is_verified_where_exactly_one_fits() -> None:
    token = ec_key("one").sign(claims(), kid=None)
    assert isinstance(verdict_on(token, published(ec_key("one"), rsa_key())), Verified)
    both = verdict_on(token, published(ec_key("one"), ec_key("two")))
    assert isinstance(both, Rejected)
    assert isinstance(verdict_on(token, published(rsa_key())), KeyMissing)


def test_name_that_two_keys_have_names_none() -> None:
    keys = published(ec_key("same"), SigningKey("ES256", "same", ec_key("two").private))
    assert isinstance(verdict_on(ec_key("same").sign(claims()), keys), Rejected)


def test_token_is_verified_by_the_keys_of_its_own_issuer_alone() -> None:
    first, second = ec_key("one"), ec_key("two")
    sets = {ISSUER: published(first), OTHER_ISSUER: published(second)}
    both = {ISSUER: token_issuer(), OTHER_ISSUER: token_issuer(OTHER_ISSUER, algorithms=("ES256",))}

    def verdict(token: str) -> Verdict:
        return verify_token(token, both, sets.get, NOW)

    assert isinstance(verdict(first.sign(claims())), Verified)
    assert isinstance(verdict(second.sign(claims(iss=OTHER_ISSUER))), Verified)
    crossed = verdict(second.sign(claims(iss=ISSUER)))
    assert crossed == KeyMissing(ISSUER)
    stolen = SigningKey("ES256", "one", second.private).sign(claims())
    assert isinstance(verdict(stolen), Rejected)
    not_its_algorithm = verdict(rsa_key().sign(claims(iss=OTHER_ISSUER)))
    assert isinstance(not_its_algorithm, Rejected)


def _tampered(token: str) -> list[str]:
    header, payload, signature = token.split(".")
    other = encode(claims(sub="eve"))
    return [
        f"{header}.{other}.{signature}",
        f"{encode({'alg': 'ES256', 'kid': 'ec', 'x': 1})}.{payload}.{signature}",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}.{encode(bytes(64))}",
        f"{header}.{payload}.{encode(b'')}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{header}..{signature}",
        f".{payload}.{signature}",
        f"{header}.{payload}.{signature}.",
        f"{header}.{payload}.{signature}.{signature}",
        f"{header}.{payload}.{signature}=",
        f"{header}.{payload}.{signature}==",
        f" {token}",
        f"{token} ",
        f"{token}\n",
        token.replace(".", ".\n"),
        f"{header}.{payload}.{signature[:-1]}+",
        f"{header}.{payload}.{signature}é",
        f"{header}.{payload}.{signature}\x00",
        json.dumps({"protected": header, "payload": payload, "signature": signature}),
        f"{header}.{payload}.{signature}.a.b",
        "..",
        ".",
        "",
        "a.b.c",
    ]


def test_token_that_was_changed_anywhere_is_refused() -> None:
    good = ec_key().sign(claims())
    assert isinstance(verdict_on(good), Verified)
    for token in _tampered(good):
        assert isinstance(verdict_on(token), Rejected), token


def test_signature_has_one_spelling() -> None:
    """The last character of 64 bytes has four spare bits, which some decoders ignore."""
    token = ec_key().sign(claims())
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = alphabet.index(token[-1])
    assert isinstance(verdict_on(token[:-1] + alphabet[at ^ 1]), Rejected)


def test_token_of_the_longest_length_is_read_and_one_more_is_not() -> None:
    key = ec_key()
    short = len(key.sign(claims(pad="")))
    room = (LONGEST_TOKEN - short) * 3 // 4
    token = key.sign(claims(pad="x" * room))
    assert LONGEST_TOKEN - 4 <= len(token) <= LONGEST_TOKEN
    assert isinstance(verdict_on(token), Verified)
    found = verdict_on(key.sign(claims(pad="x" * (room + 6))))
    assert isinstance(found, Rejected)
    assert "8192 characters" in found.why
