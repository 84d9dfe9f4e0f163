"""Who is admitted, and in which order that is asked: credentials, roles and scopes, params, the
condition, the body. Every host; callers who are known at once, and those who take waiting."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bff.identity.ports import Claims
from bff.identity.provider import (
    BearerToken,
    ConfiguredProvider,
    CredentialKindReader,
    KeyHeader,
)
from bff.plan.model.identity import IdentityPlan
from bff.settings import Settings
from tests.support.gateway.hosts import HOSTS, Answer, Host, serving
from tests.support.identity.callers import Credentials, bearer
from tests.support.projects import SHOP_SCHEMAS, SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

PAGE = "https://shop.example"
SCHEMA = """
from pydantic import BaseModel


class Claims(BaseModel):
    sub: str
    tenant: str | None = None
"""
USER = "steps: {user: {call: shop.get_user, with: {id: 1}}}\n"
OWN = 'access: {when: "${claims.sub == to_string(params.user_id)}"}\n'
TENANT = (
    'access: {when: "${claims.tenant && params.tenant && claims.tenant == params.tenant}"}\n'
    "params: {tenant: {in: query, type: string, required: false}}\n"
)
COMPOSITIONS = {
    "public": f"endpoint: GET /public\naccess: public\n{USER}",
    "denied": f"endpoint: GET /denied\n{USER}cache: {{ttl: 5m}}\n",
    "plain": f"endpoint: GET /plain\naccess: authenticated\n{USER}",
    "staff": f"endpoint: GET /staff\naccess: {{roles: {{any: [support, admin]}}}}\n"
    f"params: {{page: {{in: query, type: integer}}}}\n{USER}",
    "orders": f"endpoint: GET /orders\naccess: {{scopes: {{all: [orders.read]}}}}\n{USER}",
    "own": f"endpoint: GET /own/{{user_id}}\n{OWN}params: {{user_id: {{type: integer}}}}\n"
    f"{USER}cache: {{ttl: 5m, scope: public}}\n",
    "tenant": f"endpoint: GET /tenant\n{TENANT}{USER}",
    "buy": f"endpoint: POST /buy/{{user_id}}\n{OWN}params: {{user_id: {{type: integer}},"
    " quantity: {in: query, type: integer, default: 1}, note: {type: string}}\n"
    "steps: {order: {call: shop.create_order, with: {user_id: 1, note: '${params.note}'}}}\n",
}
GATEWAY = f"""
cors: {{origins: ["{PAGE}"]}}
identity: {{claims: 'schemas.auth:Claims'}}
routes:
  /raw: {{service: shop, access: authenticated}}
  /staff-only: {{service: shop, access: {{roles: {{all: [support, admin]}}}}}}
  /vips: {{service: shop, access: {{when: "${{claims.sub == 'ann'}}"}}}}
  /nowhere: {{service: shop}}
