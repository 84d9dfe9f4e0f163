"""What labels may be: every issuer, limit and server that a project has is one of the values."""

from pathlib import Path

import pytest

from bff.plan.compiler.project import compile_project
from bff.telemetry.metrics.families import Domains
from bff.web.telemetry.domains import label_domains
from tests.support.projects import HOME, SHOP_SERVICE, write_project

GATEWAY = """
identity:
  jwt: [{issuer: https://a.example, audience: [shop], algorithms: [ES256], discovery: true}]
  introspection:
    issuer: https://b.example
    url: https://b.example/introspect
    client_id: shop
    client_secret: "${secret.ASK}"
    audience: any
  sessions:
    issuer: https://c.example
    client_id: shop
    client_secret: "${secret.ASK}"
    public_url: https://shop.example
    keys: ["${secret.KEY}"]
limits: [{by: address, rate: 9/minute}]
routes:
  /raw: {service: shop, limits: [{by: address, rate: 9/minute}]}
"""
AUTH = """
auth:
  client_credentials: {token_url: "https://t.example/token", client_id: a, client_secret: b}
"""


@pytest.fixture
def domains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Domains:
    monkeypatch.setenv("ASK", "a-secret-for-tests")
    monkeypatch.setenv("KEY", "a-key-of-thirty-two-characters-and-more")
    folder = write_project(
        tmp_path,
        {"home": HOME + "limits: [{by: address, rate: 9/minute}]\n"},
        services={"shop": SHOP_SERVICE + AUTH.replace("secret: b", 'secret: "${secret.ASK}"')},
        gateway=GATEWAY,
    )
    return label_domains(compile_project(folder), ["/home"])


def test_issuers_are_those_of_tokens_of_sessions_and_of_introspection(domains: Domains) -> None:
    issuers = {f"https://{name}.example" for name in "abc"}
    assert {name for (name,) in domains[("issuer",)]} == issuers


def test_limits_are_those_of_the_project_its_endpoints_and_its_credentials(
    domains: Domains,
) -> None:
    """Endpoints may have limits of one name: the place where each is declared separates them."""
    assert {name for (name,) in domains[("limit",)]} == {
        "address",
        "address-2 of compositions/home.yaml",
        "address-2 of /raw",
        "failed_credentials",
    }


def test_servers_are_instances_and_where_tokens_for_them_come_from(domains: Domains) -> None:
    servers = {("127.0.0.1", "9"), ("t.example", "443")}
    assert domains[("server_address", "server_port")] == servers
    assert domains[("service", "server_address", "server_port")] == {
        ("shop", *server) for server in servers
    }
