"""What a version of a project is called in metrics and the log."""

import re
from pathlib import Path

import pytest

from bff.environment import Environment
from bff.plan.compiler.project import compile_project
from tests.support.projects import HOME, SHOP_SCHEMAS, SHOP_SERVICE, write_project


def release(folder: Path, **files: object) -> str:
    given: dict[str, object] = {"compositions": {"home": HOME}, **files}
    return compile_project(write_project(folder, **given)).release  # type: ignore[arg-type]


def release_in(folder: Path, **variables: str) -> str:
    """The release of a project with an address and a secret of the environment."""
    service = SHOP_SERVICE.replace(
        "base: http://127.0.0.1:9", 'base: "${env.SHOP}"\nauth: {bearer: "${secret.TOKEN}"}'
    )
    write_project(folder, {"home": HOME}, services={"shop": service})
    return compile_project(folder, Environment(variables)).release


def test_release_is_the_same_in_every_environment(tmp_path: Path) -> None:
    here = release_in(tmp_path / "a", SHOP="http://127.0.0.1:9", TOKEN="t" * 40)
    there = release_in(tmp_path / "b", SHOP="http://127.0.0.1:10", TOKEN="u" * 40)
    assert re.fullmatch("[0-9a-f]{12}", here)
    assert here == there


CHANGES = {
    "a composition": {"compositions": {"home": HOME + "summary: x\n"}},
    "one composition more": {"compositions": {"home": HOME, "away": HOME.replace("/home", "/x")}},
    "the gateway's file": {"gateway": "cors: {origins: ['https://shop.example']}"},
    "a service": {"services": {"shop": SHOP_SERVICE.replace("/users/{id}", "/people/{id}")}},
    "a schema": {"schemas": {"shop": SHOP_SCHEMAS.replace("role: Literal", "rolle: Literal")}},
}


@pytest.mark.parametrize("change", CHANGES)
def test_release_changes_with(change: str, tmp_path: Path) -> None:
    assert release(tmp_path / "a", **CHANGES[change]) != release(tmp_path / "b")
