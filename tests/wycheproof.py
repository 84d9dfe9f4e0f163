"""The JWS and JWK vectors of Wycheproof, through the verifier: `make wycheproof VECTORS=FOLDER`.

The folder is the vectors' own (`testvectors_v1`), which stays outside of this repository. Vectors
of encryption are left out: the gateway decrypts no tokens.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bff.identity.issuers.requests import IssuerDown
from bff.identity.jwt.keys import BadKey, KeySet, VerificationKey, read_key_set
from bff.identity.jwt.tokens import BadToken
from bff.identity.jwt.verification import verify_signature

FILES = ("json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json")
VARIABLE = "WYCHEPROOF_VECTORS"
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip

# Where the verifier means to judge otherwise: whether it takes the text, and why.
_OTHER_ALG = (False, "the key's alg is another, and one key has one algorithm")
_NO_ALG = (False, "the key's alg, ES521, is no algorithm")
_ALPHABET = (False, "a question mark is no character of base64url (RFC 7515 §2)")
_SAME = (True, "the same text, to the character, is vector 357, which is valid")
OTHERWISE = {
    "json_web_signature_test.json": {
        346: _OTHER_ALG, 350: _OTHER_ALG, 347: _NO_ALG, 351: _NO_ALG,
        372: _ALPHABET, 373: _ALPHABET, 367: _SAME, 370: _SAME,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Vector:
    """A signed text, and whether it is good under the group's keys."""

    file: str
    number: int
    comment: str
    keys: dict[str, Any]
    text: str
    valid: bool


def read_vectors(folder: Path) -> Iterator[Vector]:
    """Every vector of a signature in the files of the folder that are there."""
    for file in FILES:
        path = folder / file
        if not path.exists():
            continue
        for group in json.loads(path.read_text())["testGroups"]:
            keys = group.get("public", group.get("private"))
            for test in group["tests"]:
                if "jws" in test:
                    good = test["result"] == "valid"
                    text = test["jws"]
                    text = text if isinstance(text, str) else json.dumps(text)
                    yield Vector(file, test["tcId"], test["comment"], keys, text, good)


def is_accepted(vector: Vector) -> bool:
    """Whether the verifier takes the text under these keys."""
    try:
        verify_signature(vector.text, _keys_of(vector.keys))
    except (BadToken, BadKey, IssuerDown):
        return False
    return True


def is_expected(vector: Vector) -> bool:
    """Whether the verifier judges as the vectors do, or as it means to."""
    wanted, _ = OTHERWISE.get(vector.file, {}).get(vector.number, (vector.valid, ""))
    return is_accepted(vector) is wanted


def _keys_of(given: dict[str, Any]) -> KeySet:
    """The keys as the project would have them: published ones, or secrets of its own."""
    members = given.get("keys", [given])
    if all(each.get("kty") == "oct" for each in members):
        return KeySet(tuple(_secret(each) for each in members))
    return read_key_set({"keys": members}, ALGORITHMS)


def _secret(jwk: dict[str, Any]) -> VerificationKey:
    if jwk["alg"] not in ("HS256", "HS384", "HS512") or jwk.get("use") != "sig":
        raise BadKey("is no key of HMAC")
    return VerificationKey({"kty": "oct", "k": jwk["k"]}, jwk["alg"], jwk.get("kid"))


def main() -> int:
    """Run all of them; the status is 1 where one is judged otherwise, and 2 where there is none."""
    folder = Path(os.environ.get(VARIABLE, ""))
    vectors = list(read_vectors(folder))
    wrong = [each for each in vectors if not is_expected(each)]
    for each in wrong:
        wanted = "valid" if each.valid else "invalid"
        print(f"{each.file} {each.number} ({each.comment}): should be {wanted}")
    otherwise = sum(each.number in OTHERWISE.get(each.file, {}) for each in vectors)
    print(f"{len(vectors)} vectors, {otherwise} judged otherwise on purpose, {len(wrong)} wrong.")
    if not vectors:
        print(f"no vectors in '{folder}': name the folder testvectors_v1 in {VARIABLE}")
        return 2
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
