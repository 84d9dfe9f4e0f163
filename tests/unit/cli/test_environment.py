"""How commands read the environment: `--env`, `--env-file`, and what is wanted."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bff.cli import bff
from tests.support.projects import SHOP_SERVICE, write_project

COUNTED = "1 composition over 4 operations: no problem.\n"


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """`--env-file` sets variables of this process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    lines = 'base: "${env.SHOP_URL}"\nproxy: "http://me:${secret.SHOP_PW}@${env.SHOP_URL}"'
    service = SHOP_SERVICE.replace("base: http://127.0.0.1:9", lines)
    return write_project(tmp_path / "shop", services={"shop": service})


def run(project: Path, command: str, *arguments: str) -> Result:
    return CliRunner().invoke(bff, (command, "--project", str(project), *arguments))


def test_check_reads_no_environment_and_lists_what_is_wanted_with_its_places(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", "no address")
    result = run(project, "check")
    assert (result.exit_code, result.stdout) == (
        0,
        COUNTED + "\nWanted of the environment, which was not read (--env reads it):\n"
        "  env.SHOP_URL  services/shop.yaml:1:10, services/shop.yaml:2:39\n"
        "  secret.SHOP_PW  services/shop.yaml:2:21\n",
    )


def test_check_as_json_lists_what_is_wanted(project: Path) -> None:
    wanted = json.loads(run(project, "check", "--format", "json").stdout)["wanted"]
    assert wanted[0] == {
        "name": "env.SHOP_URL", "file": "services/shop.yaml", "line": 1, "column": 10,
    }  # fmt: skip
    assert len(wanted) == 3


def test_check_with_the_environment_reports_what_is_missing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_URL", "http://shop")
    result = run(project, "check", "--env")
    assert (result.exit_code, result.stdout) == (
        1,
        "services/shop.yaml:2:21 proxy: secret.SHOP_PW is not set."
        " Store it as SHOP_PW in BFF_SECRETS_DIR, or set the variable SHOP_PW.\n",
    )


def test_variables_of_the_file_are_read_where_they_are_not_set(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "SHOP_PW").write_text("hunter2\n")
    file = tmp_path / ".env"
    file.write_text(f"SHOP_URL=nowhere\nexport BFF_SECRETS_DIR='{tmp_path}/secrets' # mounted\n")
    monkeypatch.setenv("SHOP_URL", "proxy.test")
    result = run(project, "check", "--env-file", str(file))
    assert result.stdout.startswith("services/shop.yaml:1:7 base: this is no http address")
    monkeypatch.delenv("SHOP_URL")
    monkeypatch.delenv("BFF_SECRETS_DIR")
    file.write_text("SHOP_URL=http://shop\nSHOP_PW=hunter2")
    # The proxy's host would be `http://shop`, which is none.
    result = run(project, "check", "--env-file", str(file))
    assert result.stdout.startswith("services/shop.yaml:2:8 proxy: this is no address of an HTTP")
    assert "hunter2" not in result.output


@pytest.mark.parametrize("command", ["check", "plan", "routes", "serve", "purge"])
def test_every_command_takes_a_file_and_names_the_line_that_is_broken(
    project: Path, tmp_path: Path, command: str
) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\nhunter2 is no = 'line\n")
    result = CliRunner().invoke(bff, (command, "--env-file", str(file)))
    assert result.exit_code == 2
    assert f"{file}:2: this is no line NAME=value." in result.stderr
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"A=caf\xe9\n", "can't be read: it is not UTF-8"),
        (b"A=1\n" * 300_000, "has over 1048576 bytes"),
        (b"A='x\0y'\n", "a variable can't hold a NUL"),
    ],
)
def test_file_that_can_not_be_used_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / ".env"
    file.write_bytes(content)
    result = CliRunner().invoke(bff, ("check", "--env-file", str(file)))
    assert (result.exit_code, what in result.stderr) == (2, True), result.stderr


def test_plan_and_routes_are_shown_without_an_environment(project: Path) -> None:
    shown = [run(project, "plan", "home"), run(project, "routes")]
    assert [result.exit_code for result in shown] == [0, 0], shown
    assert "The environment was not read. Left out where they stand: " in shown[0].stdout
