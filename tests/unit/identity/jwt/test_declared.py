"""What `identity.jwt` says, compiled; and secrets that an environment shows to be too short."""

from pathlib import Path

import pytest

from bff.environment import Environment
from bff.errors import ProjectError
from bff.plan.compiler.project import compile_project
from bff.plan.model.identity import PublishedKeys, SharedSecret, TokenIssuer
from bff.secret import Secret
from tests.support.projects import write_project

GATEWAY = """
    identity:
      jwt:
        - issuer: https://id.example
          audience: [shop, api]
          algorithms: [RS256, ES256]
          keys: https://id.example/jwks.json
        - {issuer: "${env.ISSUER}", audience: [shop], algorithms: [EdDSA], discovery: true, leeway: 0s}
        - issuer: internal
          audience: [shop]
          algorithms: [HS384]
          secret: "${secret.HS}"
          leeway: 1m
          typ: application/AT+jwt
    """  # noqa: E501


def compiled(folder: Path, secret: str, issuer: str = "http://localhost:9") -> list[TokenIssuer]:
    write_project(folder, gateway=GATEWAY)
    project = compile_project(folder, Environment({"HS": secret, "ISSUER": issuer}))
    return list(project.identity.jwt)


def test_issuers_are_compiled_in_their_order(tmp_path: Path) -> None:
    secret = "x" * 48
    both = frozenset({"shop", "api"})
    shop = frozenset({"shop"})
    keys = PublishedKeys("https://id.example/jwks.json")
    assert compiled(tmp_path, secret) == [
        TokenIssuer("https://id.example", both, ("RS256", "ES256"), keys, 30.0),
        TokenIssuer("http://localhost:9", shop, ("EdDSA",), PublishedKeys(None), 0.0),
        TokenIssuer("internal", shop, ("HS384",), SharedSecret(Secret(secret)), 60.0, "at+jwt"),
    ]


@pytest.mark.parametrize("secret", ["x", "x" * 47, "ü" * 23 + "x"])
def test_secret_that_is_too_short_is_a_problem_and_is_not_shown(
    tmp_path: Path, secret: str
) -> None:
    with pytest.raises(ProjectError) as broken:
        compiled(tmp_path, secret)
    (problem,) = broken.value.problems
    assert problem.path == "identity.jwt[2].secret"
    assert problem.what == "the secret has fewer than the 48 bytes that HS384 takes"
    assert problem.mend == "Make one: openssl rand -base64 48."


def test_plain_http_of_the_environment_is_a_problem_too(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"identity\.jwt\[1\]\.issuer: plain http would let"):
        compiled(tmp_path, "x" * 48, "http://id.example")
