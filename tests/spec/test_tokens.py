"""Tokens in requests, over every host: who is let in, and that a refusal repeats nothing."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bff.settings import Settings
from tests.support.gateway.hosts import HOSTS, Answer, Host, serving
from tests.support.identity.issuers import stand_in_issuer
from tests.support.identity.tokens import claims, ec_key, encode, hmac_token, rsa_key
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

COMPOSITIONS = {
    "open": """
        endpoint: GET /open
        access: public
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        """,
    "members": """
        endpoint: GET /members
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        cache: {ttl: 5m}
        """,
    "mine": """
        endpoint: GET /mine
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        response: {who: '${claims.sub}', of: '${claims.iss}', name: '${user.firstName}'}
        cache: {ttl: 5m}
        """,
}
GATEWAY = """
    defaults: {{access: authenticated}}
    identity:
      jwt:
        - {{issuer: "{up}", audience: [shop], algorithms: [ES256, RS256], keys: "{up}/jwks.json"}}
        - {{issuer: "{other}", audience: [shop], algorithms: [ES256], discovery: true}}
        - {{issuer: "{down}", audience: [shop], algorithms: [ES256], keys: "{down}/jwks.json"}}
    """


@dataclass
class Served:
    host: Host
    up: str
    other: str
    down: str
    upstream: WireServer

    def get(self, target: str, *values: str) -> Answer:
        return self.host.request("GET", target, [("Authorization", each) for each in values])

    def token(self, key: Any = None, **members: Any) -> str:
        given = {"exp": time.time() + 300, "iat": time.time(), "iss": self.up, **members}
        return (key or ec_key()).sign(claims(**given))


@pytest.fixture(scope="module", params=HOSTS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    with (
        stand_in_issuer() as up,
        stand_in_issuer() as other,
        WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream,
    ):
        up.publish(ec_key().jwk(), rsa_key().jwk())
        other.publish(ec_key("second").jwk())
        down = "http://127.0.0.1:1"
        folder = write_project(
            tmp_path_factory.mktemp("tokens"),
            COMPOSITIONS,
            services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)},
            gateway=GATEWAY.format(up=up.url, other=other.url, down=down),
        )
        settings = Settings(log_level="error")
        with serving(request.param, folder, settings=settings) as host:
            yield Served(host, up.url, other.url, down, upstream)


def calls(served: Served) -> int:
    return len(served.upstream.requests)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEaReR   "])
def test_scheme_is_read_in_any_case_with_one_blank_or_more(served: Served, scheme: str) -> None:
    answer = served.get("/mine", scheme + served.token())
    assert answer.status == 200
    assert answer.json() == {"who": "ann", "of": served.up, "name": "Ann"}


def test_token_of_a_known_caller_gets_what_is_cached_and_costs_no_call(served: Served) -> None:
    token = f"Bearer {served.token(rsa_key())}"
    assert served.get("/members", token).status == 200
    before = calls(served)
    for _ in range(3):
        assert served.get("/members", token).status == 200
    assert calls(served) == before


def test_same_subject_of_two_issuers_is_two_callers(served: Served) -> None:
    first = served.token()
    second = served.token(ec_key("second"), iss=served.other)
    for token, issuer in ((first, served.up), (second, served.other)) * 2:
        assert served.get("/mine", f"Bearer {token}").json()["of"] == issuer


def _attacks(served: Served) -> dict[str, str]:
    """Confused algorithms and keys, `none`, and tokens that are broken: named by what is wrong."""
    good = served.token()
    header, payload, signature = good.split(".")
    stated = {"iss": served.up, "aud": "shop", "sub": "eve", "exp": time.time() + 300}
    public = str(rsa_key().jwk()).encode()
    return {
        "empty": "",
        "no token": "x",
        "no signature": f"{header}.{payload}.",
        "two parts": f"{header}.{payload}",
        "padding": f"{good}=",
        "another signature": f"{header}.{payload}.{encode(bytes(64))}",
        "other claims": f"{header}.{encode(stated)}.{signature}",
        "blank within": f"{header} {payload}",
        "none": f"{encode({'alg': 'none'})}.{encode(stated)}.",
        "None": f"{encode({'alg': 'None'})}.{encode(stated)}.AA",
        "public key as a secret": hmac_token(stated, public, kid="rsa"),
        "empty secret": hmac_token(stated, b"", kid="rsa"),
        "another algorithm": rsa_key().sign(stated, alg="PS256"),
        "key of another issuer": ec_key("second").sign(stated),
        "unknown key": ec_key("unknown").sign(stated),
        "key in the header": ec_key("own").sign(stated, jwk=ec_key("own").jwk()),
        "expired": served.token(exp=1),
        "another audience": served.token(aud="other"),
        "another issuer": served.token(iss="https://evil.example"),
        "too long": served.token(pad="x" * 9000),
        "of an issuer that is down, and bad": served.token(iss=served.down, exp=1),
    }


def test_bad_token_is_refused_with_the_same_words_whatever_is_wrong_with_it(
    served: Served,
) -> None:
    served.get("/members", f"Bearer {served.token()}")
    before = calls(served)
    refusals = set()
    for what, token in _attacks(served).items():
        for target in ("/members", "/mine"):
            answer = served.get(target, f"Bearer {token}")
            assert answer.status == 401, what
            problem = answer.json()
            assert len(token) < 2 or token not in answer.body.decode()
            refusals.add((answer.header("www-authenticate"), problem["reason"], problem["detail"]))
    assert len(refusals) == 1
    ((challenge, reason, _),) = refusals
    assert reason == "invalid_token"
    assert 'error="invalid_token"' in (challenge or "")
    assert calls(served) == before


def test_two_tokens_in_one_request_are_refused_also_with_the_key_set_away(
    served: Served,
) -> None:
    good, away = served.token(), served.token(iss=served.down)
    for first, second in ((good, good), (good, away), (away, good), (away, away), (good, "x")):
        answer = served.get("/members", f"Bearer {first}", f"Bearer {second}")
        assert answer.status == 400, (first, second)
        joined = served.get("/members", f"Bearer {first}, bearer {second}")
        assert joined.status == 400
    assert served.get("/members", f"Bearer {good},{good}").status == 401


def test_key_set_that_never_came_is_503_and_public_screens_are_served(served: Served) -> None:
    answer = served.get("/members", f"Bearer {served.token(iss=served.down)}")
    assert answer.status == 503
    assert int(answer.header("retry-after") or 0) > 0
    assert served.get("/open").status == 200
    assert served.get("/open", f"Bearer {served.token(iss=served.down)}").status == 200
    assert served.get("/members", f"Bearer {served.token()}").status == 200


def test_request_without_a_token_is_refused_without_an_error_and_other_schemes_are_nobodys(
    served: Served,
) -> None:
    for values in ((), ("Basic YTpi",), ("Bearerx y",)):
        answer = served.get("/members", *values)
        assert answer.status == 401
        challenge = answer.header("www-authenticate") or ""
        assert challenge.startswith("Bearer")
        assert "error" not in challenge


def test_token_in_the_query_or_in_a_cookie_is_not_read(served: Served) -> None:
    token = served.token()
    assert served.get(f"/members?access_token={token}").status in (400, 401)
    cookie = [("Cookie", f"token={token}; Authorization=Bearer {token}")]
    assert served.host.request("GET", "/members", cookie).status == 401
