"""A service's headers, query and auth in plans, in warnings, and in the keys of what is cached."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bff.cache.keys import KeyRecipe
from bff.cli import bff
from bff.environment import Environment
from bff.plan.compiler.project import check_project, compile_project
from tests.support.projects import HOME, SHOP_SERVICE, write_project

OWN = """
base: "${env.URL}"
headers: {X-Api-Version: "${env.VERSION || '3'}"}
query: {tenant: "${secret.TENANT}"}
auth:
  client_credentials:
    token_url: "${env.LOGIN || 'http://login'}/token"
    client_id: "${env.ID || 'shop'}"
    client_secret: "${secret.SECRET}"
    scopes: ["${env.SCOPE || 'read'}"]
    audience: "${env.AUDIENCE || 'api'}"
"""
ENVIRONMENT = {"TENANT": "a", "SECRET": "s", "URL": "http://one"}


def shop(own: str = OWN) -> str:
    service = SHOP_SERVICE.replace("base: http://127.0.0.1:9", own)
    return service.replace("minimum: 1}", "minimum: 1, maximum: \"${env.MOST || '99'}\"}")


def keys(folder: Path, *, namespace: str = "shared", **variables: str) -> tuple[str, str]:
    """The key of a payload, and what the keys of its replies are made from."""
    gateway = f"cache: {{namespace: {namespace}}}" if namespace else ""
    home = HOME + "cache: {ttl: 1m}\n"
    write_project(folder, {"home": home}, services={"shop": shop()}, gateway=gateway)
    project = compile_project(folder, Environment({**ENVIRONMENT, **variables}))
    (composition,) = project.compositions
    digest = composition.steps[0].operation.digest
    return KeyRecipe(composition)({"user_id": 1}, {}, ""), f"{project.namespace} {digest}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VERSION", "4"),
        ("MOST", "98"),
        ("LOGIN", "http://other"),
        ("ID", "stop"),
        ("SCOPE", "write"),
        ("AUDIENCE", "apis"),
        ("TENANT", "b"),
        ("SECRET", "t"),
    ],
)
def test_environments_that_share_a_store_differ_by_what_the_release_resolved(
    tmp_path: Path, name: str, value: str
) -> None:
    """Test and live differ by key alone."""
    live, again, test = keys(tmp_path), keys(tmp_path), keys(tmp_path, **{name: value})
    assert live == again
    assert live[0] != test[0]
    assert live[1] != test[1]


def test_addresses_are_in_a_key_by_the_namespace_alone(tmp_path: Path) -> None:
    assert keys(tmp_path) == keys(tmp_path, URL="http://two")
    one, two = (keys(tmp_path, namespace="", URL=url) for url in ("http://one", "http://two"))
    assert one[0] != two[0]
    assert one[1].split()[1] != two[1].split()[1]  # secrets are hashed under the namespace


def test_keys_of_a_service_without_any_of_this_need_no_hash(tmp_path: Path) -> None:
    write_project(tmp_path)
    (composition,) = compile_project(tmp_path).compositions
    assert not composition.steps[0].operation.sends_own_credentials


def test_plan_names_what_is_sent_and_shows_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    routes = """
    routes:
      /lent: {service: shop, credentials: service}
      /raw: {service: shop}
    """
    write_project(tmp_path, services={"shop": shop()}, gateway=routes)
    run = CliRunner().invoke
    text = run(bff, ("plan", "home", "--project", str(tmp_path))).output
    facts = "auth by tokens; headers x-api-version; query tenant"
    assert f"  shop: {facts}\n" in text
    lent, raw = (
        line
        for line in run(bff, ("routes", "--project", str(tmp_path))).output.splitlines()
        if line.startswith("any")
    )
    assert f"service shop ({facts})" in lent
    assert "tokens" not in raw


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        ('{bearer: "${secret.A}"}', "a bearer token"),
        ('{basic: {user: "${secret.B}", password: "${secret.A}"}}', "a user and a password"),
        ('{api_key: {in: query, name: k, value: "${secret.A}"}}', "an API key in the query as k"),
    ],
)
def test_plan_says_how_the_gateway_identifies_itself(tmp_path: Path, auth: str, shown: str) -> None:
    write_project(tmp_path, services={"shop": shop(f"base: http://h\nauth: {auth}")})
    text = CliRunner().invoke(bff, ("plan", "home", "--project", str(tmp_path))).output
    assert f"  shop: auth by {shown}" in text


def test_plan_says_when_a_refusal_is_the_callers(tmp_path: Path) -> None:
    params = "params:\n      Authorization: {in: header, type: string, required: false}\n"
    service = SHOP_SERVICE.replace("params:\n", params, 1)
    home = HOME.replace("params:\n", params.replace("      ", "  "), 1)
    home = home.replace("with:\n", "with:\n      Authorization: ${params.Authorization}\n")
    write_project(tmp_path, {"home": home}, services={"shop": service})
    text = CliRunner().invoke(bff, ("plan", "home", "--project", str(tmp_path))).output
    assert "    401 and 403 are the caller's where Authorization is sent\n" in text


@pytest.mark.parametrize("stated", [", access: public", ""], ids=["its own", "the default"])
def test_route_that_lends_credentials_to_everybody_is_warned_of(
    tmp_path: Path, stated: str
) -> None:
    gateway = f"routes: {{/raw: {{service: shop, credentials: service{stated}}}}}"
    write_project(tmp_path, services={"shop": shop()}, gateway=gateway)
    (warning,) = check_project(tmp_path).warnings
    assert str(warning) == (
        "gateway.yaml:1:45 routes./raw.credentials: anyone may call shop here with the gateway's"
        " own credentials. Let compositions ask for what everybody may have, and write"
        " `access: authenticated` at the route."
    )
