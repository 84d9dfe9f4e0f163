"""What services learn of callers, compiled: scope, keys, claims' types, warnings, and what plans
show."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bff.cli import bff
from bff.engine.steps.requests import StepRequest
from bff.engine.steps.shared_calls import ReplyKeyRecipe
from bff.environment import Environment
from bff.plan.compiler.project import check_project, compile_project
from bff.plan.model.composition import Composition
from bff.plan.model.steps import Step
from tests.support.projects import SHOP_SERVICE, write_project

EXCHANGE = """auth:
  exchange:
    token_url: http://login/token
    client_id: shop
    client_secret: "${secret.S}"
    audience: orders
    scopes: [read]
"""
DISCLOSURES = {
    "headers": "caller_headers: {X-User: '${claims.sub}'}\n",
    "relay": "auth: {relay: true}\n",
    "exchange": EXCHANGE,
}
PAGE = """
endpoint: GET /page
access: authenticated
steps:
  user: {call: shop.get_user, with: {id: 1}}
response: {is_there: true}
cache: {ttl: 1m}
"""
SCHEMAS = """
from pydantic import BaseModel


class Address(BaseModel):
    city: str


class Claims(BaseModel):
    sub: str
    tenant: str | None = None
    roles: list[str] = []
    age: int
    address: Address
    groups: list[Address] = []
"""


def compiled(
    folder: Path, service: str, page: str = PAGE, secret: str = "s3cret", cache: str = ""
) -> Composition:
    shop = SHOP_SERVICE.replace("schemas.shop:User\n", f"schemas.shop:User\n{cache}", 1)
    write_project(folder, {"page": page}, services={"shop": shop + service})
    (composition,) = compile_project(folder, Environment({"S": secret})).compositions
    return composition


def step_of(composition: Composition) -> Step:
    return composition.steps[0]


@pytest.mark.parametrize("kind", DISCLOSURES)
def test_composition_that_calls_such_a_service_is_one_callers_whatever_it_reads(
    tmp_path: Path, kind: str
) -> None:
    composition = compiled(tmp_path, DISCLOSURES[kind])
    assert (composition.scope, composition.steps[0].scope) == ("identity", "identity")
    text = CliRunner().invoke(bff, ("plan", "page", "--project", str(tmp_path)), env={"S": "s"})
    assert {
        "headers": "claims.sub → 'user' (caller_headers.X-User)",
        "relay": "the caller's token → 'user' (auth)",
        "exchange": "the caller's token → 'user' (auth)",
    }[kind] in text.output


@pytest.mark.parametrize("kind", DISCLOSURES)
@pytest.mark.parametrize(
    ("page", "cache"),
    [
        (PAGE, "    cache: {ttl: 1m}\n"),
        (PAGE.replace("with: {id: 1}", "with: {id: 1}, cache: {ttl: 1m}"), ""),
        (PAGE.replace("with: {id: 1}", "with: {id: 1}, on_failure: stale"), ""),
    ],
    ids=["operation", "step", "stale"],
)
def test_stored_replies_of_such_a_service_are_one_callers(
    tmp_path: Path, kind: str, page: str, cache: str
) -> None:
    caching = step_of(compiled(tmp_path, DISCLOSURES[kind], page, cache=cache)).cache
    assert caching is not None
    assert caching.scope == "identity"


def test_keys_hold_all_that_a_service_learns(tmp_path: Path) -> None:
    services = [
        "",
        *DISCLOSURES.values(),
        "caller_headers: {X-User: '${claims.id}'}\n",
        "caller_headers: {X-Id: '${claims.sub}'}\n",
        EXCHANGE.replace("audience: orders", "audience: stock"),
        EXCHANGE.replace("[read]", "[write]"),
        EXCHANGE + "    resource: https://orders.test\n",
    ]
    digests = [compiled(tmp_path, each).digest for each in services]
    digests.append(compiled(tmp_path, EXCHANGE, secret="another").digest)
    assert len(set(digests)) == len(digests)


def test_key_of_a_stored_reply_holds_claims_that_no_identitys_key_has(tmp_path: Path) -> None:
    """The session's id, for one: `Identity.key` leaves out what names the one token."""
    service = "caller_headers: {X-Session: '${claims.sid}'}\n"
    step = step_of(compiled(tmp_path, service, cache="    cache: {ttl: 1m}\n"))
    assert step.cache is not None
    key_of = ReplyKeyRecipe(step.operation, step.cache, "shop")
    request = StepRequest("/users/1", (), None, {})
    keys = [
        key_of(request, "ann", {"sid": "1"}),
        key_of(request, "ann", {"sid": "2"}),
        key_of(request, "ann", {}),
        key_of(request, "bo", {"sid": "1"}),
    ]
    assert len(set(keys)) == len(keys)
    assert key_of(request, "ann", {"sid": "1", "jti": "7"}) == keys[0]


