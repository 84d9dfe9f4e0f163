"""Wycheproof's vectors: those in the folder that `WYCHEPROOF_VECTORS` names, and some of our own in
the same form, always."""

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.identity.tokens import SECRET, SigningKey, ec_key, encode, rsa_key
from tests.wycheproof import (
    OTHERWISE,
    VARIABLE,
    Vector,
    is_accepted,
    is_expected,
    main,
    read_vectors,
)

FOLDER = os.environ.get(VARIABLE)


@pytest.mark.skipif(FOLDER is None, reason=f"{VARIABLE} names no folder")
def test_vectors_of_wycheproof_are_judged_as_they_should_be() -> None:
    vectors = list(read_vectors(Path(FOLDER or "")))
    assert len(vectors) > 400
    assert [each for each in vectors if not is_expected(each)] == []
    for each in vectors:
        known = OTHERWISE.get(each.file, {}).get(each.number)
        assert known is None or known[0] is not each.valid, "no exception is needed"


def _oct(kid: str = "secret", text: str = SECRET) -> dict[str, Any]:
    return {"kty": "oct", "alg": "HS256", "use": "sig", "kid": kid, "k": encode(text.encode())}


def _hs256(kid: str) -> str:
    text = f"{encode({'alg': 'HS256', 'kid': kid})}.{encode(b'foo')}"
    return f"{text}.{encode(hmac.digest(SECRET.encode(), text.encode(), hashlib.sha256))}"


def _groups() -> list[tuple[dict[str, Any], list[tuple[Any, bool]]]]:
    """Keys, and texts with whether they are good under them."""
    ec, rsa = ec_key(), rsa_key()
    good = ec.sign(b"foo")
    header, payload, signature = good.split(".")
    pss = SigningKey("PS256", "rsa", rsa.private)
    return [
        (
            {"public": ec.jwk(), "private": {}},
            [
                (good, True),
                (ec.sign(b""), True),
                (ec.sign(bytes(20)), True),
                (f"{header}.{payload}.", False),
                (f"{header}.{payload}", False),
                (f"{header}.{payload}.A{signature[1:]}A", False),
                (f"{header}.{payload}.{encode(bytes(64))}", False),
                (f"{header}.{encode(b'bar')}.{signature}", False),
                (f"{header}.{payload}.{signature}==", False),
                (f"{encode({'alg': 'none', 'kid': 'ec'})}.{payload}.", False),
                (rsa.sign(b"foo", kid="ec"), False),
                ({"protected": header, "payload": payload, "signature": signature}, False),
            ],
        ),
        ({"public": rsa.jwk()}, [(rsa.sign(b"foo"), True), (pss.sign(b"foo"), False)]),
        ({"public": rsa.jwk(use="enc")}, [(rsa.sign(b"foo"), False)]),
        ({"public": rsa.jwk(key_ops=["encrypt"])}, [(rsa.sign(b"foo"), False)]),
        ({"public": ec.jwk(alg="ES521")}, [(good, False)]),
        ({"public": {"keys": [ec.jwk(), rsa.jwk()]}}, [(good, True), (rsa.sign(b""), True)]),
        ({"public": {"keys": [ec.jwk(), ec.jwk(use="enc")]}}, [(good, True)]),
        ({"private": _oct()}, [(_hs256("secret"), True), (_hs256("other"), False)]),
        ({"private": {"keys": [_oct("a"), _oct("b")]}}, [(_hs256("a"), True)]),
        ({"private": {"keys": [_oct(), _oct(text="x" * 40)]}}, [(_hs256("secret"), False)]),
        ({"private": {"keys": [_oct(), ec.jwk()]}}, [(_hs256("secret"), False), (good, True)]),
        ({"private": _oct(text="short")}, [(_hs256("secret"), False)]),
        ({"private": _oct() | {"alg": "A256GCM"}}, [(_hs256("secret"), False)]),
    ]


def _write(folder: Path) -> None:
    number, groups = 1000, []
    for keys, texts in _groups():
        tests = []
        for text, good in texts:
            number += 1
            result = "valid" if good else "invalid"
            tests.append({"tcId": number, "comment": "own", "jws": text, "result": result})
        groups.append({**keys, "tests": [*tests, {"tcId": 0, "comment": "", "jwe": "a.b.c.d.e"}]})
    text = json.dumps({"testGroups": groups})
    (folder / "json_web_signature_test.json").write_text(text)


def test_vectors_of_our_own_are_judged_as_they_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path)
    wrong = [each for each in read_vectors(tmp_path) if is_accepted(each) is not each.valid]
    assert wrong == []
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert main() == 0
    assert "0 wrong." in capsys.readouterr().out


def test_vector_that_is_judged_wrongly_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = [{"tcId": 9, "comment": "lie", "jws": ec_key().sign(b"foo"), "result": "invalid"}]
    text = json.dumps({"testGroups": [{"public": ec_key().jwk(), "tests": tests}]})
    (tmp_path / "json_web_key_test.json").write_text(text)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert main() == 1
    assert "json_web_key_test.json 9 (lie): should be invalid" in capsys.readouterr().out
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    assert main() == 2


def test_stricter_judgement_is_named_with_its_reason() -> None:
    vector = Vector("json_web_signature_test.json", 346, "", ec_key().jwk(), "a.b.c", True)
    assert is_expected(vector)
