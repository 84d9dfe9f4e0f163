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
    assert json.loads(result.stdout) == {"problems": [], "warnings": []}
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