"""
REPLY = '{"id": 1, "first_name": "Ann", "total": 1.5, "items": []}'


def claims_of(sub: str, **more: object) -> Claims:
    return Claims("token", {"sub": sub, **more}, sub, "https://id.example")


KNOWN = {
    "ann": claims_of("1", roles=["support"], scope="orders.read x"),
    "bo": claims_of("2", roles=["support", "admin"], scp=["orders.read"], tenant="acme"),
    "cy": claims_of("3", roles="support", scope="orders.readers"),
    "vip": claims_of("ann"),
    "odd": Claims("token", {"sub": 7}, "7"),
}


class Shop(NamedTuple):
    host: Host
    upstream: WireServer
    tokens: Credentials

    def get(self, target: str, who: str = "", **headers: str) -> Answer:
        return self.host.get(target, **(bearer(who) if who else {}), **headers)

    def ask(self, method: str, target: str, who: str = "", body: bytes | None = None) -> Answer:
        headers = {"content-type": "application/json"} if body is not None else {}
        return self.host.request(
            method, target, {**headers, **(bearer(who) if who else {})}.items(), body
        )

    def calls(self) -> int:
        return len(self.upstream.requests)


@pytest.fixture(scope="module", params=HOSTS)
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("shop")
    tokens, keys = Credentials(KNOWN), Credentials({"k1": Claims("api_key", {"sub": "k"}, "k")})
    provider = ConfiguredProvider(
        IdentityPlan(),
        [
            CredentialKindReader(BearerToken(), tokens),
            CredentialKindReader(KeyHeader("x-api-key"), keys),
        ],
    )
    with WireServer(json_reply(REPLY)) as upstream:
        write_project(
            folder,
            COMPOSITIONS,
            services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)},
            schemas={"shop": SHOP_SCHEMAS, "auth": SCHEMA},
            gateway=GATEWAY,
            access=None,
        )
        settings = Settings(log_level="error")
        with serving(request.param, folder, settings=settings, identity=provider) as host:
            yield Shop(host, upstream, tokens)
    assert not tokens.is_open, "the provider is closed with the gateway"


def says(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["reason"]


def test_what_states_no_access_is_denied_to_everybody(shop: Shop) -> None:
    calls, asked = shop.calls(), len(shop.tokens.asked)
    for who in ("", "ann", "nobody"):
        for method, target in (
            ("GET", "/denied"),
            ("GET", "/nowhere/x"),
            ("POST", "/nowhere/x"),
            ("QUERY", "/nowhere"),
        ):
            answer = shop.ask(method, target, who)
            assert says(answer) == (401, "no_access")
            assert answer.header("www-authenticate") == 'Bearer realm="gateway"'
        assert shop.ask("HEAD", "/denied", who).status == 401
        assert shop.ask("OPTIONS", "/denied", who).status == 401
        assert shop.ask("OPTIONS", "/nowhere/x", who).status == 401
    assert (shop.calls(), len(shop.tokens.asked)) == (calls, asked), "nobody is asked who calls"


@pytest.mark.parametrize("late", ["", "late-"], ids=["at once", "waited for"])
def test_credentials_decide_before_params_and_params_before_the_condition(
    shop: Shop, late: str
) -> None:
    calls = shop.calls()
    assert says(shop.get("/staff?page=x")) == (401, "no_credentials")
    assert says(shop.get("/staff?page=x", f"{late}nobody")) == (401, "invalid_token")
    assert says(shop.get("/staff?page=x", f"{late}cy")) == (403, "wrong_role")
    assert says(shop.get("/staff?page=x", f"{late}ann")) == (400, "bad_params")
    assert says(shop.get("/own/x", f"{late}bo")) == (400, "bad_params")
    assert says(shop.get("/own/1", f"{late}bo")) == (403, "not_permitted")
    assert shop.calls() == calls, "who is refused costs no call"
    assert shop.get("/staff?page=1", f"{late}ann").status == 200
    assert shop.get("/own/1", f"{late}ann").status == 200
    assert says(shop.get("/own/1", f"{late}bo")) == (403, "not_permitted"), "nor from memory"


@pytest.mark.parametrize("late", ["", "late-"], ids=["at once", "waited for"])
def test_who_may_call_is_decided_before_the_body_is_read(shop: Shop, late: str) -> None:
    calls = shop.calls()
    broken = b"{no JSON"
    assert says(shop.ask("POST", "/buy/x", "", broken)) == (401, "no_credentials")
    assert says(shop.ask("POST", "/buy/x", f"{late}bo", broken)) == (400, "bad_params")
    assert says(shop.ask("POST", "/buy/1", f"{late}bo", broken)) == (403, "not_permitted")
    heads = shop.ask("POST", "/buy/1?quantity=x", f"{late}ann", broken).json()["errors"]
    assert [each["in"] for each in heads] == ["query"], "the body is read when the head is right"
    bodies = shop.ask("POST", "/buy/1", f"{late}ann", broken).json()["errors"]
    assert [each["in"] for each in bodies] == ["body"]
    assert shop.calls() == calls
    assert shop.ask("POST", "/buy/1", f"{late}ann", b'{"note": "x"}').status == 200


@pytest.mark.parametrize("late", ["", "late-"], ids=["at once", "waited for"])
def test_caller_is_identified_once_a_request(shop: Shop, late: str) -> None:
    shop.tokens.asked.clear()
    for number in range(1, 4):  # from the second on, the line is remembered and memory has it
        shop.get("/own/1", f"{late}ann")
        shop.get("/raw/users/1", f"{late}ann")
        shop.ask("POST", "/buy/1", f"{late}ann", b'{"note": "x"}')
        assert len(shop.tokens.asked) == 3 * number


def test_public_endpoint_asks_nobody_and_takes_any_credential(shop: Shop) -> None:
    shop.tokens.asked.clear()
    assert shop.get("/public", "nobody").status == 200
    assert shop.tokens.asked == []


@pytest.mark.parametrize("late", ["", "late-"], ids=["at once", "waited for"])
def test_routes_take_roles_and_conditions_for_every_method(shop: Shop, late: str) -> None:
    for method in ("GET", "HEAD", "POST", "QUERY", "OPTIONS", "DELETE"):
        assert shop.ask(method, "/raw/users/1").status == 401
        assert shop.ask(method, "/raw/users/1", f"{late}cy").status == 200
        assert shop.ask(method, "/staff-only/users/1", f"{late}ann").status == 403
        assert shop.ask(method, "/staff-only/users/1", f"{late}bo").status == 200
        assert shop.ask(method, "/vips/users/1", f"{late}ann").status == 403
        assert shop.ask(method, "/vips/users/1", f"{late}vip").status == 200


def test_plain_options_takes_the_access_of_the_endpoint(shop: Shop) -> None:
    assert shop.ask("OPTIONS", "/own/1").status == 401
    assert shop.ask("OPTIONS", "/own/1", "bo").status == 403
    answer = shop.ask("OPTIONS", "/own/1", "ann")
    assert (answer.status, answer.header("allow")) == (204, "GET, HEAD, OPTIONS")
    assert shop.ask("OPTIONS", "/buy/2", "ann").status == 403


def test_preflight_carries_no_credentials_and_needs_none(shop: Shop) -> None:
    answer = shop.host.request(
        "OPTIONS", "/own/1", [("Origin", PAGE), ("Access-Control-Request-Method", "GET")]
    )
    assert (answer.status, answer.header("access-control-allow-origin")) == (204, PAGE)


def test_condition_admits_nobody_where_both_sides_are_absent(shop: Shop) -> None:
    assert shop.get("/tenant", "ann").status == 403
    assert shop.get("/tenant", "bo").status == 403
    assert shop.get("/tenant?tenant=acme", "ann").status == 403
    assert shop.get("/tenant?tenant=acme", "bo").status == 200


def test_scopes_are_words_and_roles_a_list(shop: Shop) -> None:
    assert shop.get("/orders", "ann").status == shop.get("/orders", "bo").status == 200
    answer = shop.get("/orders", "cy")
    assert says(answer) == (403, "insufficient_scope")
    assert answer.header("www-authenticate") == (
        'Bearer realm="gateway", error="insufficient_scope",'
        ' error_description="The caller lacks a scope that this takes.", scope="orders.read"'
    )
    assert says(shop.get("/staff?page=1", "cy")) == (403, "wrong_role"), (
        "a text is no list of roles"
    )


def test_refusals_say_what_is_wrong_by_rfc_6750_and_nothing_of_the_token(shop: Shop) -> None:
    without = shop.get("/plain", origin=PAGE)
    assert without.header("www-authenticate") == 'Bearer realm="gateway"'
    wrong = shop.get("/plain", "secret-of-mine", origin=PAGE)
    assert wrong.header("www-authenticate") == (
        'Bearer realm="gateway", error="invalid_token",'
        ' error_description="The token is none that the gateway takes."'
    )
    forbidden = shop.get("/own/1", "bo", origin=PAGE)
    for answer in (without, wrong, forbidden):
        assert answer.header("content-type") == "application/problem+json"
        assert answer.header("access-control-allow-origin") == PAGE
        assert answer.header("cache-control") == "no-store"
        assert b"secret-of-mine" not in answer.body
    assert forbidden.header("www-authenticate") is None


def test_token_whose_claims_are_of_another_type_is_refused(shop: Shop) -> None:
    assert says(shop.get("/plain", "odd")) == (401, "invalid_token")


def test_two_credentials_of_kinds_that_are_read_are_refused_unread(shop: Shop) -> None:
    shop.tokens.asked.clear()
    both = shop.get("/plain", "ann", x_api_key="k1")
    assert says(both) == (400, "invalid_request")
    twice = [("Authorization", "Bearer ann"), ("Authorization", "Bearer bo")]
    assert shop.host.request("GET", "/plain", twice).status == 400
    mixed = [("Authorization", "Basic eDp5"), ("Authorization", "Bearer bo")]
    assert shop.host.request("GET", "/plain", mixed).status == 400
    keys = [("X-Api-Key", "k1"), ("X-Api-Key", "k2")]
    assert shop.host.request("GET", "/plain", keys).status == 400
    assert shop.tokens.asked == []
    assert shop.get("/plain", x_api_key="k1").status == 200


@pytest.mark.parametrize(
    "value", ["bearer ann", "BEARER ann", "Bearer   ann", "bEaReR ann "], ids=repr
)
def test_scheme_is_read_in_any_case_and_before_any_blanks(shop: Shop, value: str) -> None:
    assert shop.get("/plain", authorization=value).status == 200


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/plain", {"authorization": "Basic YW5uOng="}),
        ("/plain", {"authorization": "ann"}),
        ("/plain?access_token=ann&x-api-key=k1", {}),
        ("/plain", {"cookie": "access_token=ann; authorization=Bearer%20ann; x-api-key=k1"}),
        ("/plain", {"proxy_authorization": "Bearer ann"}),
        ("/plain", {"x_forwarded_user": "ann", "user_agent": "kube-probe/1.30"}),
    ],
    ids=["Basic", "no scheme", "query", "cookies", "a proxy's", "a health check's"],
)
def test_what_is_no_credential_of_ours_is_nobodys(
    shop: Shop, target: str, headers: dict[str, str]
) -> None:
    shop.tokens.asked.clear()
    assert says(shop.get(target, **headers)) == (401, "no_credentials")
    assert shop.tokens.asked == []


def test_payload_that_not_everybody_may_have_is_never_public(shop: Shop) -> None:
    for _ in range(2):
        answer = shop.get("/own/1", "ann")
        assert answer.header("cache-control") == "private, no-cache"


@pytest.mark.parametrize("name", HOSTS)
def test_project_without_identity_admits_nobody_but_to_what_is_public(
    tmp_path: Path, name: str
) -> None:
    named = {key: COMPOSITIONS[key] for key in ("public", "plain", "denied")}
    write_project(tmp_path, named, access=None)
    with serving(name, tmp_path, settings=Settings(log_level="error")) as host:
        assert host.get("/public").status == 502
        for target in ("/plain", "/denied"):
            answer = host.get(target, **bearer("ann"))
            assert answer.status == 401
            assert answer.header("www-authenticate") == 'Bearer realm="gateway"'
