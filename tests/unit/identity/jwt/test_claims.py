"""Claims of tokens: which are good, and that nothing else is (RFC 7519, RFC 8725)."""

from typing import Any

import pytest

from bff.identity.jwt.verification import KeyMissing, Rejected, Verdict, Verified, verify_token
from tests.support.identity.tokens import (
    ISSUER,
    NOW,
    OTHER_ISSUER,
    claims,
    ec_key,
    encode,
    token_issuer,
    verdict_on,
)

DEEP = b"[" * 2000 + b"]" * 2000
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
    "another issuer": ({"iss": OTHER_ISSUER}, "no issuer that the project names"),
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


def test_keys_that_are_not_there_yet_are_missing_and_bad_claims_do_not_ask_for_them() -> None:
    def verdict(token: str) -> Verdict:
        return verify_token(token, {ISSUER: token_issuer()}, lambda name: None, NOW)

    assert verdict(ec_key().sign(claims())) == KeyMissing(ISSUER)
    assert isinstance(verdict(ec_key().sign(claims(exp=1))), Rejected)
    assert isinstance(verdict(ec_key().sign(claims(aud="other"))), Rejected)
