"""`bff check`, as a terminal and a machine see it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bff.cli import bff
from tests.support.projects import HOME, SHOP_SCHEMAS, SHOP_SERVICE, write_project


def check(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(bff, ("check", "--project", str(folder), *arguments))


def test_what_a_schema_module_prints_goes_to_stderr_and_leaves_the_result_clean(
    tmp_path: Path,
) -> None:
    schemas = {
        "shop": SHOP_SCHEMAS,
        "talks": "import sys\nprint('hello')\nsys.stdout.write('you')\n",
    }
    result = check(write_project(tmp_path, schemas=schemas), "--format", "json")
    assert json.loads(result.stdout) == {"problems": [], "warnings": [], "wanted": []}
    assert result.stderr == "hello\nyou"


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "SystemExit(0)"])
def test_schema_module_that_gives_up_is_a_problem_with_its_line(
    raised: str, tmp_path: Path
) -> None:
    schemas = {"shop": SHOP_SCHEMAS, "gives_up": f"x = 1\nraise {raised}\n"}
    result = check(write_project(tmp_path, schemas=schemas), "--format", "json")
    (problem,) = json.loads(result.stdout)["problems"]
    assert (result.exit_code, problem["file"], problem["line"]) == (1, "schemas/gives_up.py", 2)


@pytest.mark.parametrize(
    ("compositions", "operations", "said"),
    [
        ({}, SHOP_SERVICE, "0 compositions over 4 operations: no problem.\n"),
        (
            {"home": HOME},
            SHOP_SERVICE[: SHOP_SERVICE.index("  list_orders")],
            "1 composition over 1 operation: no problem.\n",
        ),
    ],
)
def test_sound_project_is_counted_in_words_that_agree(
    compositions: dict[str, str], operations: str, said: str, tmp_path: Path
) -> None:
    project = write_project(tmp_path, compositions, services={"shop": operations})
    assert check(project).stdout == said


FORGOTTEN = """
endpoint: GET /home
steps:
  user: {call: shop.get_user, with: {id: 1}}
headers: {X-Role: user.role}
cache: {ttl: 1m, tags: ["user:{{ user.id }}"]}
response:
  braces: "{{ user.id }}"
  dollar: $user.id
  path: user.role
  index: user[0].id
  of_params: params.id
  text: ${'user.role'}
  price: $5
  sentence: user.role is
  name: user
  other: users.role
"""


def test_texts_that_look_like_forgotten_expressions_are_warnings(tmp_path: Path) -> None:
    """They exit with 0, and with 1 as the problems of `--strict`."""
    project = write_project(tmp_path, {"home": FORGOTTEN}, services={"shop": SHOP_SERVICE})
    found = check(project)
    lines = found.stdout.splitlines()
    assert found.exit_code == 0
    assert lines[-1] == "1 composition over 4 operations: no problem."
    assert lines[0] == (
        "warning: compositions/home.yaml:4:19 headers.X-Role: this is a text, and looks like an "
        "expression. Write ${user.role}. If it is a text, say so: ${'…'}."
    )
    told = [line.split()[2] for line in lines[:-1]]
    assert told == [
        "headers.X-Role:",
        "cache.tags[0]:",
        *(f"response.{name}:" for name in ("braces", "dollar", "path", "index", "of_params")),
    ]
    strict = check(project, "--strict")
    assert strict.exit_code == 1
    assert strict.stdout.splitlines() == [line.removeprefix("warning: ") for line in lines[:-1]]
    as_json = json.loads(check(project, "--format", "json").stdout)
    assert (as_json["problems"], len(as_json["warnings"])) == ([], 7)
    assert len(json.loads(check(project, "--format", "json", "--strict").stdout)["problems"]) == 7