def test_key_of_a_stored_reply_holds_all_claims_where_all_are_told(tmp_path: Path) -> None:
    service = "caller_headers: {X-Claims: '${to_string(claims)}'}\n"
    step = step_of(compiled(tmp_path, service, cache="    cache: {ttl: 1m}\n"))
    assert step.cache is not None
    key_of = ReplyKeyRecipe(step.operation, step.cache, "shop")
    request = StepRequest("/users/1", (), None, {})
    assert key_of(request, "ann", {"jti": "1"}) != key_of(request, "ann", {"jti": "2"})


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("${claims.sub}", None),
        ("${claims.tenant}", None),
        ("${claims.roles}", None),
        ("${claims.age}", None),
        ("${claims.sub || 'nobody'}", None),
        ("user ${claims.sub || 'nobody'}", None),
        ("${claims.address.city}", None),
        ("user ${claims.sub}", "may be null, and null is no text"),
        ("${claims.address}", "Address can't be in a header"),
        ("${claims.groups}", "can't be in a header"),
        ("${claims.id}", "'id'"),
        ("${length(claims.roles)}", "null"),
    ],
)
def test_header_is_typed_by_the_claims_and_anyone_may_be_nobody(
    tmp_path: Path, header: str, what: str | None
) -> None:
    service = f'{SHOP_SERVICE}caller_headers: {{X-A: "{header}"}}\n'
    gateway = "identity: {claims: schemas.auth:Claims}\n"
    write_project(tmp_path, {}, services={"shop": service}, gateway=gateway)
    (tmp_path / "schemas/auth.py").write_text(SCHEMAS, "utf-8")
    problems = [str(each) for each in check_project(tmp_path).problems]
    if what is None:
        assert problems == []
    else:
        (problem,) = problems
        assert what in problem


@pytest.mark.parametrize(
    ("service", "page", "warns"),
    [
        (DISCLOSURES["relay"], PAGE.replace("authenticated", "public"), True),
        (DISCLOSURES["exchange"], PAGE.replace("authenticated", "public"), True),
        (DISCLOSURES["headers"], PAGE.replace("authenticated", "public"), False),
        (DISCLOSURES["relay"], PAGE, False),
        (
            DISCLOSURES["relay"],
            PAGE.replace("authenticated", "public").replace(
                "id: 1}", "id: 1}, when: '${claims.sub}'"
            ),
            False,
        ),
    ],
)
def test_call_that_fails_for_everybody_whom_nobody_knows_is_a_warning(
    tmp_path: Path, service: str, page: str, warns: bool
) -> None:
    write_project(tmp_path, {"page": page}, services={"shop": SHOP_SERVICE + service})
    checked = check_project(tmp_path, Environment({"S": "s"}))
    assert checked.problems == ()
    assert [str(each) for each in checked.warnings] == [
        "compositions/page.yaml:4:16 steps.user.call: shop wants the caller's token, and anyone may"
        " ask here. Give the composition `access: authenticated`, or the step a `when` over claims."
    ] * warns


def test_plans_name_what_is_told_and_show_no_secret(tmp_path: Path) -> None:
    told = "caller_headers: {X-User: '${claims.sub}', X-Roles: '${claims.roles}'}\n"
    page = PAGE.replace("authenticated", "public")
    gateway = "defaults: {access: authenticated}\nroutes: {/raw: {service: shop}}\n"
    write_project(
        tmp_path,
        {"page": page},
        services={"shop": SHOP_SERVICE + EXCHANGE + told},
        gateway=gateway,
    )
    facts = (
        "auth by a token for orders, in exchange for the caller's;"
        " of the caller X-User ${claims.sub}, X-Roles ${claims.roles}"
    )
    run = CliRunner().invoke
    plan = run(bff, ("plan", "page", "--project", str(tmp_path)), env={"S": "s3cret"}).output
    assert f"  shop: {facts}\n" in plan
    assert "its service learns who calls: 401 and 403 are the caller's" in plan
    routes = run(bff, ("routes", "--project", str(tmp_path)), env={"S": "s3cret"}).output
    assert f"service shop ({facts})" in routes
    assert "s3cret" not in plan + routes


def test_route_that_lends_has_nothing_to_lend_but_the_callers_own(tmp_path: Path) -> None:
    gateway = "routes: {/raw: {service: shop, access: authenticated, credentials: service}}\n"
    write_project(
        tmp_path, {}, services={"shop": SHOP_SERVICE + DISCLOSURES["relay"]}, gateway=gateway
    )
    (problem,) = check_project(tmp_path).problems
    assert "shop has no headers, query or auth that this route could send" in str(problem)
