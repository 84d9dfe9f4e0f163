"""The issuer that the demo and the tests log in at keeps to the standards where they matter."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from examples.issuer.__main__ import ACCOUNTS, CLIENT_SECRET, clients_of
from examples.issuer.app import create_app
from examples.issuer.provider import Provider

ISSUER = "http://127.0.0.1:9104"
CALLBACK = "http://localhost:8080/bff/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
ASKED = {
    "client_id": "shop",
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "openid",
    "state": "s",
    "nonce": "n",
    "code_challenge": CHALLENGE.decode(),
    "code_challenge_method": "S256",
}


@pytest.fixture
def provider() -> Provider:
    return Provider(ISSUER, clients_of("http://localhost:8080"), ACCOUNTS)


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return create_app(provider).test_client()


def log_in(browser: FlaskClient, **changed: str) -> TestResponse:
    return browser.post(
        "/authorize",
        query_string=ASKED | changed,
        data={"name": "jana", "password": "jana"},
    )


def code_of(answer: TestResponse) -> str:
    assert answer.status_code == 303, answer.text
    return parse_qs(urlsplit(answer.location).query)["code"][0]


def redeem(browser: FlaskClient, code: str, **changed: str) -> TestResponse:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return browser.post("/token", data=form | changed, auth=("shop", CLIENT_SECRET))


def refresh(browser: FlaskClient, tokens: Any) -> TestResponse:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return browser.post("/token", data=form, auth=("shop", CLIENT_SECRET))


def test_login_leads_back_with_a_code_that_is_good_once(browser: FlaskClient) -> None:
    assert "Log in" in browser.get("/authorize", query_string=ASKED).text
    answer = log_in(browser)
    assert parse_qs(urlsplit(answer.location).query)["state"] == ["s"]
    code = code_of(answer)
    assert redeem(browser, code).status_code == 200
    assert redeem(browser, code).json["error"] == "invalid_grant"  # type: ignore[index]


def test_id_token_and_access_token_are_signed_by_the_published_key(
    provider: Provider, browser: FlaskClient
) -> None:
    tokens: Any = redeem(browser, code_of(log_in(browser))).json
    keys = jwt.PyJWKSet.from_dict(browser.get("/jwks").json or {})
    (key,) = keys.keys
    said = jwt.decode(tokens["id_token"], key, ["ES256"], audience="shop", issuer=ISSUER)
    assert (said["sub"], said["nonce"], said["roles"]) == ("92", "n", ["customer"])
    assert jwt.decode(tokens["access_token"], key, ["ES256"], audience="shop")["scope"] == "openid"
    assert jwt.get_unverified_header(tokens["access_token"])["typ"] == "at+jwt"


@pytest.mark.parametrize(
    "changed",
    [{"code_verifier": "w" * 43}, {"code_verifier": ""}, {"redirect_uri": "http://localhost:1/"}],
)
def test_code_with_another_verifier_or_address_is_refused(
    browser: FlaskClient, changed: dict[str, str]
) -> None:
    assert redeem(browser, code_of(log_in(browser)), **changed).status_code == 400


@pytest.mark.parametrize("changed", [{"code_challenge": ""}, {"code_challenge_method": "plain"}])
def test_login_without_pkce_leads_back_with_an_error(
    browser: FlaskClient, changed: dict[str, str]
) -> None:
    assert "error=invalid_request" in log_in(browser, **changed).location


def test_unknown_address_is_never_led_back_to(browser: FlaskClient) -> None:
    assert log_in(browser, redirect_uri="http://localhost:6666/").status_code == 400


def test_refresh_token_that_comes_again_ends_the_next_one_too(browser: FlaskClient) -> None:
    first: Any = redeem(browser, code_of(log_in(browser))).json
    second: Any = refresh(browser, first).json
    assert refresh(browser, first).status_code == 400
    assert refresh(browser, second).status_code == 400


def test_wrong_client_secret_is_refused(browser: FlaskClient) -> None:
    code = code_of(log_in(browser))
    form = {"grant_type": "authorization_code", "code": code, "client_id": "shop"}
    assert browser.post("/token", data=form).status_code == 401


def test_logout_ends_refresh_tokens_and_informs_each_client(provider: Provider) -> None:
    sid = provider.log_in("jana", "jana")
    assert sid is not None
    code = provider.give_code(
        provider.clients["shop"],
        sid,
        scope="openid",
        redirect_uri=CALLBACK,
        challenge=CHALLENGE.decode(),
        nonce=None,
    )
    tokens = provider.redeem_code(provider.clients["shop"], code, CALLBACK, VERIFIER)
    assert provider.sid_of(tokens["id_token"]) == sid
    assert provider.has_refresh_token(sid)
    ((address, token),) = provider.log_out(sid)
    assert address == "http://localhost:8080/bff/backchannel-logout"
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["sid"]) == ("92", sid)
    assert not provider.has_refresh_token(sid)
    assert provider.log_out(sid) == []
