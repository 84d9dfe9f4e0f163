"""No text that comes as a token raises anything, and none is good but what was signed."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bff.identity.jwt.keys import KeySet, read_key_set
from bff.identity.jwt.verification import Verified, verify_token
from bff.plan.model.identity import PublishedKeys, TokenIssuer
from tests.support.identity.tokens import ISSUER, NOW, claims, ec_key, encode

ISSUERS = {ISSUER: TokenIssuer(ISSUER, frozenset({"shop"}), ("ES256",), PublishedKeys(None), 30.0)}
GOOD = ec_key().sign(claims())
KEYS = read_key_set({"keys": [ec_key().jwk()]}, ("ES256",))

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
MEMBERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "iss", "aud", "exp", "nbf", "iat", "sub"])
    | st.text(max_size=4),
    JSON | st.sampled_from(["none", "ES256", "ec", "JWT", ISSUER, "shop", ["shop"], NOW + 9]),
)


def is_good(token: str, keys: KeySet | None = KEYS) -> bool:
    return isinstance(verify_token(token, ISSUERS, lambda name: keys, NOW), Verified)


@given(st.text(max_size=60) | st.text("aA0-_.=", max_size=60))
def test_any_text_is_decided(text: str) -> None:
    assert not is_good(text)


@given(st.integers(0, len(GOOD) - 1), st.text(min_size=0, max_size=2))
def test_changed_token_is_refused(at: int, put: str) -> None:
    changed = GOOD[:at] + put + GOOD[at + 1 :]
    assert is_good(changed) is (changed == GOOD)


@given(MEMBERS, JSON | MEMBERS)
def test_header_and_claims_of_any_json_are_decided_signed_or_not(header: Any, payload: Any) -> None:
    first, second = (encode(json.dumps(each).encode()) for each in (header, payload))
    assert not is_good(f"{first}.{second}.{'A' * 86}")
    signed = ec_key().sign_parts(first, second)
    assert not is_good(signed, None)
    if is_good(signed):
        assert header["alg"] == "ES256"
        assert payload["iss"] == ISSUER
        assert payload["exp"] > NOW - 30
