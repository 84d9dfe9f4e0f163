"""Tokens: which are good, and that nothing else is (RFC 7519, RFC 8725)."""

import json
from typing import Any

import pytest

from bff.identity.jwt.keys import KeySet, read_key_set, secret_key
from bff.identity.jwt.tokens import LONGEST_TOKEN
from bff.identity.jwt.verification import KeyMissing, Rejected, Verdict, Verified, verify_token
from bff.plan.model.jwt import PublishedKeys, SharedSecret, TokenIssuer
from bff.secret import Secret
from tests.support.tokens import (
    ISSUER,
    NOW,
    SECRET,
    SigningKey,
    claims,
    ec_key,
    ed_key,
    encode,
    hmac_token,
    rsa_key,
)

ALGORITHMS = ("RS256", "ES256", "EdDSA")
OTHER = "https://other.example"
DEEP = b"[" * 2000 + b"]" * 2000


def issuer(name: str = ISSUER, **members: Any) -> TokenIssuer:
    usual: dict[str, Any] = {
        "audience": frozenset({"shop", "api"}),
        "algorithms": ALGORITHMS,
        "keys": PublishedKeys("https://id.example/jwks.json"),
        "leeway_seconds": 30.0,
    }
    return TokenIssuer(name, **{**usual, **members})


def published(*keys: SigningKey, algorithms: tuple[str, ...] = ALGORITHMS) -> KeySet:
    return read_key_set({"keys": [each.jwk() for each in keys]}, algorithms)


def verdict_on(
    token: str, key_set: KeySet | None = None, now: float = NOW, **members: Any
) -> Verdict:
    one = issuer(**members)
    found = key_set or published(rsa_key(), ec_key(), ed_key())
    return verify_token(token, {ISSUER: one}, lambda name: found, now)


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


GOOD_CLAIMS = {
    "audience in a list": {"aud": ["other", "shop"]},
    "the other audience": {"aud": "api"},
    "end that passed within the leeway": {"exp": NOW - 29},
    "end with a fraction": {"exp": NOW + 0.5},
    "begin within the leeway": {"nbf": NOW + 29},
    "issued within the leeway, by a clock that is ahead": {"iat": NOW + 29},
    "no time of issue": {"iat": None},
    "no subject": {"sub": None},
    "the address of another within a subject": {"sub": "a@x@y"},
}


@pytest.mark.parametrize("members", GOOD_CLAIMS.values(), ids=GOOD_CLAIMS)
def test_token_is_good_with(members: dict[str, Any]) -> None:
    assert isinstance(verdict_on(ec_key().sign(claims(**members))), Verified)


BAD_CLAIMS = {
    "no issuer": ({"iss": None}, "no issuer that the project names"),
    "another issuer": ({"iss": OTHER}, "no issuer that the project names"),
    "issuer with a slash more": ({"iss": ISSUER + "/"}, "no issuer that the project names"),
    "issuer in another case": ({"iss": "https://ID.example"}, "no issuer that the project names"),
    "issuer in a list": ({"iss": [ISSUER]}, "no issuer that the project names"),
    "no audience": ({"aud": None}, "no aud that is a text"),
    "another audience": ({"aud": "shops"}, "another audience"),
    "audience in another case": ({"aud": "Shop"}, "another audience"),
    "no audience in a list": ({"aud": []}, "another audience"),
    "audience that holds the name": ({"aud": {"shop": 1}}, "no aud that is a text"),
    "audience with a number": ({"aud": ["shop", 7]}, "no aud that is a text"),
    "no end": ({"exp": None}, "has no exp"),
    "end that passed": ({"exp": NOW - 30}, "has expired"),
    "end as a text": ({"exp": str(NOW + 300)}, "exp that is no number"),
    "end that is true": ({"exp": True}, "exp that is no number"),
    "end beyond numbers": ({"exp": 10**400}, "exp that is no time"),
    "begin to come": ({"nbf": NOW + 31}, "not good yet, by its nbf"),
    "begin as a text": ({"nbf": "0"}, "nbf that is no number"),
    "issued to come": ({"iat": NOW + 31}, "not good yet, by its iat"),
    "subject that is a number": ({"sub": 7}, "sub that is no text"),
    "half an emoji": ({"name": "\ud83d"}, "no JSON"),
}


@pytest.mark.parametrize(("members", "why"), BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_token_is_refused_with(members: dict[str, Any], why: str) -> None:
    found = verdict_on(ec_key().sign(claims(**members)))
    assert isinstance(found, Rejected)
    assert why in found.why


@pytest.mark.parametrize("name", ["exp", "nbf", "iat", "aud", "sub", "iss"])
def test_claim_that_is_null_is_no_absent_one(name: str) -> None:
    assert isinstance(verdict_on(ec_key().sign({**claims(), name: None})), Rejected)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"iss": "https://id.example", "aud": "shop", "exp": 1, "exp": 9999999999}',
        b'{"iss": "https://id.example", "aud": "shop", "exp": 9999999999, "sub": "a", "sub": "b"}',
        b'{"iss": "https://id.example", "aud": "shop", "exp": 9999999999, "a": {"b": 1, "b": 2}}',
        b'{"iss": "https://id.example", "aud": "shop", "exp": 9999999999, "a": "b", "\\u0061": 1}',
        b'{"iss": "https://id.example", "aud": "shop", "exp": 1e999}',
        b'{"iss": "https://id.example", "aud": "shop", "exp": 9999999999, "a": Infinity}',
        b'{"iss": "https://id.example", "aud": "shop", "exp": 9999999999, "a": "\xff"}',
        b'{"iss": "https://id.example", "aud": "shop", "exp": 9999999999, "a": ' + DEEP + b"}",
        b"[]",
        b"null",
        b"",
    ],
)  # fmt: skip
def test_payload_that_two_readers_could_read_differently_is_refused(payload: bytes) -> None:
    header = encode({"alg": "ES256", "kid": "ec"})
    found = verdict_on(ec_key().sign_parts(header, encode(payload) or ""))
    assert isinstance(found, Rejected)


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
    sets = {ISSUER: published(first), OTHER: published(second)}
    both = {ISSUER: issuer(), OTHER: issuer(OTHER, algorithms=("ES256",))}

    def verdict(token: str) -> Verdict:
        return verify_token(token, both, sets.get, NOW)

    assert isinstance(verdict(first.sign(claims())), Verified)
    assert isinstance(verdict(second.sign(claims(iss=OTHER))), Verified)
    crossed = verdict(second.sign(claims(iss=ISSUER)))
    assert crossed == KeyMissing(ISSUER)
    stolen = SigningKey("ES256", "one", second.private).sign(claims())
    assert isinstance(verdict(stolen), Rejected)
    not_its_algorithm = verdict(rsa_key().sign(claims(iss=OTHER)))
    assert isinstance(not_its_algorithm, Rejected)


def test_keys_that_are_not_there_yet_are_missing_and_bad_claims_do_not_ask_for_them() -> None:
    def verdict(token: str) -> Verdict:
        return verify_token(token, {ISSUER: issuer()}, lambda name: None, NOW)

    assert verdict(ec_key().sign(claims())) == KeyMissing(ISSUER)
    assert isinstance(verdict(ec_key().sign(claims(exp=1))), Rejected)
    assert isinstance(verdict(ec_key().sign(claims(aud="other"))), Rejected)


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
